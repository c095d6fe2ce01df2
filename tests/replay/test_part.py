"""A document from its neighbourhood is the document of all entities; what is compiled is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from histories import histories, told
from hypothesis import given, settings

from event_log import EventLog, NewEvent, Registry
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from replay import EVENT, Part, State, View, entities_of, keep_compiled, lineage_of
from replay.builds.make import part_sql
from replay.compiled import _compiled, sql_once

Document = dict[str, Any]
REGISTRY = Registry(CATEGORIES)
VIEWS = [view for view in DOMAIN.views.values() if view.per == EVENT or view.per in REGISTRY]


def documents(state: State, view: View, key: str) -> list[Document]:
    return state.query(part_sql(view, state, [key])).to_pylist()


def lineage(state: State, view: View, key: str) -> set[str | None]:
    sql = state.sql(("all pairs", view.lineage), lambda: lineage_of(view, state))
    found = state.query(f"FROM ({sql})").to_pylist()
    return {pair["entity"] for pair in found if pair["id"] == key}


def check_parts(log: EventLog, sequence: int, views: list[View], keys: list[str]) -> None:
    """Compare the documents and the lineage of the entities ``keys``, in each view."""
    with State(log.at(sequence)) as whole:
        for key in keys:
            for view in views:
                document = f"{key}@1" if view.per == EVENT else key
                around = entities_of(view, log.registry, [document])
                with Part(log.at(sequence), around or [], DOMAIN.references) as part:
                    assert documents(part, view, document) == documents(whole, view, document)
                    assert lineage(part, view, document) == lineage(whole, view, document)


def test_a_document_from_its_neighbourhood_is_that_of_all_entities(newsroom, article) -> None:
    newsroom.tell(
        ("section/1", "SectionOpened", {"name": "Sea"}),
        ("section/2", "SectionOpened", {"name": "Bay", "parent_id": "section/1"}),
        ("byline/1", "BylineRegistered", {"name": "Ana"}),
        ("byline/2", "BylineRegistered", {"name": "Ben"}),
        ("image/1", "ImageAdded", {"url": "http://i", "photographer_id": "byline/2"}),
        article("1", byline_ids=["byline/1"], section_id="section/2", image_ids=["image/1"]),
        article("2", byline_ids=["byline/1", "byline/2"], section_id="section/1", body="Whales"),
        article("3", byline_ids=["byline/2"]),
        ("article/1", "ArticleRevised", {"section_id": "section/1"}),
        ("byline/2", "BylineRevised", {"name": "Benno"}),
    )
    views = [DOMAIN.views[name] for name in ("bylines", "sections")]
    check_parts(newsroom.log, newsroom.log.head, views, ["byline/1", "byline/2", "section/1"])


@pytest.mark.slow
@settings(max_examples=5)
@given(histories())
def test_documents_from_neighbourhoods_are_those_of_all_on_many_examples(
    events: list[NewEvent],
) -> None:
    log = told(events)
    some = sorted({event.stream for event in events})[:4]
    for sequence in {log.head, log.head // 2}:
        check_parts(log, sequence, VIEWS, [*some, "byline/missing"])


def test_many_events_are_found_by_their_streams(newsroom, article, monkeypatch) -> None:
    monkeypatch.setattr("replay.part.FEW_EVENTS", 1)
    newsroom.tell(("byline/1", "BylineRegistered", {"name": "Ana"}))
    newsroom.tell(*(article(str(n), byline_ids=["byline/1"], body="Whales") for n in range(3)))
    view = DOMAIN.views["bylines"]
    with Part(newsroom.log.at(), ["byline/1"], DOMAIN.references) as part:
        assert documents(part, view, "byline/1") == documents(newsroom.state(), view, "byline/1")


def test_a_day_does_not_tell_its_entities() -> None:
    assert entities_of(DOMAIN.views["timeline"], REGISTRY, ["1912-04-15"]) is None


@pytest.fixture
def compiled(tmp_path: Path) -> Iterator[Path]:
    """The folder in which this process keeps what it compiles, for one test."""
    before = dict(_compiled)
    keep_compiled(lambda: tmp_path)
    yield tmp_path / "sql"
    keep_compiled(None)
    _compiled.clear()
    _compiled.update(before)


def compile_in_another_process(key: tuple[Any, ...], sql: str) -> str:
    """What is taken for a key by a process that has not compiled it yet."""
    _compiled.clear()
    return sql_once(REGISTRY, key, lambda: (sql, frozenset({"tag"})))[0]


def test_what_is_compiled_is_kept_for_the_next_process(compiled: Path) -> None:
    key = ("state", VIEWS[0].documents)
    assert compile_in_another_process(key, "SELECT 1") == "SELECT 1"
    assert compile_in_another_process(key, "SELECT 2") == "SELECT 1"
    assert compile_in_another_process(("state", VIEWS[0].lineage), "SELECT 3") == "SELECT 3"
    assert len(list(compiled.iterdir())) == 2


def test_a_function_without_a_name_is_compiled_in_each_process(compiled: Path) -> None:
    key = ("state", lambda: None)
    assert compile_in_another_process(key, "SELECT 1") == "SELECT 1"
    assert compile_in_another_process(key, "SELECT 2") == "SELECT 2"
    assert not compiled.exists()


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"sql": "SELECT 9"}', "\0"])
def test_a_damaged_file_is_made_anew(damaged: str, compiled: Path) -> None:
    key = ("state", VIEWS[0].documents)
    compile_in_another_process(key, "SELECT 1")
    (file,) = compiled.iterdir()
    file.write_text(damaged)
    assert compile_in_another_process(key, "SELECT 2") == "SELECT 2"
    assert json.loads(file.read_text()) == {"sql": "SELECT 2", "tables": ["tag"]}


@pytest.mark.usefixtures("compiled")
def test_code_that_changed_is_compiled_anew(tmp_path: Path, monkeypatch) -> None:
    module = tmp_path / "notes_of_a_view.py"
    module.write_text("def documents(): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import notes_of_a_view  # type: ignore[import-not-found]

    from replay.compiled import _sources

    key = ("state", notes_of_a_view.documents)
    assert compile_in_another_process(key, "SELECT 1") == "SELECT 1"
    (tmp_path / "what_it_imports.py").write_text("\n")
    _sources.cache_clear()
    assert compile_in_another_process(key, "SELECT 2") == "SELECT 2"


@pytest.mark.usefixtures("compiled")
def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keep_compiled(lambda: tmp_path / "file")
    key = ("state", VIEWS[0].documents)
    assert compile_in_another_process(key, "SELECT 1") == "SELECT 1"
