"""``Archive`` as a program uses it: what may be left out, and in which form things are taken."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import Archive, ArchiveError, UnknownView
from event_log import Effect, EventType
from search import Query


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Two events of one tag, in live indexes of two views."""
    archive = Archive(tmp_path_factory.mktemp("home"), "newsroom", "embedded")
    archive.append("tag/sea", "TagDefined", {"name": "Sea", "kind": "place"}, actor="ana")
    archive.append("tag/sea", "TagRevised", {"name": "Ocean"}, occurred_at="1851-10-18")
    archive.rebuild(["topics", "history"])
    return archive


def methods() -> list[str]:
    found = inspect.getmembers(Archive, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


@pytest.mark.parametrize("name", methods())
def test_help_names_every_parameter(name: str) -> None:
    parameters = inspect.signature(getattr(Archive, name)).parameters.values()
    assert not [each.name for each in parameters if each.kind is each.VAR_KEYWORD]


def test_the_options_of_a_search_are_those_of_a_query() -> None:
    options = set(inspect.signature(Archive.search).parameters) - {"self", "query", "at", "tell"}
    assert options <= set(inspect.signature(Query).parameters)


def test_one_name_may_stand_where_several_are_meant(archive: Archive) -> None:
    assert [view.view for view in archive.rebuild("topics").views] == ["topics"]
    assert [compared.view for compared in archive.compare("topics")] == ["topics"]
    assert archive.search("ocean", "topics", facets="kind").facets == {"kind": [("place", 1)]}
    assert [line[:15] for line in archive.export("topics", keys="tag/sea")] == [b'{"id":"tag/sea"']
    assert EventType("TagDefined", Effect.CREATES, "name").required == ("name",)


def test_a_preview_is_asked_for_as_an_event_is_appended(archive: Archive) -> None:
    event = ("tag/sea", "TagRevised", {"name": "Deep"})
    previewed = archive.preview(*event, actor="ben", occurred_at="1851-10-19")
    assert previewed.documents == {"topics": 1, "history": 1}
    assert archive.log.head == 2, "nothing was appended"


def test_the_view_of_a_document_is_known_by_its_id(archive: Archive) -> None:
    assert archive.diff("tag/sea", old=1).view == "topics"
    assert archive.explain("tag/sea").view == "topics"
    assert archive.explain("tag/sea@2").view == "history"
    assert archive.diff("tag/sea", "topics", old=1, new=2).changes[0].new == "Ocean"
    with pytest.raises(UnknownView, match="'whale' does not tell the view; name one of: articles"):
        archive.explain("whale")
    assert issubclass(UnknownView, ArchiveError)


def test_instants_are_of_one_type_in_all_answers(archive: Archive) -> None:
    first, second = archive.history("tag/sea")
    causes = archive.explain("tag/sea").latest
    assert [first["recorded_at"], second["recorded_at"]] == [c.recorded_at for c in causes]
    assert (first["occurred_at"], causes[0].occurred_at) == (None, None)
    assert second["occurred_at"] == causes[1].occurred_at == datetime(1851, 10, 18, tzinfo=UTC)


def test_views_say_their_names_and_load_none_for_it(archive: Archive) -> None:
    assert repr(archive.views).startswith("Views(articles, bylines, ")


def test_a_value_of_none_leaves_a_field_and_cleared_empties_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "newsroom", "embedded")
    archive.append("tag/sea", "TagDefined", {"name": "Sea", "kind": "place"})
    archive.append("tag/sea", "TagRevised", {"name": "Ocean", "kind": None})
    assert archive.read("topics").kind[0] == "place"
    archive.append("tag/sea", "TagRevised", {"cleared": ["kind"]})
    assert archive.read("topics").kind.isna()[0]
