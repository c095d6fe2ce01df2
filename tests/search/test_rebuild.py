"""The main job: every view computed, indexed, checked, and promoted together, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import search
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES
from search import Query, SearchError, catch_up
from search.errors import DamagedIndex, NothingServes, NotPromoted, UnknownName
from search.local import EmbeddedEngine
from search.rebuild import Rebuild, run
from views import VIEW_NAMES, documents

HEADLINE = {"published_at": "1912-04-15T00:00:00Z"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tell(tmp_path, "section/sea", "SectionOpened", name="Sea")
    tell(tmp_path, "byline/ana", "BylineRegistered", name="Ana Ruiz")
    publish(tmp_path, 1)
    return tmp_path


def tell(home: Path, stream: str, kind: str, **data: Any) -> None:
    EventLog(home / "log", CATEGORIES).append([NewEvent(stream, kind, data)])


def publish(home: Path, number: int, **data: Any) -> None:
    given = {
        "headline": f"Whale {number}",
        "published_at": f"19{number % 100:02d}-04-15T00:00:00Z",
        "section_id": "section/sea",
        "byline_ids": ["byline/ana"],
        **data,
    }
    tell(home, f"article/{number:03d}", "ArticlePublished", **given)


def served(home: Path) -> dict[str, int]:
    return {view: found.generation for view, found in search.serving(home).items()}


def test_a_rebuild_lets_all_views_serve_what_the_log_says(home: Path) -> None:
    steps: list[str] = []
    result = run(home, progress=steps.append)
    assert [built.view for built in result.views] == list(VIEW_NAMES)
    assert served(home) == dict.fromkeys(VIEW_NAMES, result.generation)
    assert steps[:3] == [
        "articles: computing",
        "articles: indexing 1 documents",
        "articles: checking",
    ]
    answer = search.search(home, Query("whale", facets=["section", "year"]))
    assert [hit.id for hit in answer.hits] == ["article/001"]
    assert answer.facets == {"section": [("Sea", 1)], "year": [("1901", 1)]}
    assert answer.sequence == result.sequence == 3
    for view in VIEW_NAMES:
        assert search.search(home, Query(view=view)).total >= (view not in ("images", "topics"))


def test_hits_carry_the_document_as_an_export_has_it(home: Path) -> None:
    run(home)
    for view in ("articles", "bylines", "timeline", "history"):
        exported = [json.loads(line) for line in documents.export(view, home)]
        hits = search.search(home, Query(view=view, size=100)).hits
        assert [hit.document for hit in hits] == exported


def test_a_rebuild_of_some_views_leaves_the_others_alone(home: Path) -> None:
    run(home)
    result = run(home, ["history", "bylines"])
    assert [built.view for built in result.views] == ["bylines", "history"]
    changed = {name for name, generation in served(home).items() if generation == 2}
    assert changed == {"bylines", "history"}


def test_a_rebuild_as_of_a_point_knows_nothing_later(home: Path) -> None:
    publish(home, 2)
    run(home, at=3)
    assert search.search(home, Query("whale")).total == 1


def test_a_view_that_does_not_exist_is_told_with_those_that_do(home: Path) -> None:
    with pytest.raises(UnknownName, match="there is no view 'nope'; there are: articles"):
        run(home, ["nope"])


def test_steps_may_run_in_any_object_of_the_same_build(home: Path) -> None:
    promoted = []
    for view in ("articles", "bylines"):
        Rebuild.begin(home, ["articles", "bylines"], build_id="run-1").write(view)
    publish(home, 2)  # too late for this build
    for view in ("articles", "bylines"):
        step = Rebuild.begin(home, ["articles", "bylines"], build_id="run-1")
        assert step.index(view).documents == 1
        assert not step.check(view)
        promoted.append(step.promote_when_complete())
    assert promoted == [False, True]
    assert served(home) == {"articles": 1, "bylines": 1}


def test_a_step_that_is_repeated_changes_nothing(home: Path) -> None:
    rebuild = Rebuild.begin(home, ["articles"])
    for _ in range(2):
        rebuild.write("articles")
        rebuild.index("articles")
        assert not rebuild.check("articles")
    rebuild.promote()
    rebuild.promote()
    assert search.search(home, Query()).total == 1


def test_a_document_that_differs_is_found_and_nothing_is_promoted(home: Path) -> None:
    for number in range(2, 6):
        publish(home, number)
    run(home)
    rebuild = Rebuild.begin(home, ["articles"])
    rebuild.write("articles")
    spoil(rebuild.path("articles"))
    rebuild.index("articles")
    rebuild.write("articles")
    found = rebuild.check("articles")
    assert (found.missing, found.extra, found.different, found.count) == (
        ["article/001"],
        ["article/zzz"],
        ["article/003"],
        3,
    )
    with pytest.raises(NotPromoted, match="3 documents differ"):
        rebuild.promote()
    assert not rebuild.promote_when_complete()
    assert served(home)["articles"] == 1


def spoil(path: Path) -> None:
    """Lose one document, change one, and invent one."""
    table = pq.read_table(path)
    lines = table.to_pylist()[1:]
    lines[1]["headline"] = "Whale three"
    lines.append({**lines[0], "id": "article/zzz"})
    pq.write_table(pa.Table.from_pylist(lines, schema=table.schema), path)


def test_what_was_not_checked_is_not_promoted(home: Path) -> None:
    rebuild = Rebuild.begin(home, ["articles"])
    rebuild.write("articles")
    rebuild.index("articles")
    with pytest.raises(NotPromoted, match="index and check it first"):
        rebuild.promote()


def test_roll_back_goes_to_what_served_before_and_no_further_than_is_kept(home: Path) -> None:
    for number in range(2, 6):
        publish(home, number)
        run(home, ["articles", "bylines"])
    assert kept(home) == {1, 2, 3, 4}  # the next rebuild removes the first
    assert search.search(home, Query()).total == 5
    assert {found.generation for found in search.roll_back(home).values()} == {3}
    assert search.search(home, Query()).total == 4
    search.roll_back(home)
    with pytest.raises(NothingServes, match="no generation before"):
        search.roll_back(home)
    assert served(home) == {"articles": 2, "bylines": 2}


def kept(home: Path) -> set[int]:
    return {int(path.name) for path in (home / "index").iterdir() if path.is_dir()}


def test_the_last_three_generations_are_kept(home: Path) -> None:
    for _ in range(5):
        run(home, ["articles"])
    Rebuild.begin(home, ["articles"]).close()
    assert kept(home) == {3, 4, 5, 6}
    assert [found.generation for found in search.open_engine(home).generations()] == [3, 4, 5]


def test_a_generation_that_serves_cannot_be_dropped(home: Path) -> None:
    run(home, ["articles"])
    with pytest.raises(SearchError, match="serves, or may be rolled back to"):
        search.open_engine(home).drop("articles", 1)


def test_a_rebuild_that_is_going_on_is_not_cleared_by_another(home: Path) -> None:
    slow = Rebuild.begin(home, ["articles"])
    slow.write("articles")
    slow.index("articles")
    run(home, ["articles"])
    assert not slow.check("articles")
    slow.promote()
    assert served(home) == {"articles": slow.generation}


def test_a_rebuild_that_was_cleared_away_says_so(home: Path) -> None:
    first = Rebuild.begin(home, ["articles"])
    first.close()
    run(home, ["articles"])
    with pytest.raises(NotPromoted, match="cleared away by a later rebuild"):
        first.index("articles")


def test_a_rebuild_that_is_killed_leaves_what_serves_and_the_next_one_cleans_up(
    home: Path,
) -> None:
    run(home)
    publish(home, 2)
    code = """
        import sys, time
        from search import lines
        from search.rebuild import run
        pieces = lines.in_pieces
        def slowly(*given):
            for piece in pieces(*given):
                yield piece
                print("indexing", flush=True)
                time.sleep(60)
        lines.in_pieces = slowly
        run(sys.argv[1])
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(home)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"indexing\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert kept(home) == {1, 2}
    assert served(home) == dict.fromkeys(VIEW_NAMES, 1)
    assert search.search(home, Query()).total == 1
    assert run(home).generation == 3
    assert kept(home) == {1, 3}
    assert search.search(home, Query()).total == 2


def test_readers_see_all_old_or_all_new_views_while_rebuilds_are_promoted(
    archive: Any, story: Callable[..., dict[str, Any]]
) -> None:
    both = ("articles", "bylines")
    for generation in range(1, 22):
        stories = [story(f"article/{n}", "Whale") for n in range(generation)]
        people = [{"id": f"byline/{n}", "name": "Ana", "sequence": 1} for n in range(generation)]
        archive.build(stories, generation)
        archive.build(people, generation, view="bylines")
    archive.engine.promote(dict.fromkeys(both, 1))
    stop = threading.Event()
    seen: list[tuple[int, int]] = []
    mixed: list[dict[str, Any]] = []

    def read() -> None:
        while not stop.is_set():
            answer = archive.ask("whale")
            seen.append((answer.generation, answer.total))
            served = archive.engine.serving()
            if len({found.generation for found in served.values()}) != 1:
                mixed.append(served)

    reader = threading.Thread(target=read)
    reader.start()
    for generation in range(2, 22):
        archive.engine.promote(dict.fromkeys(both, generation))
        time.sleep(0.005)
    stop.set()
    reader.join()
    assert not mixed
    assert seen == sorted(seen)
    assert all(generation == total for generation, total in seen)
    assert len(set(seen)) > 3


def test_a_reader_goes_on_with_files_that_are_gone(home: Path) -> None:
    run(home, ["articles"])
    generations = search.open_engine(home)
    assert search.search(home, Query("whale")).total == 1
    for path in (home / "index" / "000001" / "articles").iterdir():
        path.unlink()
    assert search.search(home, Query("whale", facets=["year"])).total == 1
    assert generations.serving()


@pytest.mark.parametrize("damage", ["meta.json", "*.term", "*.store", "articles.json"])
def test_a_damaged_index_is_one_line_that_says_what_to_do(home: Path, damage: str) -> None:
    run(home, ["articles"])
    folder = home / "index" / "000001"
    for path in [*folder.glob(damage), *(folder / "articles").glob(damage)]:
        path.write_bytes(b"not what it was")
    with pytest.raises(DamagedIndex, match="run: stet rebuild") as told:
        EmbeddedEngine(home).search(Query("whale", facets=["year"]))
    assert "\n" not in str(told.value)


def test_a_damaged_pointer_is_told_and_mended_by_the_next_rebuild(home: Path) -> None:
    run(home, ["articles"])
    (home / "index" / "serving.json").write_text("{")
    with pytest.raises(DamagedIndex, match="run: stet rebuild"):
        search.search(home, Query("whale"))
    run(home, ["articles"])
    assert search.search(home, Query("whale")).total == 1


def test_a_home_whose_views_were_deleted_never_reuses_a_generation(home: Path) -> None:
    import shutil

    run(home, ["articles"])
    shutil.rmtree(home / "views")
    assert run(home, ["articles"]).generation == 2


def test_importing_search_loads_nothing_heavy() -> None:
    code = (
        "import sys, search; search.Query; search.SearchError;"
        "print([m for m in ('tantivy', 'duckdb', 'pyarrow', 'ibis') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_searching_does_not_load_what_computes_views(home: Path) -> None:
    run(home, ["articles"])
    code = (
        f"import sys; from search import Query, search; search({str(home)!r}, Query('whale'));"
        "print([m for m in ('ibis', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_what_the_log_is_told_while_a_rebuild_runs_is_searched_when_it_serves(home: Path) -> None:
    rebuild = Rebuild.begin(home)
    for view in rebuild.views:
        rebuild.write(view)
        rebuild.index(view)
        rebuild.check(view)
    tell(home, "tag/late", "TagDefined", name="Latecomers")
    rebuild.promote()
    rebuild.close()
    assert rebuild.reached == rebuild.sequence + 1 == 4
    assert {about.sequence for about in search.serving(home).values()} == {4}
    assert search.search(home, Query("latecomers", "topics")).total == 1
    tell(home, "tag/later", "TagDefined", name="Latercomers")
    said: list[str] = []
    assert catch_up.run(home, progress=said.append).through == 5
    assert not [line for line in said if "folding" in line]  # the rebuild has left its state


def test_a_rebuild_as_of_a_point_stays_there(home: Path) -> None:
    assert run(home, at=2).sequence == 2
    assert {about.sequence for about in search.serving(home).values()} == {2}
