"""The sensor ``new_events``: starts a catch-up when the log has new events. Its cursor is the head.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from pipelines.catching_up import catch_up
from pipelines.failing import expected_errors
from pipelines.resources import ArchiveResource

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.MANAGED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@sensor(
    job_name=catch_up.name,
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.STOPPED,
    description="Start the job catch_up when the log has new events, unless a run of it is queued "
    "or running, or stet follow runs.",
)
def new_events(context: SensorEvaluationContext, archive: ArchiveResource) -> SensorResult:
    """Start a catch-up for the events since the last look, or give the reason why not."""
    try:
        head = archive.archive().log.head
        waits = _followed(archive) or _running(context) or _nothing_to_do(context, archive, head)
    except expected_errors() as error:
        return SensorResult(skip_reason=f"cannot look, will try again: {error}")
    if waits is None:
        sequences = f"{context.cursor or 'the beginning'} → {head}"
        context.log.info(f"new events ({sequences}): catch_up starts")
        return SensorResult(run_requests=[RunRequest()], cursor=str(head))
    reason, seen = waits
    return SensorResult(skip_reason=reason, cursor=str(head) if seen else context.cursor)


Waits = tuple[str, bool]
"""Why no run starts, and whether the cursor moves to the head: then only later events start one."""


def _followed(archive: ArchiveResource) -> Waits | None:
    from archive import SUBSCRIPTION
    from event_log import subscription_holder

    holder = subscription_holder(archive.archive().log.path, SUBSCRIPTION)
    if holder is None:
        return None
    return f"not needed: stet follow catches up ({holder})", False


def _running(context: SensorEvaluationContext) -> Waits | None:
    """Not while a run is queued or running: if it misses these events, the next look starts one."""
    wanted = RunsFilter(job_name=catch_up.name, statuses=UNFINISHED)
    runs = context.instance.get_runs(wanted, limit=1)
    if not runs:
        return None
    return f"catch_up {runs[0].run_id[:8]} is {runs[0].status.value.lower()} already", False


def _nothing_to_do(
    context: SensorEvaluationContext, archive: ArchiveResource, head: int
) -> Waits | None:
    if not head:
        return f"the log of {archive.archive().home} is empty", False
    live = archive.archive().engine.serving()
    wanted = [now for view, now in live.items() if archive.wants(view)]
    if not wanted:
        return "no index is live yet: launch rebuild first", False
    behind = min(now.sequence for now in wanted)
    if behind == head:
        return f"all live indexes are at the head, {head:,}", True
    if context.cursor != str(head):
        return None
    return (
        f"no new events since head {head:,}, but an index is at {behind:,} although catch_up ran: "
        "look at that run, or launch catch_up or rebuild",
        True,
    )
