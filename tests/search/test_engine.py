"""The contract of every engine: what is found, in which order, with which counts."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from search.engine import Change
from search.errors import InvalidQuery, NothingServes, UnknownName
from search.query import Query

Story = Callable[..., dict[str, Any]]


@pytest.fixture
def newsroom(archive: Any, story: Story) -> Any:
    """Enough articles for most questions."""
    archive.holds(
        story("article/pole", "Race to the South Pole", body="Amundsen wins.", at="1911-12-14"),
        story("article/scott", "Scott is lost", body="South of the pole station.", at="1912-03-29"),
        story("article/vote", "Election results are in", body="A close vote.", at="2020-11-07"),
        story("article/won", "Elected result of a poll", body="Voters elected.", at="2020-12-31"),
        story("article/hot", "A hot year", abstract="The climate is climbing.", at="2021-01-01"),
        story("article/law", "Climatic law", body="Votes on a law", bylines=["Ana Ruíz"]),
        story("article/ana", "Ruiz honoured", body="Ana wrote it; by Ruiz.", bylines=["Bo Li"]),
    )
    return archive


def test_all_documents_answer_an_empty_query_in_the_order_of_their_ids(newsroom: Any) -> None:
    answer = newsroom.ask("")
    assert answer.total == 7
    assert [hit.id for hit in answer.hits] == sorted(hit.id for hit in answer.hits)
    assert answer.sequence == 10


def test_a_word_is_found_in_any_form_and_any_text(newsroom: Any) -> None:
    assert set(newsroom.ids("elections")) == {"article/vote", "article/won"}
    assert set(newsroom.ids("voting")) == {"article/vote", "article/law"}


def test_a_phrase_is_these_very_words(newsroom: Any) -> None:
    assert newsroom.ids('"election results"') == ["article/vote"]
    assert newsroom.ids('"race to the south"') == ["article/pole"]
    assert newsroom.ids('"south pole"') == ["article/pole"]


def test_a_phrase_does_not_run_from_one_text_into_another(newsroom: Any) -> None:
    assert newsroom.ids('"pole amundsen"') == []


def test_a_prefix_finds_what_begins_so_as_it_is_written(newsroom: Any) -> None:
    assert set(newsroom.ids("climat*")) == {"article/hot", "article/law"}
    assert newsroom.ids("electio*") == ["article/vote"]


def test_a_field_clause_looks_in_its_field_only(newsroom: Any) -> None:
    assert newsroom.ids("headline:scott") == ["article/scott"]
    assert newsroom.ids("headline:amundsen") == []
    assert newsroom.ids("body:wins") == newsroom.ids("body:win") == ["article/pole"]
    assert newsroom.ids('byline:"ana ruiz"') == ["article/law"]
    assert newsroom.ids("headline:clim*") == ["article/law"]


def test_exclusions_always_exclude(newsroom: Any) -> None:
    assert newsroom.ids("pole -scott") == ["article/pole"]
    assert newsroom.ids('elections -"election results"') == ["article/won"]
    assert len(newsroom.ids("-pole")) == 5
    assert "article/law" not in newsroom.ids('-byline:"Ana Ruiz"')


def test_or_takes_either(newsroom: Any) -> None:
    assert set(newsroom.ids("amundsen OR honoured")) == {"article/pole", "article/ana"}
    assert newsroom.ids("law OR race amundsen") == ["article/pole"]


def test_accents_and_case_make_no_difference(newsroom: Any) -> None:
    assert newsroom.ids("RUÍZ -honoured") == ["article/law"]


def test_few_words_must_all_match(newsroom: Any) -> None:
    answer = newsroom.ask("south pole amundsen")
    assert ([hit.id for hit in answer.hits], answer.matching) == (["article/pole"], "all")


def test_when_no_document_has_all_words_any_may_match_and_more_come_first(newsroom: Any) -> None:
    answer = newsroom.ask("race pole amundsen zeppelin")
    assert answer.matching == "any"
    assert [hit.id for hit in answer.hits] == ["article/pole", "article/scott"]


def test_of_a_long_query_any_word_may_match(newsroom: Any) -> None:
    answer = newsroom.ask("who was first in the race to the pole with dogs and skis")
    assert answer.matching == "any"
    assert answer.hits[0].id == "article/pole"


def test_operators_keep_their_meaning_when_any_word_may_match(newsroom: Any) -> None:
    assert newsroom.ids('"south pole" amundsen zeppelin') == ["article/pole"]
    assert newsroom.ids("headline:scott pole zeppelin") == ["article/scott"]


def test_a_query_of_stop_words_is_searched_as_it_is_written(newsroom: Any) -> None:
    assert set(newsroom.ids("to the")) == {"article/pole"}


def test_what_does_not_parse_is_searched_as_plain_words_with_a_note(newsroom: Any) -> None:
    answer = newsroom.ask('"south pole amundsen')
    assert answer.hits[0].id == "article/pole"
    assert answer.note == "searched as plain words: a quote is not closed"


def test_a_query_without_a_word_finds_nothing_and_says_so(newsroom: Any) -> None:
    answer = newsroom.ask("!?")
    assert (answer.total, answer.note) == (0, "there is no word in it to search for")


def test_a_match_in_the_headline_counts_more_than_one_in_the_body(
    archive: Any, story: Story
) -> None:
    archive.holds(
        story("article/1", "Of other things", body="A whale, seen from the shore at dawn."),
        story("article/2", "A whale", body="Something else, seen from the shore at dawn."),
    )
    assert archive.ids("whale") == ["article/2", "article/1"]


def test_hits_carry_the_document_and_what_matched_in_it(archive: Any, story: Story) -> None:
    archive.holds(
        story("article/1", "War & <peace>", body="The <b>war</b> ends", at="1851-09-18T05:00:00.25")
    )
    (hit,) = archive.ask("war").hits
    assert hit.title == "<mark>War</mark> &amp; &lt;peace&gt;"
    assert hit.fragments == {"body": "The <mark>war</mark> ends"}
    assert hit.document["body"] == "The <b>war</b> ends"
    assert hit.document["published_at"] == "1851-09-18T05:00:00.250000Z"
    assert hit.document["bylines"] == []
    assert hit.document["section"] is None


def test_a_document_without_a_title_is_called_by_its_id(archive: Any, story: Story) -> None:
    archive.holds({**story("article/1"), "headline": None})
    assert archive.ask().hits[0].title == "article/1"


def test_filters_compare_exact_values_and_narrow_one_another(archive: Any, story: Story) -> None:
    archive.holds(
        story("article/1", section="World", tags=["Sea", "Ice"], at="1911-01-01"),
        story("article/2", section="World News", tags=["Sea"], at="1911-06-01"),
        story("article/3", section="Arts", tags=["Ice"], at="1912-01-01"),
    )
    assert archive.ids(filters={"section": ["World"]}) == ["article/1"]
    assert archive.ids(filters={"section": "world"}) == ["article/1"]
    assert archive.ids(filters={"section": "wor"}) == []
    assert archive.ids(excluded={"section": "World"}) == ["article/2", "article/3"]
    assert archive.ids(filters={"section": ["World", "Arts"]}) == ["article/1", "article/3"]
    assert archive.ids(
        filters={"section": ["World", "Arts"], "tag": ["Ice"], "year": ["1912"]}
    ) == ["article/3"]
    assert archive.ids(filters={"id": ["article/2"]}) == ["article/2"]


def test_a_range_of_dates_includes_its_last_day_and_reaches_to_1851(
    archive: Any, story: Story
) -> None:
    archive.holds(
        story("article/1", at="1851-09-18"),
        story("article/2", at="2020-12-31T23:59:59.999999"),
        story("article/3", at="2021-01-01"),
        story("article/4"),
    )
    assert archive.ids(date_to="1851-09-18") == ["article/1"]
    assert archive.ids(date_from="1851-09-19", date_to="2020-12-31") == ["article/2"]
    assert archive.ids(date_from="2021") == ["article/3"]
    assert archive.ids() == ["article/1", "article/2", "article/3", "article/4"]


def test_a_date_is_a_filter_too_and_narrows_the_range(archive: Any, story: Story) -> None:
    archive.holds(
        story("article/1", at="1912-04-15"),
        story("article/2", at="1912-04-15T23:59:59.999999"),
        story("article/3", at="1912-04-16"),
        story("article/4"),
    )
    for name in ("date", "published_at"):
        for day in ("1912-04-15", "15 April 1912", date(1912, 4, 15)):
            assert archive.ids(filters={name: [day]}) == ["article/1", "article/2"]
        assert archive.ids(filters={name: "1912-04"}, date_from="1912-04-16") == ["article/3"]
        assert archive.ids(filters={name: "1912-04"}, date_from="1913") == []
        with pytest.raises(InvalidQuery, match="give one date; a range has its first"):
            archive.ask(filters={name: ["1912", "1913"]})
        with pytest.raises(InvalidQuery, match=f"{name}: '04/05/1912' has day and month in no"):
            archive.ask(filters={name: ["04/05/1912"]})
    with pytest.raises(UnknownName, match="articles has no facet 'date'"):
        archive.ask(facets=["date"])


def test_sorting_by_date_breaks_ties_by_id_and_puts_the_undated_last(
    archive: Any, story: Story
) -> None:
    documents = [story(f"article/{n}", at=f"19{10 + n % 3}-01-01") for n in range(9)]
    archive.holds(*documents, story("article/x"), story("article/old", at="1851-09-18"))
    assert archive.ids(sort="oldest", size=20) == [
        "article/old",
        *(f"article/{n}" for n in (0, 3, 6, 1, 4, 7, 2, 5, 8)),
        "article/x",
    ]
    assert archive.ids(sort="newest", size=20) == [
        *(f"article/{n}" for n in (2, 5, 8, 1, 4, 7, 0, 3, 6)),
        "article/old",
        "article/x",
    ]


@pytest.fixture
def many(archive: Any, story: Story) -> Any:
    """A thousand articles of few kinds, so that very many are equally good."""
    chance = random.Random(7)
    archive.documents = [
        story(
            f"article/{n:04d}",
            f"Whale {n % 7}",
            body=" ".join(chance.choices(["sea", "ship", "ice"], k=chance.randrange(1, 4))),
            section=chance.choice(["World", "Arts", None]),
            bylines=chance.sample([f"Writer {w}" for w in range(150)], k=chance.randrange(3)),
            tags=[chance.choice(["Sea", "Ice"])] * 2,
            at=f"{1851 + n % 90}-07-01" if n % 5 else None,
        )
        for n in range(1000)
    ]
    archive.holds(*archive.documents)
    return archive


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
@pytest.mark.parametrize("text", ["", "whale sea"])
def test_the_pages_together_show_every_hit_once(many: Any, sort: str, text: str) -> None:
    total = many.ask(text).total
    pages = [many.ids(text, sort=sort, page=n, size=170) for n in range(1, 8)]
    shown = [key for page in pages for key in page]
    assert len(shown) == len(set(shown)) == total


def test_hits_of_one_score_come_in_the_same_order_in_the_next_build(many: Any) -> None:
    before = [many.ids("whale", page=n, size=100) for n in range(1, 3)]
    many.build(list(reversed(many.documents)), generation=2)
    many.engine.promote({"articles": 2})
    assert [many.ids("whale", page=n, size=100) for n in range(1, 3)] == before


def test_facets_count_each_document_of_the_whole_result_once(many: Any) -> None:
    answer = many.ask("sea", facets=["section", "byline", "tag", "year"])
    found = [d for d in many.documents if "sea" in d["body"] or d["tags"][0]["name"] == "Sea"]
    assert answer.total == len(found)
    expected = {
        "section": Counter(d["section"]["name"] for d in found if d["section"]),
        "byline": Counter(b["name"] for d in found for b in d["bylines"]),
        "tag": Counter(name for d in found for name in {t["name"] for t in d["tags"]}),
        "year": Counter(str(d["published_at"].year) for d in found if d["published_at"]),
    }
    for name, counts in expected.items():
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:100]
        assert answer.facets[name] == ordered


def test_facets_and_total_follow_the_filters(many: Any) -> None:
    answer = many.ask(filters={"section": ["Arts"]}, facets=["section"], size=0)
    assert answer.facets["section"] == [("Arts", answer.total)]
    assert answer.hits == []


def test_a_page_beyond_the_end_is_empty(newsroom: Any) -> None:
    for sort in ("relevance", "newest"):
        answer = newsroom.ask("pole", page=10**9, size=1000, sort=sort)
        assert (answer.total, answer.hits) == (2, [])


def test_what_does_not_exist_is_told_with_what_does(newsroom: Any) -> None:
    with pytest.raises(UnknownName, match="articles has no filter 'nope'; it has: id, section"):
        newsroom.ask(filters={"nope": ["1"]})
    with pytest.raises(UnknownName, match="articles has no facet 'nope'"):
        newsroom.ask(facets=["nope"])
    with pytest.raises(UnknownName, match="no view 'nope'; there are: articles, bylines"):
        newsroom.ask(view="nope")


def test_a_view_without_dates_is_not_searched_by_date(archive: Any) -> None:
    archive.build([{"id": "byline/1", "name": "Ana", "sequence": 1}], view="bylines")
    archive.engine.promote({"bylines": 1})
    assert archive.ids(view="bylines", sort="newest") == ["byline/1"]
    with pytest.raises(InvalidQuery, match="have no date"):
        archive.ask(view="bylines", date_from="1912")


def test_an_archive_that_was_never_built_says_what_to_do(archive: Any) -> None:
    with pytest.raises(NothingServes, match="run: stet rebuild"):
        archive.ask("war")


def test_an_empty_view_is_searched_like_any_other(archive: Any) -> None:
    archive.holds()
    assert archive.ask("war", facets=["section"]).facets == {"section": []}


@given_in_tiers(20, 100, text=st.text() | st.text(alphabet="pole \"“-:*OR headline:body()!'é"))
def test_no_text_whatsoever_fails_to_be_searched(newsroom: Any, text: str) -> None:
    newsroom.ask(text, facets=["section"])


def test_instants_outside_the_range_of_dates_are_no_error(newsroom: Any) -> None:
    query = Query(date_from=datetime.min.replace(tzinfo=UTC), date_to="9999")
    assert newsroom.engine.search(query).total == 5


def test_a_generation_is_brought_to_a_later_sequence(
    archive: Any, story: Story, write: Any
) -> None:
    before = [story(f"article/{n}", f"Whale {n}") for n in range(6)]
    archive.build(before)
    after = [story("article/0", "Ship"), *before[2:], story("article/9", "Whale nine")]
    changed = write(archive.home / "changed.parquet", [after[0], after[-1]])
    for _ in range(2):  # a second time changes nothing
        change = Change("articles", 1, changed, ["article/1"])
        assert archive.engine.advance(25, {"articles": 1}, [change])["articles"].sequence == 25
        (about,) = archive.engine.generations()
        assert (about.sequence, about.documents) == (25, 6)
    archive.engine.promote({"articles": 1})
    assert archive.ids("ship") == ["article/0"]
    assert "article/1" not in archive.ids("whale")
    assert archive.ask().sequence == 25
    from search.comparison import compare_index

    whole = write(archive.home / "after.parquet", after)
    assert not compare_index(whole, archive.engine.digests("articles", 1))


def test_readers_see_all_old_or_all_new_views_while_rebuilds_are_promoted(
    archive: Any, story: Callable[..., dict[str, Any]]
) -> None:
    both = ("articles", "bylines")
    for generation in range(1, 22):
        stories = [story(f"article/{n}", "Whale") for n in range(generation)]
        people = [{"id": f"byline/{n}", "name": "Ana", "sequence": 1} for n in range(generation)]
        archive.build(stories, generation)
        archive.build(people, generation, view="bylines")
    archive.engine.promote(dict.fromkeys(both, 1))
    stop = threading.Event()
    seen: list[tuple[int, int]] = []
    mixed: list[dict[str, Any]] = []

    def read() -> None:
        while not stop.is_set():
            answer = archive.ask("whale")
            seen.append((answer.generation, answer.total))
            served = archive.engine.serving()
            if len({found.generation for found in served.values()}) != 1:
                mixed.append(served)

    reader = threading.Thread(target=read)
    reader.start()
    for generation in range(2, 22):
        archive.engine.promote(dict.fromkeys(both, generation))
        time.sleep(0.005)
    stop.set()
    reader.join()
    assert not mixed
    assert seen == sorted(seen)
    assert all(generation == total for generation, total in seen)
    assert len(set(seen)) > 3
