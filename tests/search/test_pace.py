"""The progress of a load: every two seconds at most, and never a sum that fails."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engine import Loading
from search.pace import EVERY, Pace


class Clock:
    """A clock that a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_batches_in_quick_succession_are_one_report(clock: Clock) -> None:
    reports: list[Loading] = []
    pace = Pace("articles", 100, reports.append)
    for documents in range(10, 110, 10):
        clock.now += EVERY / 4
        pace.report(documents)
    assert [report.documents for report in reports] == [40, 80]
    assert [report.seconds for report in reports] == [EVERY, 2 * EVERY]
    assert pace.documents == 100


def test_a_load_that_waits_is_reported_sooner_and_with_the_reason(clock: Clock) -> None:
    reports: list[Loading] = []
    pace = Pace("articles", 100, reports.append)
    pace.report_waiting("busy")
    clock.now += EVERY / 4
    pace.report_waiting("busy")
    pace.report_waiting("busy")
    assert [str(report) for report in reports] == ["articles: 0 of 100 documents indexed; busy"]


def test_a_load_without_a_listener_is_counted_all_the_same(clock: Clock) -> None:
    pace = Pace("articles", 100, None)
    clock.now += 10 * EVERY
    pace.report(70)
    pace.report_waiting("busy")
    assert pace.documents == 70


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1e6), st.sampled_from(["", "x"]))
def test_any_progress_can_be_written(documents: int, of: int, seconds: float, note: str) -> None:
    text = str(Loading("articles", documents, of, seconds, note))
    assert text.startswith(f"articles: {documents:,} of {of:,} documents indexed")
    assert ("second" in text) == (not note and documents > 0 and seconds > 0)
