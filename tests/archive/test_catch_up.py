"""The law on both engines: what is caught up in any steps answers like what is built at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from corpora import NAMES, corpus
from histories import histories
from hypothesis import strategies as st
from stepped import Killed, rebuilds
from tiers import COSTLY, given_in_tiers

from archive import Archive, CatchUp
from archive.catch_up import run
from connectors.jsonlines import import_events
from event_log import EventLog
from newsroom import CATEGORIES, DOMAIN
from replay import View
from search.embedded.engine import EmbeddedEngine
from search.engine import Engine
from search.query import Query

VIEWS = DOMAIN.views
VIEW_NAMES = tuple(VIEWS)
EngineOf = Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]]

QUERIES = [
    *(Query(text, view=view) for view in VIEW_NAMES for text in ("", "a", "b -c", "section")),
    Query(facets=["section", "byline", "tag", "year"]),
    Query("a", sort="newest"),
]


@cache
def empty() -> Path:
    """The home of an archive without events, and with all views built from that."""
    home = Path(tempfile.mkdtemp())
    EventLog(home / "log", CATEGORIES)
    Archive(home, DOMAIN, "embedded").rebuild()
    return home


def load(engine: Engine, generation: int, sequence: int, documents: Mapping[str, Path]) -> None:
    """Build a generation of all views from Parquet files, and let it serve."""
    for view, path in documents.items():
        engine.create(view, generation, sequence)
        engine.load(view, generation, path)
        engine.refresh(view, generation)
    engine.promote(dict.fromkeys(documents, generation))


def answers(engine: Engine) -> list[Any]:
    """What a few searches find; scores and order by them hang on what was deleted, too."""
    found = []
    for query in QUERIES:
        answer = engine.search(replace(query, size=100))
        hits = sorted((hit.id, repr(hit.document)) for hit in answer.hits)
        found.append((query, answer.total, answer.facets, answer.sequence, hits))
    return found


def whole(engine: Engine, generation: int) -> dict[str, list[tuple[str, str]]]:
    """Every document of a generation, by its digest."""
    return {view: list(engine.digests(view, generation)) for view in VIEW_NAMES}


def dying(engine: Engine, after: bool) -> Callable[..., Any]:
    """A step of the engine that fails, after it was done or before."""
    real = engine.advance

    def advance(*given: Any) -> Any:
        if after:
            real(*given)
        raise Killed

    return advance


@given_in_tiers(1, COSTLY, events=histories(), data=st.data())
def test_catching_up_in_any_steps_answers_like_a_rebuild(
    engine_of: Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]],
    events: Any,
    data: Any,
) -> None:
    """Restarts in between, and steps that fail before or after the engine has them."""
    home = Path(tempfile.mkdtemp())
    shutil.copytree(empty() / "views", home / "views")
    with engine_of(home, VIEWS) as engine:
        archive = Archive(home, DOMAIN, engine=engine)
        load(engine, 1, 0, {v: home / "views" / "000001" / f"{v}.parquet" for v in VIEW_NAMES})
        log = EventLog(home / "log", CATEGORIES)
        log.append(events)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(events)), max_size=4)) | {len(events)})
        while cuts:
            restarts = data.draw(st.integers(1, len(cuts)))
            with CatchUp.open(archive) as catch_up:
                for cut in cuts[:restarts]:
                    while catch_up.step(cut):
                        pass
                    assert catch_up.sequence == cut
            cuts = cuts[restarts:]
            if cuts and (failing := data.draw(st.sampled_from(["", "before", "after"]))):
                with (
                    pytest.MonkeyPatch.context() as patched,
                    CatchUp.open(archive) as catch_up,
                ):
                    patched.setattr(engine, "advance", dying(engine, failing == "after"))
                    with pytest.raises(Killed):
                        catch_up.step(cuts[0])
        served = engine.serving()
        assert {view: at.sequence for view, at in served.items()} == dict.fromkeys(
            VIEW_NAMES, len(events)
        )
        found, caught_up = answers(engine), whole(engine, 1)
        load(engine, 2, len(events), rebuilds().write(log, home))
        assert caught_up == whole(engine, 2)
        assert found == answers(engine)
    shutil.rmtree(home)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_real_history_is_caught_up_as_it_is_rebuilt(name: str, tmp_path: Path) -> None:
    """A few cuts; the view-level test has fifty."""
    log = EventLog(tmp_path / "log", CATEGORIES)
    import_events(log, shutil.copy(corpus(name), tmp_path), on_error="reject")
    engine = EmbeddedEngine(tmp_path, VIEWS)
    archive = Archive(tmp_path, DOMAIN, engine=engine)
    archive.rebuild(at=log.head // 3)
    for cut in (log.head // 3 + 1, log.head // 2, log.head):
        run(archive, until=cut)
    first = engine.serving()["articles"].generation
    found, caught_up = answers(engine), whole(engine, first)
    second = archive.rebuild().generation
    assert second > first
    assert caught_up == whole(engine, second)
    assert [answer for answer in found if answer[1] < 100] == [
        answer for answer in answers(engine) if answer[1] < 100
    ]
    assert [answer[:4] for answer in found] == [answer[:4] for answer in answers(engine)]
