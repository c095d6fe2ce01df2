"""Catching up beside all else: rebuilds, roll backs, other code, a kept state that is none."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stepped import rebuilds

from archive import Archive, CatchUp, CatchUpResult, RebuildResult
from archive.catch_up import run
from event_log import EventLog, NewEvent
from newsroom import CATEGORIES, DOMAIN, REFERENCES
from replay import Domain, View
from replay.kept import state as kept
from replay.kept.state import StateHeld
from search.comparison import compare_index
from search.embedded.engine import EmbeddedEngine
from search.errors import NothingServes

VIEWS = DOMAIN.views
TOLD: list[tuple[str, str, dict[str, Any]]] = [
    ("section/sea", "SectionOpened", {"name": "Sea"}),
    ("byline/ana", "BylineRegistered", {"name": "Ana Ruiz"}),
    *(
        (
            f"article/{n}",
            "ArticlePublished",
            {
                "headline": f"Whale {n}",
                "body": "Blow! " * n,
                "published_at": f"190{n}-04-15T00:00:00Z",
                "section_id": "section/sea",
                "byline_ids": ["byline/ana"],
            },
        )
        for n in range(5)
    ),
]


class Newsroom:
    """An archive of the newsroom with its embedded engine, and what catching up said."""

    def __init__(self, home: Path) -> None:
        self.home, self.engine = home, EmbeddedEngine(home, VIEWS)
        self.archive = Archive(home, DOMAIN, engine=self.engine)
        self.said: list[str] = []

    def tell(self, stream: str, kind: str, **data: Any) -> None:
        EventLog(self.home / "log", CATEGORIES).append([NewEvent(stream, kind, data)])

    def rename(self, name: str) -> None:
        self.tell("byline/ana", "BylineRevised", name=name)

    def catch_up(self, **given: Any) -> CatchUpResult:
        self.said.clear()
        return run(self.archive, progress=self.said.append, **given)

    def rebuild(self, *views: str, **given: Any) -> RebuildResult:
        return self.archive.rebuild(views or None, **given)

    @property
    def head(self) -> int:
        return EventLog(self.home / "log", CATEGORIES).head

    @property
    def state(self) -> Path:
        return self.home / "views" / kept.STATE_FILE

    def is_right(self, *views: str) -> None:
        """Do these views, or all, serve what the log says now?"""
        made = rebuilds().write(EventLog(self.home / "log", CATEGORIES), self.home)
        for view in views or VIEWS:
            served = self.engine.serving()[view]
            assert served.sequence == self.head, view
            found = self.engine.digests(view, served.generation)
            assert not compare_index(made[view], found), view

    def set_aside(self) -> list[str]:
        """What was said of a kept state that is of no use."""
        return [said for said in self.said if "set aside" in said]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rebuilt, and caught up once, so that there is a kept state."""
    newsroom = Newsroom(tmp_path_factory.mktemp("built") / "home")
    log = EventLog(newsroom.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD])
    newsroom.rebuild()
    newsroom.rename("Ana Ruiz-Paz")
    newsroom.catch_up()
    return newsroom.home


@pytest.fixture
def newsroom(built: Path, tmp_path: Path) -> Newsroom:
    return Newsroom(Path(shutil.copytree(built, tmp_path / "home")))


def test_a_step_writes_what_changed_and_says_so(newsroom: Newsroom) -> None:
    newsroom.is_right()
    newsroom.rename("Ana R.")
    result = newsroom.catch_up()
    assert (result.events, result.steps, result.through) == (1, 1, newsroom.head)
    of = {view.view: view for view in result.views}
    assert of["articles"].written == 5
    assert of["bylines"].written == 1
    assert of["history"].written == 1
    assert not any(view.deleted for view in result.views)
    newsroom.is_right()
    assert newsroom.catch_up().steps == 0


@pytest.mark.slow
def test_what_comes_while_the_queries_are_compiled_does_not_wait_for_all_of_them(
    newsroom: Newsroom,
) -> None:
    with CatchUp.open(newsroom.archive) as catch_up:
        assert catch_up.step() is None
        pieces = 0
        for _ in catch_up.prepare():
            pieces += 1
            newsroom.rename(f"Ana {pieces}")
            step = catch_up.step()
            assert step is not None
            assert step.events == 1
        assert pieces == 1 + len(VIEWS)
    newsroom.is_right()


@pytest.mark.slow
def test_preparing_ends_when_another_generation_is_taken_up_meanwhile(newsroom: Newsroom) -> None:
    with CatchUp.open(newsroom.archive) as catch_up:
        assert catch_up.step() is None
        pieces = catch_up.prepare()
        next(pieces)
        newsroom.rename("B")
        newsroom.rebuild()
        newsroom.rename("C")
        while catch_up.step():
            pass
        assert list(pieces) == []
        assert len(list(catch_up.prepare())) == 1 + len(VIEWS)
    newsroom.is_right()


@pytest.mark.slow
def test_what_is_hidden_is_deleted_and_comes_back(newsroom: Newsroom) -> None:
    newsroom.tell("article/1", "ArticleRetracted")
    result = newsroom.catch_up()
    assert {view.view: view.deleted for view in result.views}["articles"] == 1
    newsroom.is_right()
    newsroom.tell("article/1", "ArticleReinstated")
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
def test_after_a_rebuild_of_all_it_goes_on(newsroom: Newsroom) -> None:
    newsroom.rename("B")
    newsroom.rebuild()
    newsroom.rename("C")
    newsroom.catch_up()
    newsroom.is_right()
    assert newsroom.set_aside() == []


@pytest.mark.slow
def test_after_a_rebuild_of_one_view_all_go_on_together(newsroom: Newsroom) -> None:
    newsroom.rename("B")
    newsroom.rebuild("bylines")
    newsroom.rename("C")
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
def test_after_a_roll_back_what_serves_again_is_brought_to_the_head(newsroom: Newsroom) -> None:
    newsroom.rename("B")
    newsroom.rebuild()
    newsroom.rename("C")
    newsroom.catch_up()
    newsroom.engine.roll_back()
    newsroom.rename("D")
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
def test_a_rebuild_as_of_the_past_is_brought_to_the_head(newsroom: Newsroom) -> None:
    newsroom.rebuild(at=4)
    assert newsroom.engine.serving()["articles"].sequence == 4
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
def test_a_rebuild_of_one_view_as_of_the_past_is_brought_to_the_others(newsroom: Newsroom) -> None:
    newsroom.rebuild("articles", at=4)
    newsroom.catch_up()
    newsroom.is_right()
    newsroom.rename("B")
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
def test_some_views_are_caught_up_and_the_others_later(newsroom: Newsroom) -> None:
    newsroom.rename("B")
    newsroom.catch_up(views=["bylines"])
    newsroom.is_right("bylines")
    assert newsroom.engine.serving()["articles"].sequence == newsroom.head - 1
    newsroom.rename("C")
    newsroom.catch_up()
    newsroom.is_right()


@pytest.mark.slow
@pytest.mark.parametrize("change", ["code", "mapping"])
def test_a_view_of_other_code_or_mapping_needs_a_rebuild_and_the_others_go_on(
    newsroom: Newsroom, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, View] = dict(VIEWS)
    if change == "code":
        known["articles"] = replace(VIEWS["articles"], code_version=99)
    else:
        real = EmbeddedEngine.mapping
        monkeypatch.setattr(
            EmbeddedEngine,
            "mapping",
            lambda self, view: "other" if view == "articles" else real(self, view),
        )
    domain = Domain("newsroom", CATEGORIES, known, REFERENCES)
    changed = Archive(newsroom.home, domain, engine=newsroom.engine)
    newsroom.rename("B")
    with CatchUp.open(changed) as catch_up:
        while catch_up.step():
            pass
        assert set(catch_up.needs_rebuild) == {"articles"}
        expected = "is at 99 now" if change == "code" else "indexed in another way"
        assert expected in catch_up.needs_rebuild["articles"]
    newsroom.is_right(*(view for view in VIEWS if view != "articles"))
    assert newsroom.engine.serving()["articles"].sequence == newsroom.head - 1
    monkeypatch.undo()
    newsroom.catch_up()
    newsroom.is_right()


def test_where_nothing_serves_it_says_so_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(NothingServes, match="run: stet rebuild") as told:
        run(Archive(tmp_path / "home"))
    assert "\n" not in str(told.value)


def overwritten(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        for place in range(4096 * 3, size - 4096, 4096):
            file.seek(place)
            file.write(os.urandom(4096))


def header_gone(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(8192))


def text(path: Path) -> None:
    path.write_text("not a database\n" * 1000)


def of_another_format(path: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as duck:
        duck.execute("UPDATE about SET said = replace(said, 'identity', 'other')")


def without_a_word_about_itself(path: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as duck:
        duck.execute("DELETE FROM about")


def of_nothing(path: Path) -> None:
    import duckdb

    path.unlink()
    duckdb.connect(str(path)).close()


DAMAGES: list[Callable[[Path], None]] = [
    overwritten,
    header_gone,
    text,
    of_another_format,
    of_nothing,
    without_a_word_about_itself,
    lambda path: os.truncate(path, path.stat().st_size // 2),
    lambda path: os.truncate(path, path.stat().st_size - 4096),
    lambda path: os.truncate(path, 0),
]
NAMED = ["overwritten", "header", "text", "format", "nothing", "mute", "half", "end", "empty"]


QUICK = ("text", "half")


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(damage, id=name, marks=() if name in QUICK else (pytest.mark.slow,))
        for name, damage in zip(NAMED, DAMAGES, strict=True)
    ],
)
def test_a_state_that_cannot_be_read_is_set_aside_told_and_made_anew(
    newsroom: Newsroom, damage: Callable[[Path], None]
) -> None:
    damage(newsroom.state)
    newsroom.rename("B")
    newsroom.catch_up()
    newsroom.is_right()
    assert len(newsroom.set_aside()) == 1, newsroom.said
    assert "\n" not in newsroom.set_aside()[0]
    assert len(list(newsroom.state.parent.glob("state.aside-*"))) == 1
    newsroom.rename("C")
    newsroom.catch_up()
    newsroom.is_right()
    assert newsroom.set_aside() == []


@pytest.mark.slow
def test_a_state_of_another_log_is_set_aside(newsroom: Newsroom, tmp_path: Path) -> None:
    other = Newsroom(tmp_path / "other")
    log = EventLog(other.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD])
    other.rename("Bo")
    other.rebuild()
    (other.home / "views").mkdir(exist_ok=True)
    shutil.copy(newsroom.state, other.state)
    other.rename("Cy")
    other.catch_up()
    assert len(other.set_aside()) == 1
    assert "is of another log" in other.set_aside()[0]
    other.is_right()


@pytest.mark.slow
def test_a_state_that_is_ahead_of_the_log_is_set_aside(newsroom: Newsroom, tmp_path: Path) -> None:
    younger = Newsroom(tmp_path / "younger")
    log = EventLog(younger.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD[:3]])
    younger.rebuild()
    shutil.copy(newsroom.state, younger.state)
    younger.rename("Cy")
    younger.catch_up()
    assert len(younger.set_aside()) == 1
    younger.is_right()


@pytest.mark.slow
def test_a_state_that_is_gone_is_made_anew(newsroom: Newsroom) -> None:
    newsroom.state.unlink()
    newsroom.rename("B")
    newsroom.catch_up()
    newsroom.is_right()


def _try(home: Path, said: Any) -> None:
    try:
        run(Archive(home))
    except StateHeld as error:
        said.put(str(error))
    else:
        said.put("done")


def test_who_comes_second_is_told_who_has_the_state(newsroom: Newsroom) -> None:
    spawn = multiprocessing.get_context("spawn")
    said = spawn.Queue()
    with CatchUp.open(newsroom.archive) as catch_up:
        catch_up.step()
        other = spawn.Process(target=_try, args=(newsroom.home, said))
        other.start()
        told = said.get(timeout=60)
        other.join()
        assert f"process {os.getpid()} on " in told
        assert "\n" not in told
