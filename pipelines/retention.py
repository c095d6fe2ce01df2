"""The job ``clear``: deletes old generations and builds, once a day if its schedule is on.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dagster import (
    DefaultScheduleStatus,
    OpExecutionContext,
    ScheduleDefinition,
    job,
    op,
)

from pipelines.failing import errors_as_failures
from pipelines.reporting import generations_table, offer_generations
from pipelines.resources import ArchiveResource

WHAT = "Delete generations and builds that are not live, and not kept to go back or forward to."


@op(description=WHAT)
def clear_archive(context: OpExecutionContext, archive: ArchiveResource) -> None:
    """Delete old generations and builds; the output's metadata names them."""
    with errors_as_failures():
        opened = archive.archive()
        cleared = opened.clear()
        context.log.info(str(cleared))
        offer_generations(opened, context.instance)
        table = generations_table(opened)
    context.add_output_metadata(
        {
            "generations": list(cleared.generations),
            "builds": list(cleared.builds),
            "kept": table,
        }
    )


@job(description=WHAT)
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
