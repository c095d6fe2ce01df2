"""Highlights: HTML in which nothing but the marks is markup."""

from __future__ import annotations

import re
import time
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from search.analysis import stems
from search.highlight import Highlighter
from search.syntax import parse

TEXTS = st.text(max_size=600) | st.lists(
    st.sampled_from(["war", "Wars", "<mark>", "</mark>", "&amp;", "<b>", "élan", "the", "x-ray"])
).map(" ".join)
QUERIES = st.sampled_from(["war", '"the war"', "wa*", "elan x-ray", "headline:war", "mark", "amp"])


def fragment(text: str, query: str, name: str = "body") -> str | None:
    return Highlighter(parse(query, ["headline", "body"]).clauses, stems).fragment([text], name)


def stripped(html: str) -> str:
    return unescape(html.replace("<mark>", "").replace("</mark>", ""))


@given(TEXTS, QUERIES)
def test_a_fragment_without_its_marks_is_a_piece_of_the_text(text: str, query: str) -> None:
    html = fragment(text, query)
    if html is not None:
        assert stripped(html) in text
        assert re.findall(r"<[^>]*>?", html) == ["<mark>", "</mark>"] * html.count("<mark>")


@given(TEXTS, QUERIES)
def test_a_title_without_its_marks_is_the_title(text: str, query: str) -> None:
    assert stripped(Highlighter(parse(query).clauses, stems).whole(text, "headline")) == text


def test_a_script_in_a_document_comes_out_as_text() -> None:
    html = fragment("<script>alert('war')</script>", "war")
    assert html == "&lt;script&gt;alert(&#x27;<mark>war</mark>&#x27;)&lt;/script&gt;"


def test_other_forms_of_a_word_are_marked() -> None:
    assert fragment("Two elections, one electoral college", "election") == (
        "Two <mark>elections</mark>, one electoral college"
    )
    assert fragment("they are dying", "die") == "they are <mark>dying</mark>"


def test_accents_do_not_hide_a_word() -> None:
    assert fragment("São Tomé, Straße", "sao") == "<mark>São</mark> Tomé, Straße"
    assert fragment("São Tomé, Straße", "strasse") == "São Tomé, <mark>Straße</mark>"


def test_a_phrase_is_marked_as_one_and_only_as_it_stands() -> None:
    text = "The election results. Elected results of the elections"
    assert fragment(text, '"election results"') == (
        "The <mark>election results</mark>. Elected results of the elections"
    )


def test_a_prefix_is_marked_to_the_end_of_the_word() -> None:
    assert fragment("climate, acclimatize", "clim*") == "<mark>climate</mark>, acclimatize"


def test_a_field_clause_marks_its_own_field_only() -> None:
    assert fragment("war", "headline:war", "body") is None
    assert fragment("war", "headline:war", "headline") == "<mark>war</mark>"


def test_of_a_long_text_the_piece_with_the_most_matches_is_shown() -> None:
    text = "war " + "nothing here " * 100 + "the war of wars " + "nothing there " * 100
    html = fragment(text, "war")
    assert html is not None
    assert html.count("<mark>") == 2
    assert len(stripped(html)) <= 200


def test_a_long_text_of_nothing_but_matches_is_highlighted_at_once() -> None:
    began = time.perf_counter()
    html = fragment("war " * 50_000, "war")
    assert time.perf_counter() - began < 5
    assert html is not None
    assert html.count("<mark>war</mark>") == 50


def test_the_first_value_with_a_match_is_shown() -> None:
    highlighter = Highlighter(parse("war").clauses, stems)
    assert highlighter.fragment(["peace", "a war", "war war"], "body") == "a <mark>war</mark>"
    assert highlighter.fragment(["peace", ""], "body") is None
    assert highlighter.fragment([], "body") is None


def test_without_clauses_nothing_is_marked() -> None:
    highlighter = Highlighter((), stems)
    assert highlighter.fragment(["war"], "body") is None
    assert highlighter.whole("war & peace", "body") == "war &amp; peace"


def test_a_match_longer_than_a_fragment_is_shown_whole() -> None:
    words = " ".join(["war"] * 100)
    html = fragment(f"{'peace ' * 50}{words} {'peace ' * 50}", f'"{words}"')
    assert html is not None
    assert f"<mark>{words}</mark>" in html


@given(st.sampled_from(["Москва", "東京", "القاهرة", "ไทย", "Ελλάδα", "Αθήνα"]), TEXTS)
def test_a_word_of_any_script_is_marked(word: str, text: str) -> None:
    html = Highlighter(parse(word).clauses, stems).whole(f"{word}, {text}", "body")
    assert html.startswith(f"<mark>{word}</mark>, ")
