"""Failing runs: an expected error is one line, a cluster that is away is tried again."""

from __future__ import annotations

from typing import Any

import pytest
from dagster import (
    DagsterEvent,
    DagsterInstance,
    Failure,
    build_run_status_sensor_context,
    job,
    op,
)
from hypothesis import given
from hypothesis import strategies as st

from archive import ArchiveError
from event_log import EventLogError
from pipelines import failing
from pipelines.failing import alert_on_failure, errors_as_failures, one_line, what_failed
from replay import ReplayError
from search import ClusterAway, SearchError


def failed(error: type[Exception], expected: bool) -> tuple[list[DagsterEvent], Any]:
    """The failed steps of a job that raises this error, and its result."""

    @op
    def breaks() -> None:
        if not expected:
            raise error("it\n  broke")
        with errors_as_failures():
            raise error("it\n  broke")

    @job
    def broken() -> None:
        breaks()

    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(
            run_config=config, instance=instance, raise_on_error=False
        )
    return [event for event in result.all_events if event.is_step_failure], result


@pytest.mark.parametrize("error", [ArchiveError, EventLogError, ReplayError, SearchError, OSError])
def test_an_expected_error_is_a_failure_in_one_line_without_a_retry(error: Any) -> None:
    with pytest.raises(Failure) as caught, errors_as_failures():
        raise error("the log\n   is damaged")
    assert caught.value.description == "the log is damaged"
    assert not caught.value.allow_retries
    assert isinstance(caught.value.__cause__, error)


def test_a_cluster_that_is_away_is_tried_again_and_its_cause_is_the_headline_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failing, "SECONDS_TO_RETRY", 0)
    events, result = failed(ClusterAway, True)
    kinds = [event.event_type_value for event in result.all_events]
    assert kinds.count("STEP_UP_FOR_RETRY") == failing.MOST_RETRIES
    (last,) = events
    headline = str(last.step_failure_data.error_display_string).splitlines()[0]
    assert headline.endswith(f"Failure: it broke (tried {failing.MOST_RETRIES + 1} times)")
    assert "max_retries" not in str(last.step_failure_data)
    again = [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert all("it" in str(event.step_retry_data.error) for event in again)


def test_in_a_sensor_a_cluster_that_is_away_is_a_failure_in_one_line() -> None:
    with pytest.raises(Failure) as caught, errors_as_failures():
        raise ClusterAway("nobody\n answers")
    assert caught.value.description == "nobody answers"


def test_any_other_error_stays_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), errors_as_failures():
        raise ZeroDivisionError
    with errors_as_failures():
        pass


@given(st.text())
def test_one_line_has_no_line_break_and_the_same_words(text: str) -> None:
    line = one_line(text)
    assert line.split() == text.split()
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(("error", "expected"), [(SearchError, True), (ValueError, False)])
def test_the_reason_of_a_failed_run_is_that_of_its_first_failed_step(
    error: type[Exception], expected: bool
) -> None:
    events, _ = failed(error, expected)
    reason, step = what_failed(events, "no reason given")
    assert step == "breaks"
    assert "it broke" in reason
    assert "\n" not in reason


def test_a_run_that_was_killed_has_the_reason_of_the_run() -> None:
    assert what_failed([], "the process\nwas killed") == ("the process was killed", "the run")


@pytest.mark.parametrize("command", ["", "cat"])
def test_the_alert_sensor_says_whether_it_sent_an_alert(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STET_ALERT_COMMAND", command)
    _, result = failed(SearchError, True)
    with DagsterInstance.ephemeral() as instance:
        context = build_run_status_sensor_context(
            sensor_name="alert",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        messages: list[str] = []
        monkeypatch.setattr(context.log, "info", messages.append)
        alert_on_failure(context)
    assert len(messages) == 2
    assert messages[1].startswith("the alert was sent" if command else "no alert was sent")
