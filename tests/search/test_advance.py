"""The contract of every engine's steps: several views go on together, whatever is killed when."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from search.comparison import compare_index
from search.connection import Connection
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.embedded import segments
from search.embedded.checkpoints import Checkpoints
from search.embedded.engine import EmbeddedEngine
from search.embedded.writer import MUCH
from search.engine import Change
from search.errors import ClusterAway, DamagedIndex, NotIndexed
from search.query import Query

Story = Callable[..., dict[str, Any]]
Documents = Mapping[str, dict[str, Any]]
BOTH = ("articles", "bylines")


def person(n: int, name: str) -> dict[str, Any]:
    return {"id": f"byline/{n}", "name": name, "sequence": 1}


class Stepped:
    """An archive of two views whose generations go on step by step, and what they should hold."""

    def __init__(self, archive: Any, story: Story) -> None:
        self.archive = archive
        self.engine = archive.engine
        self.story = story
        self.generation = 0
        self.held: dict[str, dict[str, dict[str, Any]]] = {view: {} for view in BOTH}

    def begin(self, **documents: Sequence[dict[str, Any]]) -> None:
        """Let these serve, in the next generation: as of sequence 10, the second as of 20."""
        self.generation += 1
        for view in BOTH:
            self.held[view] = {said["id"]: said for said in documents.get(view, ())}
            self.archive.build(list(self.held[view].values()), self.generation, view)
        self.engine.promote(dict.fromkeys(BOTH, self.generation))
        self.engine.clear()

    def change(
        self,
        view: str,
        documents: Sequence[dict[str, Any]] = (),
        gone: Sequence[str] = (),
        name: str = "step",
    ) -> Change:
        """A change of what began to serve; it counts as made."""
        self.held[view] |= {said["id"]: said for said in documents}
        for key in gone:
            self.held[view].pop(key, None)
        path = self.archive.write(view, documents, name) if documents else None
        return Change(view, self.generation, path, gone)

    def is_at(self, sequence: int) -> None:
        """Do both views say that they are at a sequence, and hold what they should?"""
        served = self.engine.serving()
        assert {view: served[view].sequence for view in BOTH} == dict.fromkeys(BOTH, sequence)
        for view in BOTH:
            assert served[view].documents == len(self.held[view])
            whole = self.archive.write(view, list(self.held[view].values()), "whole")
            assert not compare_index(whole, self.engine.digests(view, self.generation))
            answer = self.engine.search(Query(view=view, size=1000))
            assert {hit.id for hit in answer.hits} == set(self.held[view])
            assert answer.sequence == sequence


@pytest.fixture
def stepped(archive: Any, story: Story) -> Stepped:
    return Stepped(archive, story)


@pytest.fixture
def newsroom(stepped: Stepped) -> Stepped:
    stepped.begin(
        articles=[stepped.story(f"article/{n}", f"Whale {n}") for n in range(6)],
        bylines=[person(n, f"Ana {n}") for n in range(4)],
    )
    return stepped


def advanced(engine: Any, sequence: int, changes: Sequence[Change]) -> dict[str, Any]:
    """One step of the generations of these changes."""
    generations = {change.view: change.generation for change in changes}
    written = [change for change in changes if change.documents or change.gone]
    moved: dict[str, Any] = engine.advance(sequence, generations, iter(written))
    return moved


def both(newsroom: Stepped) -> list[Change]:
    return [
        newsroom.change("articles", [newsroom.story("article/1", "Ship")], ["article/2"]),
        newsroom.change("bylines", [person(1, "Bo"), person(9, "Cy")], ["byline/3"]),
    ]


def test_one_step_brings_several_views_to_a_later_sequence(newsroom: Stepped) -> None:
    changes = both(newsroom)
    moved = advanced(newsroom.engine, 25, changes)
    assert {view: moved[view].sequence for view in moved} == dict.fromkeys(BOTH, 25)
    newsroom.is_at(25)
    assert newsroom.archive.ids("ship") == ["article/1"]
    assert newsroom.archive.ids("bo", view="bylines") == ["byline/1"]
    advanced(newsroom.engine, 25, changes)  # a second time changes nothing
    newsroom.is_at(25)


def test_a_step_that_changes_nothing_says_that_it_was_made(newsroom: Stepped) -> None:
    for sequence in (11, 12):
        advanced(newsroom.engine, sequence, [Change(view, 1) for view in BOTH])
        newsroom.is_at(sequence)
    advanced(
        newsroom.engine, 13, [newsroom.change("articles", gone=["article/0"]), Change("bylines", 1)]
    )
    newsroom.is_at(13)


def test_a_view_that_is_not_in_a_step_stays(newsroom: Stepped) -> None:
    advanced(newsroom.engine, 25, [newsroom.change("articles", [newsroom.story("article/7")])])
    served = newsroom.engine.serving()
    assert {view: served[view].sequence for view in BOTH} == {"articles": 25, "bylines": 10}


def test_many_documents_are_a_step_like_few(newsroom: Stepped) -> None:
    many = [newsroom.story(f"article/{n}", f"Ship {n}") for n in range(2 * MUCH)]
    advanced(newsroom.engine, 20, both(newsroom))
    advanced(newsroom.engine, 30, [newsroom.change("articles", many), Change("bylines", 1)])
    advanced(newsroom.engine, 40, both(newsroom))
    served = newsroom.engine.serving()["articles"]
    assert (served.sequence, served.documents) == (40, len(newsroom.held["articles"]))
    whole = newsroom.archive.write("articles", list(newsroom.held["articles"].values()), "whole")
    assert not compare_index(whole, newsroom.engine.digests("articles", 1))


def test_a_generation_that_is_not_there_takes_no_step(newsroom: Stepped) -> None:
    with pytest.raises(DamagedIndex, match="generation 7 of bylines is gone or unfinished"):
        advanced(newsroom.engine, 25, [Change("articles", 1), Change("bylines", 7)])
    newsroom.is_at(10)


def test_rolling_back_leads_to_a_generation_at_its_own_sequence(newsroom: Stepped) -> None:
    advanced(newsroom.engine, 25, both(newsroom))
    newsroom.archive.build([newsroom.story("article/new")], generation=3)
    newsroom.engine.promote({"articles": 3})
    advanced(newsroom.engine, 40, [Change("articles", 3), Change("bylines", 1)])
    assert newsroom.engine.serving()["articles"].sequence == 40
    newsroom.engine.roll_back()
    served = newsroom.engine.serving()
    assert {view: served[view].sequence for view in BOTH} == {"articles": 25, "bylines": 40}
    assert newsroom.archive.ids("ship") == ["article/1"]
    advanced(
        newsroom.engine, 41, [newsroom.change("articles", gone=["article/0"]), Change("bylines", 1)]
    )
    newsroom.is_at(41)


def test_steps_go_on_after_the_engine_was_closed(newsroom: Stepped) -> None:
    advanced(newsroom.engine, 25, both(newsroom))
    newsroom.engine.close()
    newsroom.engine.close()
    advanced(
        newsroom.engine, 26, [newsroom.change("articles", gone=["article/0"]), Change("bylines", 1)]
    )
    newsroom.is_at(26)


KEYS = st.integers(0, 7)
STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "articles": st.dictionaries(KEYS, st.text("abc ", max_size=4) | st.none()),
            "bylines": st.dictionaries(KEYS, st.text("abc ", max_size=4) | st.none()),
            "again": st.booleans(),
            "closed": st.booleans(),
        }
    ),
    max_size=12,
)


@given_in_tiers(4, 30, steps=STEPS)
def test_any_steps_give_what_was_built_at_once(stepped: Stepped, steps: list[Any]) -> None:
    stepped.engine.close()
    stepped.begin(articles=[stepped.story("article/0")])
    first = 10 * stepped.generation
    for sequence, step in enumerate(steps, start=first + 1):
        changes = [
            stepped.change(
                view,
                [make(n, text) for n, text in step[view].items() if text is not None],
                [make(n, "")["id"] for n, text in step[view].items() if text is None],
            )
            for view, make in (
                ("articles", lambda n, text: stepped.story(f"article/{n}", text)),
                ("bylines", person),
            )
        ]
        for _ in range(2 if step["again"] else 1):
            advanced(stepped.engine, sequence, changes)
        if step["closed"]:
            stepped.engine.close()
    stepped.is_at(first + len(steps))


CHILD = """
    import json, os, signal, sys
    from importlib import import_module
    from pathlib import Path
    from newsroom import DOMAIN
    from search.connection import Connection
    from search.engine import Change

    home, url, prefix, steps, where, count = sys.argv[1:]
    if url:
        from search.elastic.engine import ElasticsearchEngine
        engine = ElasticsearchEngine(home, Connection(url, prefix=prefix), DOMAIN.views)
    else:
        from search.embedded.engine import EmbeddedEngine
        engine = EmbeddedEngine(home, DOMAIN.views)
    if where:
        module, kind, name = where.split(":")
        owner = getattr(import_module(module), kind)
        real, seen = getattr(owner, name), []
        def dying(*given, **named):
            seen.append(1)
            if len(seen) == int(count):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)
        setattr(owner, name, dying)
    for sequence, changes in json.loads(Path(steps).read_text()):
        changes = [Change(v, n, p and Path(p), gone) for v, n, p, gone in changes]
        generations = {change.view: change.generation for change in changes}
        engine.advance(sequence, generations, [c for c in changes if c.documents or c.gone])
        print(sequence, flush=True)
"""


def child(
    newsroom: Stepped,
    steps: Sequence[tuple[int, Sequence[Change]]],
    where: str = "",
    count: int = 1,
) -> subprocess.Popen[str]:
    """Another process that makes these steps, and is killed at the so many-th call of something."""
    used: Connection | None = getattr(newsroom.engine, "_connection", None)
    said = [
        (sequence, [(x.view, x.generation, x.documents and str(x.documents), x.gone) for x in step])
        for sequence, step in steps
    ]
    path = newsroom.archive.home / "steps.json"
    path.write_text(json.dumps(said))
    url, prefix = (used.url, used.prefix) if used else ("", "")
    arguments = [str(newsroom.archive.home), url, prefix, str(path), where, str(count)]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


PLACES = {
    "embedded": [
        ("search.embedded.writer:Writer:delete", 2),
        ("search.embedded.writer:Writer:commit", 1),
        ("search.embedded.writer:Writer:commit", 2),
        ("search.embedded.checkpoints:Checkpoints:update", 1),
        ("search.embedded.checkpoints:Checkpoints:_write", 1),
    ],
    "elasticsearch": [
        ("search.elastic.load:Loader:load", 2),
        ("search.elastic.load:Loader:_send_once", 2),
        ("search.elastic.steps:Steps:_write_all", 1),
        ("search.elastic.generations:ClusterGenerations:advance", 1),
    ],
}


@pytest.mark.slow
def test_a_step_that_is_killed_anywhere_is_made_by_making_it_again(
    newsroom: Stepped,
) -> None:
    kind = "embedded" if isinstance(newsroom.engine, EmbeddedEngine) else "elasticsearch"
    for sequence, (where, count) in enumerate(PLACES[kind], start=11):
        changes = [
            newsroom.change("articles", [newsroom.story("article/1", f"Ship {sequence}")], [
                f"article/{sequence - 9}"
            ], f"killed-{sequence}"),
            newsroom.change("bylines", [person(1, f"Bo {sequence}")], (), f"killed-{sequence}"),
        ]  # fmt: skip
        killed = child(newsroom, [(sequence, changes)], where, count)
        assert killed.communicate(timeout=60)[0] == "", where
        assert killed.returncode == -9, where
        newsroom.archive.ask("whale")  # who reads goes on
        assert newsroom.engine.serving()["articles"].sequence == sequence - 1
        advanced(newsroom.engine, sequence, changes)
        newsroom.is_at(sequence)
        newsroom.engine.close()


@pytest.mark.slow
def test_who_reads_while_another_process_steps_sees_each_step_and_never_an_older_one(
    newsroom: Stepped,
) -> None:
    """No query fails, and an answer is not older than what it says, nor than the one before."""
    steps = [
        (
            sequence,
            [
                newsroom.change(
                    "articles",
                    [newsroom.story(f"article/{n}", f"At {sequence}") for n in range(3)],
                    name=f"s{sequence}",
                ),
                newsroom.change("bylines", [person(1, f"At {sequence}")], name=f"s{sequence}"),
            ],
        )
        for sequence in range(11, 51)
    ]
    newsroom.archive.ask()  # opened before the first step
    exact = isinstance(newsroom.engine, EmbeddedEngine)
    stop = threading.Event()

    def at(view: str, key: str, title: str) -> tuple[int, int]:
        answer = newsroom.engine.search(Query(view=view, filters={"id": key}))
        text = answer.hits[0].document[title]
        return answer.sequence, int(text.split()[1]) if text.startswith("At ") else 10

    def read() -> list[tuple[int, int]]:
        seen = []
        while not stop.is_set():
            seen.append(at("articles", "article/1", "headline"))
            seen.append(at("bylines", "byline/1", "name"))
        return seen

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        stepping = child(newsroom, steps)
        assert stepping.stdout is not None
        for told in stepping.stdout:
            step = at("articles", "article/1", "headline")
            assert min(step) >= int(told)
        stop.set()
    assert stepping.wait() == 0
    seen = reader.result()
    assert all(document == said if exact else document >= said for said, document in seen)
    assert seen == sorted(seen, key=lambda pair: pair[0])
    documents = [document for _, document in seen[::2]]
    assert documents == sorted(documents)
    assert len(set(seen)) > 10
    newsroom.is_at(50)


# only the embedded engine


only_embedded = pytest.mark.parametrize("engine_of", ["embedded"], indirect=True)
only_a_cluster = pytest.mark.parametrize(
    "engine_of", [pytest.param("elasticsearch", marks=pytest.mark.server)], indirect=True
)


@only_embedded
def test_who_searches_never_writes_and_who_closed_lets_others_write(
    newsroom: Stepped, tmp_path: Path, views: Any
) -> None:
    another = EmbeddedEngine(tmp_path, views)
    change = newsroom.change("articles", [newsroom.story("article/1", "Ship")])
    another.search(Query("whale"))
    advanced(newsroom.engine, 11, [change])
    another.search(Query("whale"))
    with pytest.raises(NotIndexed, match="another process writes"):
        advanced(another, 12, [change])
    assert another.serving()["articles"].sequence == 11
    newsroom.engine.close()
    advanced(another, 12, [change])
    assert another.search(Query("ship")).sequence == 12


@only_embedded
def test_writers_go_with_the_generations_that_they_write(newsroom: Stepped) -> None:
    advanced(newsroom.engine, 11, both(newsroom))
    newsroom.archive.build([newsroom.story("article/1")], generation=2)
    newsroom.engine.promote({"articles": 2})
    advanced(newsroom.engine, 12, [Change("articles", 2), Change("bylines", 1)])
    assert set(newsroom.engine._steps._writers) == {("bylines", 1)}
    advanced(newsroom.engine, 13, [Change("articles", 2, gone=["article/1"])])
    assert set(newsroom.engine._steps._writers) == {("bylines", 1), ("articles", 2)}


@pytest.mark.slow
@only_embedded
def test_merges_in_the_background_are_no_damage(
    newsroom: Stepped, tmp_path: Path, views: Any
) -> None:
    """Readers that open an index again and again, while its files come and go."""
    folder = tmp_path / "index" / "000001" / "articles"
    stop = threading.Event()

    def read() -> list[int]:
        opened = []
        while not stop.is_set():
            answer = EmbeddedEngine(tmp_path, views).search(Query(filters={"id": "article/1"}))
            assert answer.hits[0].document["headline"] in ("Whale 1", f"At {answer.sequence}")
            opened.append(answer.sequence)
        return opened

    merged = False
    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        for sequence in range(11, 71):
            story = newsroom.story("article/1", f"At {sequence}")
            advanced(newsroom.engine, sequence, [newsroom.change("articles", [story])])
            merged = merged or len(segments.read(folder).deletions) < min(8, sequence - 10)
        stop.set()
    opened = reader.result()
    assert merged
    assert opened == sorted(opened)
    assert len(opened) > 10


@only_embedded
@pytest.mark.parametrize("damage", ["meta.json", "*.store", "*.term", "*.del", "checkpoints.json"])
def test_a_damaged_index_is_told_after_steps_too(
    newsroom: Stepped, tmp_path: Path, damage: str, views: Any
) -> None:
    advanced(newsroom.engine, 11, both(newsroom))
    newsroom.engine.close()
    index = tmp_path / "index"
    paths = [*index.glob(damage), *(index / "000001" / "articles").glob(damage)]
    assert paths
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DamagedIndex, match="run: stet rebuild") as told:
        EmbeddedEngine(tmp_path, views).search(Query("whale"))
    assert "\n" not in str(told.value)
    newsroom.archive.build([newsroom.story("article/new", "Whale")], generation=2)
    newsroom.engine.promote({"articles": 2})
    assert EmbeddedEngine(tmp_path, views).search(Query("whale")).total == 1


@only_embedded
def test_a_step_that_cannot_be_written_changes_nothing(
    newsroom: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    changes = both(newsroom)
    with monkeypatch.context() as patched:
        patched.setattr("search.embedded.writer.Writer.commit", full)
        with pytest.raises(NotIndexed, match=r"No space left on device\. Make room, and repeat"):
            advanced(newsroom.engine, 11, changes)
    assert newsroom.archive.ids("ship") == []
    assert newsroom.engine.serving()["articles"].sequence == 10
    advanced(newsroom.engine, 11, changes)
    newsroom.is_at(11)


@only_embedded
def test_checkpoints_of_generations_that_are_gone_are_forgotten(
    newsroom: Stepped, tmp_path: Path
) -> None:
    advanced(newsroom.engine, 11, both(newsroom))
    for generation in range(2, 6):
        for view in BOTH:
            newsroom.archive.build([], generation, view)
        newsroom.engine.promote(dict.fromkeys(BOTH, generation))
    newsroom.engine.clear()
    assert Checkpoints(tmp_path / "index").read() == {}


# only a cluster


@only_a_cluster
def test_a_step_that_was_made_and_not_heard_is_made_once(
    newsroom: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    advanced(newsroom.engine, 11, both(newsroom))
    ask = Cluster.ask
    unheard: list[str] = []

    def deaf(self: Cluster, method: str, path: str, *given: Any, **named: Any) -> Any:
        answer = ask(self, method, path, *given, **named)
        if path == "/_aliases" and not unheard:
            unheard.append(path)
            raise ClusterAway("the line went dead")
        return answer

    monkeypatch.setattr(Cluster, "ask", deaf)
    changes = [newsroom.change("articles", gone=["article/4"]), Change("bylines", 1)]
    advanced(newsroom.engine, 12, changes)
    assert unheard
    newsroom.is_at(12)


@only_a_cluster
def test_a_step_goes_on_after_a_replay_took_its_way_to_write(
    newsroom: Stepped, story: Story, views: Any
) -> None:
    bad = {**story("article/bad"), "section": {"id": "section/1", "name": "x" * 40_000}}
    changes = [newsroom.change("articles", [bad]), Change("bylines", 1)]
    for _ in range(2):
        advanced(newsroom.engine, 11, changes)
    assert newsroom.engine.rejected("articles", 1) == {"article/bad"}
    assert len(newsroom.engine.letters.letters("articles", 1)) == 1
    another = ElasticsearchEngine(newsroom.archive.home, newsroom.engine._connection, views)
    another.replay("articles", 1)
    advanced(newsroom.engine, 12, [newsroom.change("articles", [story("article/bad", "Good")])])
    assert newsroom.engine.rejected("articles", 1) == set()
    assert newsroom.archive.ids("good") == ["article/bad"]
