"""A writer whose clock was ahead is told of, and does not stamp all later events for years."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_log import EventLog, InvalidSetting, WrongClock, clock_warning, settings

YEAR = 365 * 86_400
LAST = datetime.max.replace(tzinfo=UTC)


def set_ahead(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time_ns
    monkeypatch.setattr("event_log.clock.time.time_ns", lambda: now() + int(seconds * 1e9))


def written_ahead(log: EventLog, domain, seconds: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_ahead(patch, seconds)
        log.append([domain.made("thing/ahead", event_id="ahead")])


@pytest.mark.parametrize("sealed", [False, True])
def test_an_append_after_an_event_of_years_ahead_is_refused_and_appends_nothing(
    log, domain, sealed
) -> None:
    written_ahead(log, domain, 3 * YEAR)
    if sealed:
        log.seal()
    with pytest.raises(WrongClock, match=r"109[45] days.*Nothing was appended.*STET_CLOCK_AHEAD"):
        log.append([domain.made("thing/now")])
    assert (log.head, log.versions(["thing/now"])) == (1, {"thing/now": 0})
    assert 3 * YEAR - 60 < log.seconds_ahead <= 3 * YEAR


def test_what_the_log_has_already_is_acknowledged_all_the_same(log, domain) -> None:
    written_ahead(log, domain, 3 * YEAR)
    assert log.append([domain.made("thing/ahead", event_id="ahead")]).added == 0


def test_the_limit_can_be_set_or_lifted(log, domain, monkeypatch) -> None:
    written_ahead(log, domain, 3 * YEAR)
    monkeypatch.setenv("STET_CLOCK_AHEAD", str(4 * YEAR))
    assert log.append([domain.made("thing/now")]).last == 2
    monkeypatch.setenv("STET_CLOCK_AHEAD", "inf")
    assert log.append([domain.made("thing/then")]).last == 3
    monkeypatch.setenv("STET_CLOCK_AHEAD", "0")
    with pytest.raises(WrongClock):
        log.append([domain.made("thing/never")])
    monkeypatch.setenv("STET_CLOCK_AHEAD", "a day")
    with pytest.raises(InvalidSetting):
        log.append([domain.made("thing/never")])
    assert len({event.recorded_at for event in log.read()}) == 1


def test_a_clock_that_is_hours_ahead_is_told_of_and_stops_nobody(log, domain) -> None:
    written_ahead(log, domain, 5 * 3_600)
    assert log.append([domain.made("thing/now")]).last == 2
    assert "4:59:5" in (clock_warning(log.seconds_ahead) or "")


def test_of_a_log_in_time_nothing_is_said(log, domain) -> None:
    assert (log.seconds_ahead, clock_warning(0)) == (0, None)
    log.append([domain.made()])
    assert clock_warning(log.seconds_ahead) is None


def test_all_threads_that_share_a_commit_are_refused(log, domain) -> None:
    from concurrent.futures import ThreadPoolExecutor

    written_ahead(log, domain, 3 * YEAR)
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(log.append, [domain.made(f"thing/{n}")]) for n in range(8)]
    assert [type(each.exception()) for each in tries] == [WrongClock] * 8
    assert log.head == 1


@given(st.floats(0, (LAST - datetime.now(UTC)).total_seconds()))
def test_every_distance_up_to_the_last_instant_can_be_said(seconds: float) -> None:
    told = clock_warning(seconds)
    assert (told is None) == (seconds < 60)
    assert told is None or str(timedelta(seconds=int(seconds))) in told


def test_the_limit_is_a_day_by_default() -> None:
    assert settings.number("STET_CLOCK_AHEAD") == 86_400
