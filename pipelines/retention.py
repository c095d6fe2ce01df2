"""The job ``clear``: deletes old generations and builds, once a day if its schedule is on.

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

from pipelines.failing import errors_as_failures
from pipelines.resources import ArchiveResource


@op(description="Delete generations and builds that are not live and not kept for roll-back.")
def clear_archive(context: OpExecutionContext, archive: ArchiveResource) -> None:
    """Delete old generations and builds; the output's metadata names them."""
    with errors_as_failures():
        cleared = archive.archive().clear()
    context.log.info(str(cleared))
    context.add_output_metadata(
        {"generations": list(cleared.generations), "builds": list(cleared.builds)}
    )


@job(
    description="Delete generations and builds that are not live and not kept for roll-back.",
    executor_def=in_process_executor,
)
def clear() -> None:
    """Delete old generations and builds."""
    clear_archive()


daily_clear = ScheduleDefinition(
    name="daily_clear",
    job=clear,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
)
