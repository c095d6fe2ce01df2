"""The asset ``growth``: how many documents each view had at each month's end; a month a partition.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from enum import StrEnum
from typing import Any

from dagster import (
    AssetExecutionContext,
    BackfillPolicy,
    Config,
    DataVersion,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    asset,
    define_asset_job,
)
from pydantic import Field

from event_log import settings
from pipelines import metadata, plots
from pipelines.failing import errors_as_failures
from pipelines.reporting import LOG
from pipelines.resources import ArchiveResource


def partitions() -> MonthlyPartitionsDefinition:
    """The months that have ended, from ``STET_BACKFILL_FROM`` (2025-01) on.

    Raises ``InvalidSetting``, a ``ValueError``, if the setting is not a month.
    """
    first = settings.text("STET_BACKFILL_FROM") or ""
    return MonthlyPartitionsDefinition(start_date=first, fmt="%Y-%m", timezone="UTC")


By = StrEnum("By", {"date": "date", "recorded": "recorded"})


class Growth(Config):
    """What decides the month of a document."""

    by: By = Field(
        default=By.date,
        description="The month of a document: that of its own date, or, by what was recorded, that"
        " in which its events were recorded.",
    )


@asset(
    name="growth",
    group_name="growth",
    deps=[LOG],
    partitions_def=partitions(),
    backfill_policy=BackfillPolicy.single_run(),  # the months of a range share one fold of the log
    kinds={"duckdb"},
    pool="growth",
    description="How many documents each view has up to each month's end, by the date of the "
    "document; with the config by: recorded, how many it had then, by when events were recorded. "
    "The views are computed, but not indexed.",
)
def growth(
    context: AssetExecutionContext, archive: ArchiveResource, config: Growth
) -> MaterializeResult[None]:
    """Count the documents up to the end of each month of the run; show the counts so far."""
    from archive import count_month, counted_months

    with errors_as_failures():
        opened = archive.archive()
        counted = [count_month(opened, month, config.by) for month in context.partition_keys]
        months = counted_months(opened, config.by)
    views = [view for view in opened.views if counted[-1].documents[view] is not None]
    lines = [(each.month, each.sequence, *map(each.documents.get, views)) for each in months]
    over_time = {view: [each.documents[view] or 0 for each in months] for view in views}
    for each in counted:
        figures: dict[str, Any] = {f"documents in {view}": each.documents[view] for view in views}
        figures |= {"sequence": each.sequence, "seconds": each.seconds}
        context.add_asset_metadata(figures, partition_key=each.month)
    return MaterializeResult(
        metadata={
            "months": metadata.table(["month", "sequence", *views], lines),
            "documents over time": plots.documents_over_time([m.month for m in months], over_time),
            "peak memory (MB)": metadata.peak_memory(),
        },
        data_version=DataVersion(str(counted[-1].sequence)),
    )


backfill = define_asset_job(
    "backfill",
    selection=[growth],
    description="Count the documents of the views up to the ends of some months. "
    "Launch it over a range of partitions: one run does them all. Live indexes are not changed.",
)
