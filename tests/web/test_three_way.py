"""The three-way merge as laws, over any texts and any fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.desk.three_way import merge_fields, merge_parts

PARTS = st.lists(st.sampled_from("abcde"), max_size=8)
FIELDS = st.dictionaries(
    st.sampled_from(["headline", "body", "tag_ids", "word_count"]),
    st.one_of(st.text("ab\n", max_size=8), PARTS, st.integers(0, 3)),
)


@given(PARTS, PARTS)
def test_what_one_side_alone_changed_is_taken_from_it(was: list[str], new: list[str]) -> None:
    for mine, theirs in ((new, was), (was, new), (new, new)):
        merged = merge_parts(was, mine, theirs)
        assert not merged.conflicts
        assert merged.parts() == new


@given(PARTS, PARTS, PARTS)
def test_merging_is_the_same_from_both_sides(
    was: list[str], mine: list[str], theirs: list[str]
) -> None:
    one, other = merge_parts(was, mine, theirs), merge_parts(was, theirs, mine)
    assert [(c.was, c.mine, c.theirs) for c in one.conflicts] == [
        (c.was, c.theirs, c.mine) for c in other.conflicts
    ]
    if not one.conflicts:
        assert one.parts() == other.parts()


@given(PARTS, PARTS, PARTS)
def test_nothing_of_either_side_is_lost_and_nothing_is_invented(
    was: list[str], mine: list[str], theirs: list[str]
) -> None:
    merged = merge_parts(was, mine, theirs)
    here = [*merged.parts(), *(part for c in merged.conflicts for part in c.theirs)]
    for side, other in ((mine, theirs), (theirs, mine)):
        for part in set(side) - set(was):
            assert here.count(part) >= side.count(part), "a part that one side wrote is gone"
        for part in set(was) & set(other):
            if was.count(part) == side.count(part) == other.count(part):
                assert part in here
    assert set(here) <= {*was, *mine, *theirs}


@given(st.integers(0, 3), st.integers(5, 8), st.text("xyz\n"), st.text("xyz\n"))
def test_paragraphs_that_do_not_touch_are_both_kept(
    first: int, second: int, mine: str, theirs: str
) -> None:
    was = [f"paragraph {number}" for number in range(9)]
    ours, other, both = [*was], [*was], [*was]
    ours[first], other[second] = f"M{mine}", f"T{theirs}"
    both[first], both[second] = f"M{mine}", f"T{theirs}"
    texts = ["\n\n".join(parts) for parts in (was, ours, other, both)]
    was_, ours_, other_ = ({"body": text} for text in texts[:3])
    merged = merge_fields(was_, ours_, other_, prose=["body"])
    assert merged.conflicts == ()
    assert merged.fields == {"body": texts[3]}
    assert merged.theirs == ("body",)


@given(FIELDS, FIELDS, FIELDS)
def test_fields_that_one_side_alone_changed_are_merged_and_others_are_asked_for(
    was: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    merged = merge_fields(was, mine, theirs, prose=["body"])
    for name in {*was, *mine, *theirs}:
        old, ours, other = was.get(name), mine.get(name), theirs.get(name)
        if ours in (old, other):
            assert merged.fields.get(name) == other
            assert name not in merged.conflicts
        elif other == old:
            assert merged.fields.get(name) == ours
            assert name not in merged.conflicts
        elif not isinstance(ours, list) and name != "body":
            assert name in merged.conflicts
            assert merged.fields.get(name) == ours


@pytest.mark.parametrize(
    ("was", "mine", "theirs"),
    [("one\ntwo", "one\nTWO", "one\n2"), (None, "mine", "theirs"), ("a", None, "b")],
)
def test_what_both_changed_in_their_own_way_is_a_conflict(was: Any, mine: Any, theirs: Any) -> None:
    merged = merge_fields({"body": was}, {"body": mine}, {"body": theirs}, prose=["body"])
    assert merged.conflicts == ("body",)
    assert merged.fields.get("body") == mine
