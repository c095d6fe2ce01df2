"""Catching up beside all else: rebuilds, roll backs, other code, a kept state that is none."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stepped import Rebuilds

from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES
from search import rebuild
from search.catch_up import CatchUp, Result, run
from search.comparison import compared
from search.errors import NothingServes
from search.local import EmbeddedEngine
from views import VIEW_NAMES, VIEWS, kept
from views.kept import StateHeld

rebuilds = cache(Rebuilds)
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


class Archive:
    """A home, its embedded engine, and what catching up said."""

    def __init__(self, home: Path) -> None:
        self.home, self.engine = home, EmbeddedEngine(home)
        self.said: list[str] = []

    def tell(self, stream: str, kind: str, **data: Any) -> None:
        EventLog(self.home / "log", CATEGORIES).append([NewEvent(stream, kind, data)])

    def rename(self, name: str) -> None:
        self.tell("byline/ana", "BylineRevised", name=name)

    def catch_up(self, **given: Any) -> Result:
        self.said.clear()
        return run(self.home, engine=self.engine, progress=self.said.append, **given)

    def rebuild(self, *views: str, **given: Any) -> rebuild.Result:
        return rebuild.run(self.home, views or None, engine=self.engine, **given)

    @property
    def head(self) -> int:
        return EventLog(self.home / "log", CATEGORIES).head

    @property
    def state(self) -> Path:
        return self.home / "views" / kept.NAME

    def is_right(self, *views: str) -> None:
        """Do these views, or all, serve what the log says now?"""
        made = rebuilds().write(EventLog(self.home / "log", CATEGORIES), self.home)
        for view in views or VIEW_NAMES:
            served = self.engine.serving()[view]
            assert served.sequence == self.head, view
            found = self.engine.digests(view, served.generation)
            assert not compared(made[view], found), view

    def set_aside(self) -> list[str]:
        """What was said of a kept state that is of no use."""
        return [said for said in self.said if "set aside" in said]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rebuilt, and caught up once, so that there is a kept state."""
    archive = Archive(tmp_path_factory.mktemp("built") / "home")
    log = EventLog(archive.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD])
    archive.rebuild()
    archive.rename("Ana Ruiz-Paz")
    archive.catch_up()
    return archive.home


@pytest.fixture
def archive(built: Path, tmp_path: Path) -> Archive:
    return Archive(Path(shutil.copytree(built, tmp_path / "home")))


def test_a_step_writes_what_changed_and_says_so(archive: Archive) -> None:
    archive.is_right()
    archive.rename("Ana R.")
    result = archive.catch_up()
    assert (result.events, result.steps, result.through) == (1, 1, archive.head)
    of = {view.view: view for view in result.views}
    assert of["articles"].written == 5
    assert of["bylines"].written == 1
    assert of["history"].written == 1
    assert not any(view.deleted for view in result.views)
    archive.is_right()
    assert archive.catch_up().steps == 0


def test_what_comes_while_the_queries_are_compiled_does_not_wait_for_all_of_them(
    archive: Archive,
) -> None:
    with CatchUp.open(archive.home, engine=archive.engine) as catch_up:
        assert catch_up.step() is None
        pieces = 0
        for _ in catch_up.prepare():
            pieces += 1
            archive.rename(f"Ana {pieces}")
            step = catch_up.step()
            assert step is not None
            assert step.events == 1
        assert pieces == 1 + len(VIEW_NAMES)
    archive.is_right()


def test_preparing_ends_when_another_generation_is_taken_up_meanwhile(archive: Archive) -> None:
    with CatchUp.open(archive.home, engine=archive.engine) as catch_up:
        assert catch_up.step() is None
        pieces = catch_up.prepare()
        next(pieces)
        archive.rename("B")
        archive.rebuild()
        archive.rename("C")
        while catch_up.step():
            pass
        assert list(pieces) == []
        assert len(list(catch_up.prepare())) == 1 + len(VIEW_NAMES)
    archive.is_right()


def test_what_is_hidden_is_deleted_and_comes_back(archive: Archive) -> None:
    archive.tell("article/1", "ArticleRetracted")
    result = archive.catch_up()
    assert {view.view: view.deleted for view in result.views}["articles"] == 1
    archive.is_right()
    archive.tell("article/1", "ArticleReinstated")
    archive.catch_up()
    archive.is_right()


def test_after_a_rebuild_of_all_it_goes_on(archive: Archive) -> None:
    archive.rename("B")
    archive.rebuild()
    archive.rename("C")
    archive.catch_up()
    archive.is_right()
    assert archive.set_aside() == []


def test_after_a_rebuild_of_one_view_all_go_on_together(archive: Archive) -> None:
    archive.rename("B")
    archive.rebuild("bylines")
    archive.rename("C")
    archive.catch_up()
    archive.is_right()


def test_after_a_roll_back_what_serves_again_is_brought_to_the_head(archive: Archive) -> None:
    archive.rename("B")
    archive.rebuild()
    archive.rename("C")
    archive.catch_up()
    archive.engine.roll_back()
    archive.rename("D")
    archive.catch_up()
    archive.is_right()


def test_a_rebuild_as_of_the_past_is_brought_to_the_head(archive: Archive) -> None:
    archive.rebuild(at=4)
    assert archive.engine.serving()["articles"].sequence == 4
    archive.catch_up()
    archive.is_right()


def test_a_rebuild_of_one_view_as_of_the_past_is_brought_to_the_others(archive: Archive) -> None:
    archive.rebuild("articles", at=4)
    archive.catch_up()
    archive.is_right()
    archive.rename("B")
    archive.catch_up()
    archive.is_right()


def test_some_views_are_caught_up_and_the_others_later(archive: Archive) -> None:
    archive.rename("B")
    archive.catch_up(views=["bylines"])
    archive.is_right("bylines")
    assert archive.engine.serving()["articles"].sequence == archive.head - 1
    archive.rename("C")
    archive.catch_up()
    archive.is_right()


@pytest.mark.parametrize("change", ["code", "mapping"])
def test_a_view_of_other_code_or_mapping_needs_a_rebuild_and_the_others_go_on(
    archive: Archive, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(VIEWS)
    if change == "code":
        known["articles"] = replace(VIEWS["articles"], code_version=99)
    else:
        real = EmbeddedEngine.mapping
        monkeypatch.setattr(
            EmbeddedEngine,
            "mapping",
            lambda self, view: "other" if view == "articles" else real(self, view),
        )
    archive.rename("B")
    with CatchUp.open(archive.home, engine=archive.engine, known=known) as catch_up:
        while catch_up.step():
            pass
        assert set(catch_up.needs_rebuild) == {"articles"}
        expected = "is at 99 now" if change == "code" else "indexed in another way"
        assert expected in catch_up.needs_rebuild["articles"]
    archive.is_right(*(view for view in VIEW_NAMES if view != "articles"))
    assert archive.engine.serving()["articles"].sequence == archive.head - 1
    monkeypatch.undo()
    archive.catch_up()
    archive.is_right()


def test_where_nothing_serves_it_says_so_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(NothingServes, match="run: stet rebuild") as told:
        run(tmp_path / "home")
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


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMED)
def test_a_state_that_cannot_be_read_is_set_aside_told_and_made_anew(
    archive: Archive, damage: Callable[[Path], None]
) -> None:
    damage(archive.state)
    archive.rename("B")
    archive.catch_up()
    archive.is_right()
    assert len(archive.set_aside()) == 1, archive.said
    assert "\n" not in archive.set_aside()[0]
    assert len(list(archive.state.parent.glob("state.aside-*"))) == 1
    archive.rename("C")
    archive.catch_up()
    archive.is_right()
    assert archive.set_aside() == []


def test_a_state_of_another_log_is_set_aside(archive: Archive, tmp_path: Path) -> None:
    other = Archive(tmp_path / "other")
    log = EventLog(other.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD])
    other.rename("Bo")
    other.rebuild()
    (other.home / "views").mkdir(exist_ok=True)
    shutil.copy(archive.state, other.state)
    other.rename("Cy")
    other.catch_up()
    assert len(other.set_aside()) == 1
    assert "is of another log" in other.set_aside()[0]
    other.is_right()


def test_a_state_that_is_ahead_of_the_log_is_set_aside(archive: Archive, tmp_path: Path) -> None:
    younger = Archive(tmp_path / "younger")
    log = EventLog(younger.home / "log", CATEGORIES)
    log.append([NewEvent(*event) for event in TOLD[:3]])
    younger.rebuild()
    shutil.copy(archive.state, younger.state)
    younger.rename("Cy")
    younger.catch_up()
    assert len(younger.set_aside()) == 1
    younger.is_right()


def test_a_state_that_is_gone_is_made_anew(archive: Archive) -> None:
    archive.state.unlink()
    archive.rename("B")
    archive.catch_up()
    archive.is_right()


def _try(home: Path, said: Any) -> None:
    try:
        run(home, engine=EmbeddedEngine(home))
    except StateHeld as error:
        said.put(str(error))
    else:
        said.put("done")


def test_who_comes_second_is_told_who_has_the_state(archive: Archive) -> None:
    spawn = multiprocessing.get_context("spawn")
    said = spawn.Queue()
    with CatchUp.open(archive.home, engine=archive.engine) as catch_up:
        catch_up.step()
        other = spawn.Process(target=_try, args=(archive.home, said))
        other.start()
        told = said.get(timeout=60)
        other.join()
        assert f"process {os.getpid()} on " in told
        assert "\n" not in told
