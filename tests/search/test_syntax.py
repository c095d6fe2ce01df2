"""The reader's query syntax."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.clauses import Dates, Group, Phrase, Prefix, Word
from search.query import Query
from search.syntax import LONG, MOST_PARTS, parse

FIELDS = ("headline", "body", "byline")


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("south pole", [[Word("south")], [Word("pole")]]),
        ('"south pole"', [[Phrase("south pole")]]),
        ("“south pole”", [[Phrase("south pole")]]),
        ("whale OR dolphin sea", [[Word("whale"), Word("dolphin")], [Word("sea")]]),
        ("a OR b OR c", [[Word("a"), Word("b"), Word("c")]]),
        ("climat*", [[Prefix("climat")]]),
        ("headline:war", [[Word("war", "headline")]]),
        ("HEADLINE:war", [[Word("war", "headline")]]),
        ('byline:"Ana Ruiz"', [[Phrase("Ana Ruiz", "byline")]]),
        ("headline:clim*", [[Prefix("clim", "headline")]]),
        ("Re: budget", [[Word("Re:")], [Word("budget")]]),
        ("http://a.org/x", [[Word("http://a.org/x")]]),
        ("war - peace", [[Word("war")], [Word("peace")]]),
        ("state-of-the-union", [[Word("state-of-the-union")]]),
        ("fish and or chips", [[Word("fish")], [Word("chips")]]),
        ("war war", [[Word("war")]]),
    ],
)
def test_what_a_reader_writes_is_what_is_asked(text: str, groups: list[list[object]]) -> None:
    parsed = parse(text, FIELDS)
    assert [list(group.clauses) for group in parsed.groups] == groups
    assert parsed.note is None


def test_a_minus_excludes_words_phrases_and_field_clauses() -> None:
    parsed = parse('war -peace -"cease fire" -byline:"Ana Ruiz"', FIELDS)
    assert parsed.groups == (Group((Word("war"),)),)
    assert parsed.excluded == (
        Word("peace"),
        Phrase("cease fire"),
        Phrase("Ana Ruiz", "byline"),
    )


def test_a_query_of_exclusions_only_is_about_everything_else() -> None:
    assert parse("-peace").everything


@pytest.mark.parametrize("text", ["", "  \n", "*"])
def test_an_empty_query_is_about_everything(text: str) -> None:
    assert parse(text).everything


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"south pole', "a quote is not closed"),
        ('the 5" nail', "a quote is not closed"),
        ("OR whale", "OR needs something on both sides"),
        ("whale OR", "OR needs something on both sides"),
        ("whale OR OR dolphin", "OR needs something on both sides"),
    ],
)
def test_what_does_not_parse_is_searched_as_plain_words_and_says_why(
    text: str, reason: str
) -> None:
    parsed = parse(text, FIELDS)
    assert parsed.note == f"searched as plain words: {reason}"
    assert parsed.groups
    assert all(group.loose for group in parsed.groups)


def test_stop_words_need_not_match_unless_there_is_nothing_else() -> None:
    assert len(parse("the history of the world").loose) == 2
    assert len(parse("to be or not to be").loose) == 4


def test_only_words_are_optional_in_a_long_query() -> None:
    parsed = parse('one two three four five "six seven" headline:eight nine*', FIELDS)
    assert len(parsed.loose) == 5
    assert len(parsed.required) == 3
    assert not parsed.all_may_match


@given(st.text())
def test_no_text_whatsoever_is_an_error(text: str) -> None:
    parse(text, FIELDS)


@given(st.text(alphabet="ab \"“-:*OR headline:body()!'é"))
def test_no_heap_of_operators_is_an_error(text: str) -> None:
    parsed = parse(text, FIELDS)
    assert parsed.everything or parsed.groups or parsed.excluded or parsed.note


def test_a_very_long_text_is_searched_by_its_first_words_and_says_so() -> None:
    text = " ".join(f"word{n}" for n in range(2_000))
    parsed = parse(text)
    assert [clause.text for clause in parsed.clauses] == text.split()[:MOST_PARTS]
    assert parsed.note == f"searched by its first {MOST_PARTS} words"
    assert parse(f'{text} "').note == (
        f"searched as plain words: a quote is not closed; searched by its first {MOST_PARTS} words"
    )
    assert parse(f"{text} -{text}").excluded == ()


def test_clauses_joined_by_or_and_exclusions_are_limited_too() -> None:
    note = f"searched by its first {MOST_PARTS} words"
    names = [f"word{n}" for n in range(2_000)]
    either = parse(" OR ".join(names))
    assert [clause.text for clause in either.clauses] == names[:MOST_PARTS]
    assert (len(either.groups), either.note) == (1, note)
    without = parse(" ".join(f"-{name}" for name in names))
    assert [clause.text for clause in without.excluded] == names[:MOST_PARTS]
    assert (without.everything, without.note) == (True, note)
    assert parse(" OR ".join(names[:MOST_PARTS])).note is None
    several = parse(" ".join(f"{one} OR {other}" for one, other in zip(names, names, strict=True)))
    assert (len(several.groups), len(several.clauses)) == (MOST_PARTS // 2, MOST_PARTS)


PARTS = st.sampled_from(["moon", "sun", '"red star"', "com*", "headline:sky"])


@given(st.lists(PARTS, min_size=1, max_size=LONG))
def test_a_parsed_text_has_the_clauses_that_were_written_once_each(parts: list[str]) -> None:
    parsed = parse(" ".join(parts), FIELDS)
    assert len(parsed.groups) == len(set(parts))
    assert parsed.loose + parsed.required != ()
    assert set(parsed.loose) | set(parsed.required) == set(parsed.groups)
    assert parse(" ".join(f"-{part}" for part in parts), FIELDS).excluded == tuple(
        group.clauses[0] for part in parts for group in parse(part, FIELDS).groups
    )


def test_what_is_no_character_does_not_stop_a_search() -> None:
    assert parse("moon\ud800").clauses[0].text.encode() == b"moon?"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("date:1914..1912", "1914..1912 ends before it begins; exchange its ends"),
        ("date:[1914 TO 1912]", "ends before it begins"),
        ("date:04/05/1912", "(1912-04-05 or 1912-05-04)"),
        ("since:soon", "'soon' is no date"),
    ],
)
def test_a_date_in_the_text_that_cannot_be_meant_is_said(text: str, reason: str) -> None:
    parsed = parse(text, {"headline": ("headline",)}, [], "headline", date="published_at")
    assert reason in (parsed.note or "")


@pytest.mark.parametrize(
    "day", ["1912-04-15", '"15 April 1912"', '"April 15, 1912"', "1912-W16-1", "-30d", "yesterday"]
)
def test_a_date_in_the_text_means_what_it_means_everywhere(day: str) -> None:
    parsed = parse(f"date:{day}", {"headline": ("headline",)}, [], "headline", date="published_at")
    first, last = Query(date_from=day.strip('"'), date_to=day.strip('"')).dates()
    assert parsed.note is None
    assert parsed.groups[0].clauses == (Dates(first, last),)
