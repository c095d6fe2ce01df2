"""Markup is not shown: what a hit shows is the text that a reader would see."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.markup import without_markup


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<b>Whale</b> seen", "Whale seen"),
        ("<a href=\"x?a=1&amp;b=2\" title='>'>Whale</a>", "Whale"),
        ("<p title=it's>Whale</p>", "Whale"),
        ('<a title="a<b" hidden\nhref=/x/y>Whale</a >', "Whale"),
        ('<img src="x"alt="y"/>Whale<input disabled CHECKED >', "Whale"),
        ("<script async src='x'>no</script>Whale<!DOCTYPE html>", "Whale"),
        ("- one\n* two\n+ three", "one\ntwo\nthree"),
        ("Whale\n=====\n| a | b |\n|---|:-:|\n| 1 | 2 |", "Whale\n\n| a | b |\n\n| 1 | 2 |"),
        ("[Whale][1] and a note[^2]\n\n[1]: http://x.y\n[^2]: It is", "Whale and a note"),
        ("a[0][1] stays", "a[0][1] stays"),
        (r"\*Whale\*", r"\*Whale\*"),
        ("<p>One</p><p>Two<br/>three", "One  Two three"),
        ("<script>alert('<b>')</script>Whale<!-- <b>no</b> --> seen", "Whale seen"),
        ("<STYLE>p {}</STYLE>Whale", "Whale"),
        ("Fish &amp; ships &#8212; &eacute;&nbsp;x", "Fish & ships — é\xa0x"),
        ("A **bold** *and* ***both*** ~~gone~~ __word__ _here_", "A bold and both gone word here"),
        ("# Title\n\n> said\n\n---\n`code` and ``more``", "Title\n\nsaid\n\n\ncode and more"),
        ('See [the ship](http://x.org/a_(b) "t"), ![a whale](w)', "See the ship, a whale"),
    ],
)
def test_html_and_markdown_are_not_shown(written: str, shown: str):
    assert without_markup(written) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d, x<y",
        "2 * 3 * 4 and 5*6*7",
        "snake_case_name and __init__.py of a_b",
        "AT&T, &c., R&D; Q&A",
        "[sic] and [1] (see p. 3)",
        "#1 of 10, C# and F#",
        "~5 km, ~6 km",
        "<3 and <- and <>",
        "<script> without an end",
        "a <b and c> d",
        "<i think so>, <a, b> and <p.s.> of <u.s. mail>",
        "</b and c> 1<2>3",
        "<foo@bar.org> or <https://example.org>",
        "<scripture> and <styles are> many",
        "<!important note> and <?>",
        "<time is up",
    ],
)
def test_what_only_looks_like_markup_stays(text: str):
    expected = " without an end" if text.startswith("<script>") else text
    assert without_markup(text) == expected.strip()


@given(st.text())
@example("İ<b>x</b>")
def test_any_text_is_taken_and_one_without_signs_is_as_it_was(text: str):
    assert len(without_markup(text)) <= len(text)
    plain = "".join(letter for letter in text if letter not in "<&[*_~`#>")
    assert without_markup(plain) == plain


TAGS = st.sampled_from(
    ["<b>", "</b>", "<I>", "<a href='x>y'>", '<span class="a b" hidden>', "</A >",
     "<img src=x />", "<input disabled>", "<!-- <b and c> -->", "<style>p > a</style>",
     "<script type=x>if (a < b) c</script>"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["whale", "a < b", "<3", "1<2>3", "<foo@bar.org>", "<b and c>", "x>y", "<>", "<b p>", "2>a",
     "</b c>", "<a,b>", "<p.s.>", "<!important>", "<?>", "<scripture>", "<stylish", "1<b", "/>",
     "<time is up>", "<u.s. mail>", "<br3>", "</", "<-", "<b", "up>"]
)  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), TAGS, TEXTS), max_size=12))
def test_no_text_outside_of_a_tag_is_lost(parts: list[tuple[bool, str, str]]):
    written = " ".join(tag if is_tag else text for is_tag, tag, text in parts)
    shown = " ".join("" if is_tag else text for is_tag, _, text in parts)
    assert without_markup(written).split() == shown.split()


TAG_PIECES = "<script>|<script |<a hidden |<a x='|<a x=1|<a x = |<!doctype |<a\t"
PIECES = "<!--|<a |<|[|[a](|[a](x|*a |**| _a|_|`|`a|&|# |&amp|~~a|***|a_|<a b|>|(|![|__a"


@pytest.mark.parametrize("piece", [*TAG_PIECES.split("|"), *PIECES.split("|")])
def test_the_time_grows_with_the_length_only(piece: str):
    times = []
    for size in (20_000, 200_000):
        text = piece * (size // len(piece))
        begin = time.perf_counter()
        without_markup(text)
        times.append(time.perf_counter() - begin)
    assert times[1] < 40 * times[0] + 0.2


def test_a_hit_shows_no_markup_marks_its_matches_and_keeps_the_document(archive: Any, story: Any):
    headline, abstract = (
        "A <i>white</i> **whale**",
        "<p>The <b>whale</b> &lt;script&gt; &amp; [ship](http://x)",
    )
    archive.holds(story("1", headline, abstract=abstract))
    (hit,) = archive.ask("whale").hits
    assert hit.title == "A white <mark>whale</mark>"
    assert hit.fragments == {"abstract": "The <mark>whale</mark> &lt;script&gt; &amp; ship"}
    assert hit.document["headline"] == headline
    assert hit.document["abstract"] == abstract
