"""What Dagster shows: figures, tables in which nothing is markup, and plots of any numbers."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import MarkdownMetadataValue
from hypothesis import given
from hypothesis import strategies as st

from newsroom import DOMAIN
from pipelines import metadata, plots
from search import Loading

CELLS = st.none() | st.booleans() | st.text(max_size=80) | st.floats()
MARKUP = re.compile(r"[\\|<>`*_~\[\]!]")
START = datetime(2026, 1, 1, tzinfo=UTC)


def shown(table: MarkdownMetadataValue) -> list[list[str]]:
    """The cells of a Markdown table, as a reader sees them."""
    lines = (table.value or "").split("\n")
    return [[unescape(cell.strip()) for cell in line.strip("|").split("|")] for line in lines]


def is_plot(plot: MarkdownMetadataValue, title: str) -> bool:
    return (plot.value or "").startswith(f"![{title}](data:image/png;base64,iVBOR")


def appended_at(*seconds: int) -> pa.ChunkedArray:
    times = [START + timedelta(seconds=second) for second in seconds]
    return pa.chunked_array([times], pa.timestamp("us", "UTC"))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=4))
def test_a_table_has_a_line_for_each_and_no_cell_is_markup(lines: list[list[Any]]) -> None:
    drawn = metadata.table(["a", "b"], lines)
    assert len(shown(drawn)) == 2 + len(lines)
    for cells, line in zip(shown(drawn)[2:], lines, strict=True):
        assert len(cells) == 2
        for cell, value in zip(cells, line, strict=True):
            text = " ".join(str("" if value is None else value).split())
            assert cell == text or (len(cell) == 60 and text.startswith(cell[:59].rstrip()))
    for markdown in (drawn.value or "").split("\n")[2:]:
        assert not MARKUP.search(markdown.replace("|", ""))


def test_an_entity_or_strike_in_a_cell_is_shown_as_written() -> None:
    drawn = metadata.table(["a"], [["&lt;b&gt; &#124; ~~gone~~"]])
    assert "&lt;" not in (drawn.value or "")
    assert shown(drawn)[2] == ["&lt;b&gt; &#124; ~~gone~~"]


def test_numbers_have_commas_and_truths_do_not() -> None:
    line = [1234567, -1000, True, None, 1234.5]
    assert shown(metadata.table("abcde", [line]))[2] == [
        "1,234,567",
        "-1,000",
        "True",
        "",
        "1234.5",
    ]


@given(st.integers(0, 10**9), st.just(0.0) | st.floats(1e-6, 1e9))
def test_a_rate_is_never_an_error(number: int, seconds: float) -> None:
    rate = metadata.rate(number, seconds)
    assert rate >= 0
    assert metadata.figures(1, number, seconds, 0)["documents a second"] == rate


@pytest.mark.parametrize(
    ("number", "seconds", "expected"), [(0, 0.0, 0), (7, 0.0, 7), (7, 2.0, 3.5), (100, 3.0, 33)]
)
def test_small_rates_have_two_decimals(number: int, seconds: float, expected: float) -> None:
    assert metadata.rate(number, seconds) == expected


def test_progress_has_the_seconds_left_unless_nothing_was_done_yet() -> None:
    assert metadata.progress(Loading("a", 500, 2000, 5.0)) == {
        "documents": 500,
        "of": 2000,
        "documents a second": 100,
        "seconds left": 15,
    }
    waiting = metadata.progress(Loading("a", 0, 2000, 0.0, "busy"))
    assert (waiting["seconds left"], waiting["waiting for"]) == (None, "busy")


def test_a_sample_is_the_first_five_documents_with_what_they_are_found_by(tmp_path: Path) -> None:
    path = tmp_path / "articles.parquet"
    document = {
        "headline": "Whales",
        "published_at": START,
        "section": {"id": "section/sea", "name": "Sea"},
        "bylines": [{"id": "byline/1", "name": "Ana"}, {"id": "byline/2", "name": "Bo"}],
        "tags": [],
        "language": None,
        "source": "Desk",
        "news_desk": "Foreign",
        "type_of_material": None,
        "body": "long",
    }
    lines = [{"id": f"article/{number}", **document} for number in range(9)]
    pq.write_table(pa.Table.from_pylist(lines), path)
    cells = shown(metadata.sample(path, DOMAIN.views["articles"]))
    assert cells[0] == [
        "id", "headline", "published_at", "section", "byline", "tag", "language", "source",
        "news_desk", "type_of_material",
    ]  # fmt: skip
    assert [line[0] for line in cells[2:]] == [f"article/{number}" for number in range(5)]
    assert cells[2][3:] == ["Sea", "Ana, Bo", "", "", "Desk", "Foreign", ""]


def test_a_sample_of_no_documents_says_so(tmp_path: Path) -> None:
    path = tmp_path / "articles.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), path)
    assert metadata.sample(path, DOMAIN.views["articles"]).value == "There are no documents."


def test_the_most_memory_never_shrinks() -> None:
    before = metadata.peak_memory()
    assert 1 < before <= metadata.peak_memory()


@pytest.mark.parametrize("days", [[], [None], [date(1851, 9, 18), None, date(2026, 1, 1)]])
def test_documents_a_year_are_drawn_even_without_any_date(tmp_path: Path, days: list[Any]) -> None:
    path = tmp_path / "articles.parquet"
    kind = pa.struct([("on", pa.date32())])
    pq.write_table(pa.table({"published": pa.array([{"on": day} for day in days], kind)}), path)
    plot = plots.documents_per_year("articles", path, "published.on")
    assert is_plot(plot, "articles a year")


def test_a_fan_out_is_drawn_for_no_entity_and_for_many_documents() -> None:
    assert is_plot(plots.fan_out([]), "fan-out")
    assert is_plot(plots.fan_out([0, 1, 3, 1_000_000]), "fan-out")


@given(st.integers(0, 2**40))
def test_the_bars_of_a_fan_out_are_all_numbers_without_a_gap(number: int) -> None:
    power = number.bit_length()
    assert (1 << power) >> 1 <= number <= (1 << power) - 1
    name = plots._span(power)
    assert name.isdigit() or "–" in name


@pytest.mark.parametrize(
    ("events", "reached"),
    [((), []), ((0, 1), []), ((), [(START, 4)]), ((0, 0), [(START, 5)]), ((0, 9), [(START, 9)])],
)
def test_the_lag_is_drawn_whatever_was_recorded_or_reached(
    events: tuple[int, ...], reached: list[tuple[datetime, int]]
) -> None:
    assert is_plot(plots.lag_over_time(appended_at(*events), 3, reached), "lag over time")


def test_documents_over_time_are_drawn_for_one_month_and_for_many() -> None:
    for count in (1, 40):
        months = [f"{2020 + n // 12}-{n % 12 + 1:02d}" for n in range(count)]
        counts = {"articles": list(range(count)), "_tags": [0] * count}
        assert is_plot(plots.documents_over_time(months, counts), "documents over time")
