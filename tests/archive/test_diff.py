"""Differences: how one document changed between two points of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Archive
from archive.diff import FieldChange, changed, difference
from event_log import InvalidPoint, NewEvent
from replay.errors import NoDocument

DAY = "1912-04-15T05:00:00Z"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    people = [
        NewEvent(f"byline/{name}", "BylineRegistered", {"name": name.title()})
        for name in ("ana", "bo")
    ]
    story = {"headline": "All saved", "published_at": DAY, "byline_ids": ["byline/ana"]}
    made.log.append(
        [
            *people,
            NewEvent("article/titanic", "ArticlePublished", story),
            NewEvent("article/titanic", "ArticleRevised", {"headline": "Titanic sinks"}),
            NewEvent("byline/ana", "BylineRevised", {"name": "Ana Ruiz"}),
            NewEvent(
                "article/titanic", "ArticleRevised", {"byline_ids": ["byline/bo", "byline/ana"]}
            ),
            NewEvent("article/titanic", "ArticleRetracted", {}),
        ]
    )
    return made


def told(archive: Archive, old: int, new: int) -> dict[str, tuple[str, Any, Any]]:
    found = difference(archive, "article/titanic", "articles", old, new)
    return {change.path: (change.kind, change.old, change.new) for change in found.changes}


def test_a_field_that_an_event_revised_is_told_from_what_to_what(archive):
    assert told(archive, 3, 4) == {
        "headline": ("changed", "All saved", "Titanic sinks"),
        "version": ("changed", 1, 2),
    }


def test_what_changed_in_another_entity_is_told_at_its_place_in_the_document(archive):
    assert told(archive, 4, 5) == {"bylines[byline/ana].name": ("changed", "Ana", "Ana Ruiz")}


def test_an_item_that_came_and_those_that_stayed_are_told_apart(archive):
    found = told(archive, 5, 6)
    assert found["bylines[byline/bo]"][0] == "added"
    assert set(found) == {"bylines[byline/bo]", "version"}


def test_a_document_that_did_not_exist_yet_or_ceased_is_said_to_be_so(archive):
    begun = difference(archive, "article/titanic", "articles", 2, 3)
    assert (begun.existed, begun.exists) == (False, True)
    assert FieldChange("headline", "added", None, "All saved") in begun.changes
    ceased = difference(archive, "article/titanic", "articles", 6)
    assert (ceased.existed, ceased.exists, ceased.new_sequence) == (True, False, 7)
    assert FieldChange("headline", "removed", "Titanic sinks", None) in ceased.changes


def test_where_nothing_of_it_changed_there_is_no_change(archive):
    assert difference(archive, "byline/bo", "bylines", 2, 5).changes == ()


def test_a_document_that_is_at_neither_point_is_an_error_and_so_is_a_point_that_is_not(archive):
    with pytest.raises(NoDocument, match="neither as of sequence 1 nor of 2"):
        difference(archive, "article/titanic", "articles", 1, 2)
    with pytest.raises(InvalidPoint):
        difference(archive, "article/titanic", "articles", 1, 99)


def test_items_in_another_order_have_moved():
    old = {"tags": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}
    new = {"tags": [{"id": "c"}, {"id": "a"}]}
    assert list(changed(old, new)) == [
        FieldChange("tags[b]", "removed", {"id": "b"}, None),
        FieldChange("tags", "moved", ["a", "c"], ["c", "a"]),
    ]


def test_an_item_that_comes_twice_is_told_from_its_like():
    old, new = {"tags": [{"id": "a"}]}, {"tags": [{"id": "a"}, {"id": "a"}]}
    assert list(changed(old, new)) == [FieldChange("tags[a#2]", "added", None, {"id": "a"})]


def test_a_list_of_plain_values_is_compared_as_one():
    assert list(changed({"x": [1, 2]}, {"x": [2]})) == [FieldChange("x", "changed", [1, 2], [2])]


VALUES = st.none() | st.text(max_size=2) | st.integers(0, 2)
ITEMS = st.lists(st.fixed_dictionaries({"id": st.sampled_from("abc"), "name": VALUES}), max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {
        "headline": VALUES,
        "section": st.none() | st.fixed_dictionaries({"id": VALUES, "name": VALUES}),
        "items": ITEMS,
        "plain": st.lists(st.integers(0, 2), max_size=3),
    }
)


def shown(value: Any) -> Any:
    """A document with all that says nothing as nothing."""
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value] or None
    return None if value == "" else value


@given(DOCUMENTS, DOCUMENTS)
def test_there_is_a_change_if_and_only_if_two_documents_say_different_things(old, new):
    assert bool(list(changed(old, new))) == (shown(old) != shown(new))


@given(DOCUMENTS, DOCUMENTS)
def test_the_other_way_round_the_same_places_change_back(old, new):
    forth = {(c.path, repr(c.old), repr(c.new)) for c in changed(old, new)}
    back = {(c.path, repr(c.new), repr(c.old)) for c in changed(new, old)}
    assert forth == back
