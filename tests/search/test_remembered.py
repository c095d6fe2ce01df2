"""What the embedded engine remembers of searches: the same answers, with less work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from replay import View
from search.embedded.counting import Counting
from search.embedded.engine import EmbeddedEngine
from search.embedded.index import EmbeddedIndex
from search.embedded.remembered import OVERHEAD, Remembered
from search.engine import Change
from search.query import Query

Story = Callable[..., dict[str, Any]]
Write = Callable[..., Path]
DAYS = ("1851-09-18", "1912-04-15", "1912-04-16T12:00:00", "1912-04-17", "1999-12-31", None)
NOW = datetime(1912, 4, 16, 12, tzinfo=UTC)
QUERY = Query("whale", "articles", facets=("section", "tag"), histogram="month", size=2, now=NOW)


@pytest.fixture
def engine(tmp_path: Path, views: Mapping[str, View], write: Write, story: Story) -> EmbeddedEngine:
    """An engine with thirty articles, of which two thirds are public."""
    stories = (
        story(f"{n:02}", "Whale ship" if n % 3 else "Whales", at=DAYS[n % 6],
              section=("World", "Arts")[n % 2], tags=[f"tag {n % 4}"])
        for n in range(30)
    )  # fmt: skip
    engine = EmbeddedEngine(tmp_path, views)
    engine.create("articles", 1, 10)
    engine.load("articles", 1, write(tmp_path / "first.parquet", stories))
    engine.refresh("articles", 1)
    engine.promote({"articles": 1})
    return engine


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the index is asked, in place of remembering it."""
    done: list[str] = []

    def noted(kind: type, name: str) -> None:
        method = getattr(kind, name)

        def told(*given: Any, **named: Any) -> Any:
            done.append(name)
            return method(*given, **named)

        monkeypatch.setattr(kind, name, told)

    noted(EmbeddedIndex, "_query")
    noted(Counting, "_counted")
    return done


FACETS: list[dict[str, Any]] = [
    {},
    {"facets": ("section",)},
    {"facets": ("section", "tag")},
    {"facets": ("tag",), "facet_text": {"tag": "2"}},
    {"facets": ("tag", "section"), "facet_text": {"tag": "ag"}},
]
QUERIES = st.builds(
    lambda *given, facets, **named: Query(*given, **facets, **named),
    st.sampled_from(["", "whale", "whale ship", "ship OR tag", "nothing", "whales -ship", "wha*"]),
    st.just("articles"),
    st.sampled_from([{}, {"section": ["World"]}, {"section": ["World", "Arts"], "tag": "tag 1"}]),
    date_from=st.sampled_from([None, "1912"]),
    date_to=st.sampled_from([None, "1912-04"]),
    sort=st.sampled_from(["relevance", "newest", "oldest"]),
    facets=st.sampled_from(FACETS),
    page=st.integers(1, 3),
    size=st.sampled_from([0, 1, 7]),
    any_word=st.booleans(),
    excluded=st.sampled_from([{}, {"tag": ["tag 2"]}]),
    ids=st.sampled_from([(), ("01", "02", "nobody")]),
    histogram=st.sampled_from([None, "decade", "year", "month"]),
    embargoed=st.booleans(),
    now=st.sampled_from(
        [NOW, datetime(1850, 1, 1, tzinfo=UTC), datetime(1912, 4, 17, 0, 0, 1, tzinfo=UTC)]
    ),
)


@given_in_tiers(60, 1_000, query=QUERIES)
def test_an_answer_is_that_of_an_index_that_remembers_nothing(
    engine: EmbeddedEngine, tmp_path: Path, views: Mapping[str, View], query: Query
) -> None:
    fresh = EmbeddedEngine(tmp_path, views).search(query)
    assert engine.search(query) == fresh
    assert engine.search(query) == fresh


def test_what_was_asked_is_not_asked_again(engine: EmbeddedEngine, work: list[str]) -> None:
    answer = engine.search(QUERY)
    assert work.count("_counted") == 1
    work.clear()
    assert engine.search(QUERY) == answer
    assert work == []


@pytest.mark.parametrize("change", [{"page": 2}, {"sort": "newest"}, {"size": 3}])
def test_another_page_or_order_is_found_without_counting_again(
    engine: EmbeddedEngine, work: list[str], change: dict[str, Any]
) -> None:
    answer = engine.search(QUERY)
    work.clear()
    other = engine.search(replace(QUERY, **change))
    assert work == ["_query"]
    assert (other.total, other.facets, other.histogram) == (
        answer.total, answer.facets, answer.histogram,
    )  # fmt: skip


def test_only_the_facet_that_is_new_is_counted(engine: EmbeddedEngine, work: list[str]) -> None:
    engine.search(replace(QUERY, facets=("section",), histogram=None))
    work.clear()
    assert engine.search(QUERY).facets["tag"]
    assert work.count("_counted") == 1
    work.clear()
    engine.search(replace(QUERY, facet_text={"tag": "1"}))
    assert work.count("_counted") == 1


def test_the_clock_alone_makes_no_search_new_until_a_document_is_released(
    engine: EmbeddedEngine, work: list[str]
) -> None:
    before = engine.search(QUERY)
    work.clear()
    second_later = replace(QUERY, now=NOW.replace(second=1))
    assert engine.search(second_later) == before
    assert work == []
    released = engine.search(replace(QUERY, now=NOW.replace(day=17)))
    assert released.total == before.total + 5
    assert work != []


def test_an_index_that_took_a_step_remembers_nothing_of_before(
    engine: EmbeddedEngine, tmp_path: Path, write: Write, story: Story
) -> None:
    before = engine.search(QUERY)
    new = story("new", "Whale", at="1851-09-18", section="Sports", sequence=11)
    changes = write(tmp_path / "second.parquet", [new])
    engine.advance(11, {"articles": 1}, [Change("articles", 1, changes, ["01"])])
    after = engine.search(QUERY)
    assert after.total == before.total + 1 - 1
    assert ("Sports", 1) in after.facets["section"]
    engine.close()


def test_what_is_remembered_has_a_bound_and_what_was_asked_last_stays() -> None:
    remembered = Remembered(most=10 * (OVERHEAD + 60))
    for number in range(100):
        remembered.keep((b"first", "total"), 1)
        assert remembered.of((b"first", "total")) == 1
        remembered.keep((b"%d" % number, "facet"), ["a value"] * 5)
    kept = [n for n in range(100) if remembered.of((b"%d" % n, "facet")) is not None]
    assert 5 <= len(kept) <= 10
    assert kept == [*range(100 - len(kept), 100)]


def test_a_value_larger_than_the_bound_is_not_kept() -> None:
    remembered = Remembered(most=1_000)
    remembered.keep((b"large", "facet"), ["a value"] * 1_000)
    assert remembered.of((b"large", "facet")) is None
    remembered.keep((b"small", "facet"), 1)
    assert remembered.of((b"small", "facet")) == 1
