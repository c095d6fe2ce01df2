"""Failure: what may pass is tried again, what cannot is told in one line, and someone is alerted.

Annotations are not postponed in this module: Dagster reads those of ``context``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from dagster import (
    DagsterEvent,
    DefaultSensorStatus,
    Failure,
    RetryRequested,
    RunFailureSensorContext,
    run_failure_sensor,
)

MOST_RETRIES = 3
SECONDS_TO_RETRY = 60
"""After a load has waited in vain for a cluster (ten minutes unless ``STET_SEARCH_PATIENCE``)."""


@contextmanager
def told_apart() -> Iterator[None]:
    """What may pass by itself is tried again; what cannot fails at once, in one line.

    A cluster that is away may come back. A damaged log, a point that there is not, a broken view
    or a full disk stay as they are until somebody does something.
    """
    from event_log import EventLogError
    from replay import ReplayError
    from search import ClusterAway, SearchError

    try:
        yield
    except ClusterAway as error:
        raise RetryRequested(MOST_RETRIES, SECONDS_TO_RETRY) from error
    except (SearchError, EventLogError, ReplayError, OSError) as error:
        raise Failure(description=one_line(str(error)), allow_retries=False) from error


def one_line(text: str) -> str:
    """Any text on one line.

    >>> one_line("is away:\\n  nobody answers ")
    'is away: nobody answers'
    """
    return " ".join(text.split())


def what_failed(failed: Sequence[DagsterEvent], otherwise: str) -> tuple[str, str]:
    """What went wrong, in one line, and in which step: of the first step that failed.

    A run that was killed has none; then it is what Dagster says of the run.
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
    description="When a run fails, give STET_ALERT_COMMAND a JSON on its standard input. "
    "It only watches; without that variable it does nothing.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=5,
)
def alert_on_failure(context: RunFailureSensorContext) -> None:
    """Call the operator's command for a run that failed, by itself or because it was killed."""
    from archive import send_alert

    event, run = context.failure_event, context.dagster_run
    what, where = what_failed(context.get_step_failure_events(), event.message or "it failed")
    context.log.info(f"{run.job_name} {run.run_id}: {where}: {what}")
    took = send_alert(run.job_name, run.run_id, what, where, datetime.now(UTC))
    context.log.info("the alert was taken" if took else "no STET_ALERT_COMMAND took it")
