"""The contract of every engine: histograms, the values of a long facet, and documents by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiers import given_in_tiers

from replay import View
from search import filters
from search.analysis import words
from search.elastic import counting
from search.engine import Engine
from search.errors import InvalidQuery
from search.histogram import HISTOGRAMS
from search.query import Query

Story = Callable[..., dict[str, Any]]
NOW = datetime(1999, 12, 31, 12, tzinfo=UTC)
DATES = (
    "0001-01-01",
    "0987-06-05",
    "1851-09-18T05:00:00",
    "1910-01-01",
    "1911-12-31T23:59:59.999999",
    "1912-01-01",
    "1912-02-29T23:59:59.999999",
    "1912-03-01",
    "1912-03-31",
    "1969-12-31T23:59:59.999999",
    "1970-01-01",
    "1999-12-31T23:59:59.999999",
    "2000-01-01",
    "9999-12-31T23:59:59.999999",
    None,
)


@pytest.fixture
def dated(archive: Any, story: Story) -> Any:
    """Articles at the edges of years and months, in two sections."""
    archive.holds(
        *(
            story(f"article/{n}", "Whale" if n % 3 else "Ship", at=DATES[n % len(DATES)],
                  section=("World", "Arts")[n % 2])
            for n in range(4 * len(DATES))
        )
    )  # fmt: skip
    return archive


def counted(hits: list[Any], unit: str) -> list[tuple[str, int]]:
    """The periods of hits, by their own dates."""
    label: Callable[[str], str] = {
        "decade": lambda date: date[:3] + "0",
        "year": lambda date: date[:4],
        "month": lambda date: date[:7],
    }[unit]
    return sorted(Counter(label(hit.date) for hit in hits if hit.date).items())


YEARS = st.sampled_from([None, "0001", "1850", "1911", "1912", "1912-02", "1970", "9999"])


@given_in_tiers(
    25,
    300,
    text=st.sampled_from(["", "whale", "whale ship", "nothing", "-ship"]),
    section=st.sampled_from([[], ["World"], ["World", "Arts"]]),
    ends=st.tuples(YEARS, YEARS).map(lambda ends: sorted(ends, key=lambda end: end or "")),
    embargoed=st.booleans(),
    unit=st.sampled_from(HISTOGRAMS),
)
def test_a_histogram_counts_the_dates_of_all_hits(
    dated: Any, text: str, section: list[str], ends: list[str | None], embargoed: bool, unit: str
) -> None:
    first, last = ends
    given: dict[str, Any] = {"filters": {"section": section}, "now": NOW, "embargoed": embargoed}
    given |= {"date_from": first, "date_to": last, "histogram": unit}
    hits = dated.ask(text, **given, size=100).hits
    answer = dated.ask(text, **given, size=1, facets=["year"])
    assert answer.histogram == counted(hits, unit)
    assert answer.total == len(hits)


def test_a_histogram_is_oldest_first_and_has_no_empty_period(dated: Any) -> None:
    assert [label for label, _ in dated.ask(histogram="decade", now=NOW).histogram] == [
        "0000", "0980", "1850", "1910", "1960", "1970",
    ]  # fmt: skip
    months = dated.ask(histogram="month", date_from="1912", date_to="1912").histogram
    assert months == [("1912-01", 4), ("1912-02", 4), ("1912-03", 8)]
    assert dated.ask().histogram == []


def test_a_histogram_has_more_than_a_hundred_periods(archive: Any, story: Story) -> None:
    archive.holds(*(story(f"article/{n}", at=f"{1700 + n}-05-01") for n in range(250)))
    whole = [(str(1700 + n), 1) for n in range(250)]
    assert archive.ask(histogram="year").histogram == whole
    by_month = [(f"{year}-05", 1) for year, _ in whole]
    assert archive.ask(histogram="month").histogram == by_month


def test_what_is_under_embargo_is_in_no_period(dated: Any) -> None:
    assert ("9990", 4) not in dated.ask(histogram="decade", now=NOW).histogram
    assert ("9990", 4) in dated.ask(histogram="decade", now=NOW, embargoed=True).histogram
    assert ("1999", 4) not in dated.ask(histogram="year", now=NOW).histogram


def test_documents_without_a_date_have_no_histogram_and_it_is_said(archive: Any) -> None:
    archive.build([{"id": "byline/1", "name": "Ana", "sequence": 1}], view="bylines")
    archive.engine.promote({"bylines": 1})
    with pytest.raises(InvalidQuery, match="of bylines have no date to count by; leave the histo"):
        archive.ask(view="bylines", histogram="year")


@pytest.mark.parametrize("unit", ["week", "", "Year"])
def test_an_unknown_histogram_is_refused_with_those_that_there_are(unit: str) -> None:
    with pytest.raises(InvalidQuery, match="a histogram is by one of: decade, year, month"):
        Query(histogram=unit)


def test_an_empty_view_has_an_empty_histogram(archive: Any) -> None:
    archive.holds()
    for unit in HISTOGRAMS:
        assert archive.ask(histogram=unit).histogram == []


# inside of a long facet


@pytest.fixture
def bylined(archive: Any, story: Story) -> Any:
    """More bylines than a facet shows; those with a name of their own wrote least."""
    often = [story(f"article/{n}", "Whale", bylines=[f"Writer {n // 2}"]) for n in range(400)]
    archive.holds(
        *often,
        story("article/a", "Whale", bylines=["José Núñez-Cortés", "O'Brien, Pat"], section="Arts"),
        story("article/b", "Whale", bylines=["Jose\u0301 Pérez"], section="World"),
        story("article/c", "Ship", bylines=["JOSE Smith", "北京日报", "***"]),
    )
    return archive


CONTAINED = [
    ("jose", ["JOSE Smith", "José Núñez-Cortés", "Jose\u0301 Pérez"]),
    ("JOSÉ", ["JOSE Smith", "José Núñez-Cortés", "Jose\u0301 Pérez"]),
    ("nunez cor", ["José Núñez-Cortés"]),
    ("ñez-c", ["José Núñez-Cortés"]),
    ("o'bri", ["O'Brien, Pat"]),
    ("brien p", ["O'Brien, Pat"]),
    ("brien  .", ["O'Brien, Pat"]),
    ("京日", ["北京日报"]),
    ("***", ["***"]),
    ("writer 199", ["Writer 199"]),
    ("nobody", []),
    (".*", []),
]


@pytest.mark.parametrize("at_once", [10_000, 3])
def test_a_value_beyond_the_first_hundred_is_found_by_a_text_that_it_contains(
    bylined: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(counting, "MOST_BUCKETS", at_once)
    shown = bylined.ask(facets=["byline"]).facets["byline"]
    assert len(shown) == 100
    assert "O'Brien, Pat" not in dict(shown)
    for text, values in CONTAINED:
        found = bylined.ask(facets=["byline"], facet_text={"byline": text}).facets["byline"]
        assert sorted(value for value, _ in found) == sorted(values), text


def test_values_that_contain_a_text_are_counted_as_others_are(bylined: Any) -> None:
    def values(text: str = "", **given: Any) -> Any:
        given = {"facets": ["byline", "section"], "facet_text": {"byline": "jose"}, **given}
        return bylined.ask(text, **given).facets

    assert values("ship")["byline"] == [("JOSE Smith", 1)]
    assert values(filters={"section": "Arts"})["byline"] == [("José Núñez-Cortés", 1)]
    assert values()["section"] == [("Arts", 1), ("World", 1)]
    many = values(facet_text={"byline": "writer"})["byline"]
    assert len(many) == 100
    assert many == sorted(many, key=lambda pair: (-pair[1], pair[0]))
    for blank in ("", "  "):
        assert values(facet_text={"byline": blank})["byline"] == many


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"facet_text": {"tag": "sea"}}, "facet_text has a text for 'tag', which is none of the"),
        ({"facet_text": {"byline": 3}}, "facet byline: its text: 3 .* is no text"),
        ({"facet_text": "sea"}, "facet_text is a mapping of facets to texts"),
        ({"ids": [3]}, "an id: 3 .* is no text"),
        ({"excluded_ids": 3}, "an excluded id: 3 .* is no text"),
    ],
)
def test_a_text_of_no_facet_and_what_is_no_text_are_refused(given: Any, told: str) -> None:
    with pytest.raises(InvalidQuery, match=told):
        Query(facets=["byline"], **given)


@given(st.text(st.characters(max_codepoint=0x17F)) | st.text(st.characters(max_codepoint=127)))
def test_values_are_compared_by_their_words(value: str) -> None:
    ((key, _),) = filters.with_keys([value])
    assert key == (" ".join(words(value)) or value.casefold())


# documents by id


EngineOf = Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]]


@pytest.fixture
def odd(engine_of: EngineOf, tmp_path: Path, archive: Any, views: Any) -> Iterator[Any]:
    """A view whose filters ``id`` and ``year`` are of something else than its id and its date."""
    own = {"id": "section.id", "year": "section.name"}
    view = replace(views["articles"], filters=own)
    with engine_of(tmp_path / "odd", {"articles": view}) as engine:
        yield type(archive)(engine, tmp_path / "odd")


def test_documents_are_found_by_their_ids_whatever_filters_a_view_has(
    odd: Any, story: Story
) -> None:
    odd.holds(*(story(f"article/{n}", section="1912", at=f"19{n:02}-01-01") for n in range(20)))
    assert odd.ids(ids=["article/3", "article/12", "article/99"]) == ["article/12", "article/3"]
    assert odd.ids(ids="article/3") == ["article/3"]
    assert odd.ids("story", ids=["article/3"], date_from="1904") == []
    others = odd.ids(excluded_ids="article/3", size=50)
    assert sorted(others) == sorted({f"article/{n}" for n in range(20)} - {"article/3"})
    assert odd.ask(histogram="year", date_to="1901").histogram == [("1900", 1), ("1901", 1)]
    assert odd.ask(histogram="month", ids="article/5").histogram == [("1905-01", 1)]


def test_a_document_under_embargo_is_not_found_by_its_id(dated: Any) -> None:
    (key,) = {hit.id for hit in dated.ask(date_from="9999", size=1, embargoed=True).hits}
    assert dated.ids(ids=key) == []
    assert dated.ids(ids=key, embargoed=True) == [key]
