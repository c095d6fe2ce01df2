"""Failing runs: which errors are retried, how errors read in Dagster, and the alert sensor.

Annotations are not postponed in this module: Dagster reads those of ``context``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn

from dagster import (
    DagsterEvent,
    DagsterInvariantViolationError,
    DefaultSensorStatus,
    Failure,
    OpExecutionContext,
    RetryRequested,
    RunFailureSensorContext,
    run_failure_sensor,
)

MOST_RETRIES = 3
SECONDS_TO_RETRY = 60
"""From when a load gave up waiting for a cluster (``STET_SEARCH_PATIENCE``, ten minutes)."""


@contextmanager
def errors_as_failures() -> Iterator[None]:
    """Turn an expected error into Dagster's ``Failure`` in one line, or into a retry.

    A cluster that does not answer may answer later, so the step is retried. The last time it fails
    with the cause. A damaged log, a sequence beyond the head, a broken view or a full disk need
    somebody to act, so the step fails at once.
    """
    from search import ClusterAway

    try:
        yield
    except ClusterAway as error:
        _retry(one_line(str(error)), error)
    except expected_errors() as error:
        raise Failure(description=one_line(str(error)), allow_retries=False) from error


def _retry(cause: str, error: Exception) -> NoReturn:
    """Ask for another try of the step, and log the cause; fail with it after the last one."""
    try:
        context = OpExecutionContext.get()
    except DagsterInvariantViolationError:  # a sensor's look, which Dagster repeats by itself
        raise Failure(description=cause, allow_retries=False) from error
    tried = context.retry_number + 1
    if tried > MOST_RETRIES:
        raise Failure(description=f"{cause} (tried {tried} times)", allow_retries=False) from error
    context.log.warning(
        f"{cause}; tried again in {SECONDS_TO_RETRY} s ({tried} of {MOST_RETRIES} times)"
    )
    raise RetryRequested(MOST_RETRIES, SECONDS_TO_RETRY) from error


def expected_errors() -> tuple[type[Exception], ...]:
    """The base error of each room below, and those of the operating system."""
    from archive import ArchiveError
    from event_log import EventLogError
    from replay import ReplayError
    from search import SearchError

    return (ArchiveError, EventLogError, ReplayError, SearchError, OSError)


def one_line(text: str) -> str:
    """A text on one line.

    >>> one_line("is away:\\n  nobody answers ")
    'is away: nobody answers'
    """
    return " ".join(text.split())


def what_failed(failed: Sequence[DagsterEvent], otherwise: str) -> tuple[str, str]:
    """The reason, in one line, and the name of the first step that failed.

    A run that was killed has no failed step; then the reason is ``otherwise``.
    """
    if not failed:
        return one_line(otherwise), "the run"
    first = failed[0]
    data = first.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return one_line(data.user_failure_data.description), str(first.step_key)
    cause = data.error and (data.error.cause or data.error)
    return one_line(cause.message if cause else otherwise), str(first.step_key)


@run_failure_sensor(
    name="alert",
    description="When a run fails, run STET_ALERT_COMMAND with a JSON object on its standard "
    "input. Without that setting it does nothing.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)
def alert_on_failure(context: RunFailureSensorContext) -> None:
    """Run the operator's command for a run that failed or was killed."""
    from archive import send_alert

    event, run = context.failure_event, context.dagster_run
    what, where = what_failed(context.get_step_failure_events(), event.message or "it failed")
    context.log.info(f"{run.job_name} {run.run_id}: {where}: {what}")
    sent = send_alert(run.job_name, run.run_id, what, where, datetime.now(UTC))
    context.log.info("the alert was sent" if sent else "no alert was sent by STET_ALERT_COMMAND")
