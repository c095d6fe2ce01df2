"""Retention: generations and builds that nobody needs any longer go, once a day if switched on.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dagster import (
    DefaultScheduleStatus,
    OpExecutionContext,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from pipelines.failing import told_apart
from pipelines.resources import ArchiveResource


@op(description="Remove what neither serves nor may be rolled back to.")
def clear_archive(context: OpExecutionContext, archive: ArchiveResource) -> None:
    """Remove generations and builds that nobody needs."""
    with told_apart():
        cleared = archive.archive().clear()
    context.log.info(str(cleared))
    context.add_output_metadata(
        {"generations": list(cleared.generations), "builds": list(cleared.builds)}
    )


@job(
    description="Remove generations and builds that neither serve nor may be rolled back to.",
    executor_def=in_process_executor,
)
def clear() -> None:
    """Remove what nobody needs."""
    clear_archive()


daily_clear = ScheduleDefinition(
    name="daily_clear",
    job=clear,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
)
