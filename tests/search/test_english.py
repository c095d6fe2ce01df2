"""Words as both engines read them: in lower case, without accents, in every script."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiers import in_sizes

from search.analysis import only_stop_words, stems, words
from search.english import STEMMED_DIFFERENTLY, STOP_WORDS
from search.highlight import _folded as folded


@given(st.text())
def test_without_accents_every_character_keeps_its_place(text: str) -> None:
    plain = folded(text)
    assert len(plain) == len(text)
    assert folded(plain) == plain
    for before, after in zip(text, plain, strict=True):
        assert after == before or unicodedata.normalize("NFD", before)[0] == after


@in_sizes("every", 23, 1)
def test_the_words_of_each_character_are_their_own_words(every: int) -> None:
    codes = range(0, sys.maxunicode + 1, every)
    chosen = (chr(code) for code in codes if not 0xD800 <= code < 0xE000)
    changed = [c for c in chosen if (found := words(c)) and words(" ".join(found)) != found]
    assert changed == []


@given(st.text())
def test_the_words_of_words_are_the_same_words(text: str) -> None:
    found = words(text)
    assert all(found)
    assert words(" ".join(found)) == found
    assert " ".join(found).lower() == " ".join(found)


@given(
    st.lists(st.text("abcxyz019", min_size=1)), st.sampled_from([" ", "-", "_", "' ", "\n", "—"])
)
def test_everything_that_is_no_letter_or_digit_separates_words(parts: list[str], by: str) -> None:
    assert list(words(by.join(parts))) == parts


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("МОСКВА", "москва"),
        ("القاهرة", "القاهرة"),
        ("𐐷", "𐐷"),
        ("Ⅻ", "xii"),
        ("٣٤", "٣٤"),
        ("CO₂", "co2"),
        ("हिन्दी", "हिनदी"),
    ],
)
def test_letters_and_digits_of_every_script_make_one_word(text: str, word: str) -> None:
    assert words(text) == (word,)


@pytest.mark.parametrize("text", ["東京", "ไทย", "한국", "カナ"])
def test_each_letter_of_a_script_without_spaces_is_a_word(text: str) -> None:
    assert words(text) == tuple(text)


def test_no_stop_word_has_a_stem_and_every_other_word_has() -> None:
    assert [word for word in STOP_WORDS if stems(word)] == []
    assert [word for word in STEMMED_DIFFERENTLY if len(stems(word)) != 1] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("--", True), ("THE", True), ("the 1", False), ("it's", True), ("İf", True)],
)
def test_only_stop_words_are_stop_words_whatever_their_case(text: str, expected: bool) -> None:
    assert only_stop_words(text) is expected
