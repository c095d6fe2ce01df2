"""The difference of two texts, word by word."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.word_diff import (
    ADDED,
    LEFT_OUT,
    MOST_SHOWN,
    REMOVED,
    SAME,
    Part,
    excerpt,
    word_diff,
)

WORDS = st.lists(st.sampled_from(["a", "bb", "it's", " ", "\n\n", ". ", "é", "<b>"])).map("".join)
TEXTS = st.one_of(WORDS, st.text(max_size=60))


def applied(parts: list[Part], kind: str) -> str:
    """The text with what is the same and what is of a kind."""
    return "".join(part.text for part in parts if part.kind in (SAME, kind))


@given(TEXTS, TEXTS)
def test_a_difference_has_both_texts(old: str, new: str) -> None:
    parts = word_diff(old, new)
    assert applied(parts, REMOVED) == old
    assert applied(parts, ADDED) == new


@given(TEXTS, TEXTS)
def test_no_two_parts_of_one_kind_are_neighbours_and_none_is_empty(old: str, new: str) -> None:
    parts = word_diff(old, new)
    assert all(part.text for part in parts)
    assert all(one.kind != other.kind for one, other in pairwise(parts))


@given(TEXTS)
def test_equal_texts_have_no_difference(text: str) -> None:
    assert [part.kind for part in word_diff(text, text)] == [SAME] * bool(text)


def test_words_that_changed_together_stand_together() -> None:
    parts = word_diff(
        "All of them were saved, they say.", "Most of them were lost today, they say."
    )
    assert [(part.kind, part.text) for part in parts][-1] == (SAME, ", they say.")
    assert (REMOVED, "saved") in [(part.kind, part.text) for part in parts]
    assert (ADDED, "lost today") in [(part.kind, part.text) for part in parts]


@pytest.mark.parametrize("between", [" ", "\n\n", ". ", "", ", "])
@pytest.mark.parametrize("count", [480, 30_000])
def test_huge_texts_are_compared_in_bounded_time(between: str, count: int) -> None:
    old = between.join(f"w{n * 7919 % 10007}" for n in range(count))
    new = between.join(f"v{n * 7907 % 10009}" for n in range(count))
    begun = time.process_time()
    parts = word_diff(old, new)
    assert time.process_time() - begun < 3
    assert applied(parts, REMOVED) == old
    assert applied(parts, ADDED) == new
    assert sum(len(part.text) for part in excerpt(parts[:3])) < 4 * MOST_SHOWN


def test_an_excerpt_leaves_out_what_is_far_from_a_change() -> None:
    far = "word " * 1_000
    shown = [*excerpt(word_diff(f"{far}old {far}", f"{far}new {far}"))]
    assert [part.kind for part in shown] == [LEFT_OUT, SAME, REMOVED, ADDED, SAME, LEFT_OUT]
    assert sum(len(part.text) for part in shown) < 400
