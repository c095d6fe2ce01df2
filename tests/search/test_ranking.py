"""The contract of every engine: what orders the hits of a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search import weights
from search.clauses import Parsed
from search.syntax import parse, plain

Story = Callable[..., dict[str, Any]]
FILLING = " ".join(f"filling{n}" for n in range(weights.APART + 1))


def test_words_near_each_other_come_before_words_far_apart_in_any_of_their_forms(
    archive: Any, story: Story
) -> None:
    archive.holds(
        story("article/far", body=f"mathematical {FILLING} model", headline="a"),
        story("article/near", body=f"mathematics of models {FILLING}", headline="b"),
    )
    query = "mathematical models explained by somebody else"
    near, far = archive.ask(query).hits
    assert [near.id, far.id] == ["article/near", "article/far"]
    assert near.score - far.score == pytest.approx(weights.NEIGHBOURS, abs=0.05)


def test_a_constant_weighs_the_same_on_every_engine(archive: Any, story: Story) -> None:
    """A prefix scores 1 in each text that has it."""
    archive.holds(story("article/1", "Whales", body="whalers"))
    (hit,) = archive.ask("whal*").hits
    assert hit.score == pytest.approx(2 * 1.0, rel=0.3)


def test_a_word_that_a_query_repeats_weighs_more(archive: Any, story: Story) -> None:
    archive.holds(story("article/1", "The consumer"), story("article/2", "The advice"))
    query = "advice on rights of a consumer, consumer protection, a consumer's education"
    assert archive.ids(query) == ["article/1", "article/2"]


def test_a_general_word_weighs_less(archive: Any, story: Story) -> None:
    archive.holds(story("article/1", "Would"), story("article/2", "Comet"))
    ids = archive.ids("would it be a comet among all other stars")
    assert ids == ["article/2", "article/1"]


def test_any_word_of_a_compound_is_enough_where_any_word_may_match(
    archive: Any, story: Story
) -> None:
    archive.holds(story("article/1", "Visual arts"), story("article/2", "Wing planform"))
    assert archive.ids("audio-visual resources of small public libraries") == ["article/1"]
    alone = archive.ask("audio-visual")
    assert ([hit.id for hit in alone.hits], alone.matching) == (["article/1"], "any")


def test_a_form_of_a_word_does_not_come_before_the_word_because_it_is_rarer(
    archive: Any, story: Story
) -> None:
    archive.holds(
        story("article/word", "Electron microscopy"),
        story("article/other", "Electronmicroscopy of lungs"),
        *(story(f"article/more {n}", "Electron beams") for n in range(3)),
    )
    assert archive.ids("electron microscopy", any_word=True)[0] == "article/word"


@pytest.mark.parametrize(
    "pasted",
    [
        'President said "we shall go to the moon this decade" before the astronauts landed',
        "why did the astronauts -Armstrong among them- land on the Moon's sea, and not elsewhere?",
        "the *astronauts* landed on the sea: what did they find (and say) about the moon?",
        "ASTRONAUTS LANDED NEAR THE SEA OF TRANQUILITY AND NOT ON THE MOON'S OTHER SIDE",
        "astronauts +nobody landed on the moon; NOT a sea of water but title:dust and date:dust",
        'the "astronauts landed on the Moon and one quote of the sentence is never closed',
        "astronauts/cosmonauts landed on the moon (sea) !sea [of] {tranquility} ^2 ~3 \\sea",
    ],
)
def test_a_pasted_sentence_loses_nothing_by_its_signs(
    archive: Any, story: Story, pasted: str
) -> None:
    archive.holds(
        story("article/moon", "Astronauts land on the Moon", body="Armstrong in a sea of dust"),
        story("article/sea", "The sea", body="Water and salt and fish"),
        story("article/president", "President speaks", body="He said that we shall go"),
    )
    signed, words_alone = (
        archive.ask(text, any_word=True) for text in (pasted, _without_signs(pasted))
    )
    assert [hit.id for hit in signed.hits] == [hit.id for hit in words_alone.hits]
    assert signed.hits[0].id == "article/moon"


def _without_signs(text: str) -> str:
    return " ".join(parse_words(text)).lower()


def parse_words(text: str) -> tuple[str, ...]:
    """The words of a text, stop words included."""
    return plain(text).said


def test_near_is_a_word_in_a_text_of_capitals() -> None:
    assert "near" in parse("MEASUREMENTS OF DRIFTS NEAR THE EQUATOR").said
    assert parse("MEASUREMENTS OF DRIFTS NEAR THE EQUATOR").required == ()


def test_what_a_query_says_twice_is_a_neighbour_each_time() -> None:
    parsed = parse("library outreach for the community: outreach libraries, library users")
    assert ("library", "users") in list(weights.neighbours(parsed))
    assert ("outreach", "libraries") in list(weights.neighbours(parsed))
    assert list(weights.neighbours(Parsed(said=("sea", "sea")))) == []
