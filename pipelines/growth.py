"""The asset ``growth``: how many documents each view had at each month's end; a month a partition.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dagster import (
    AssetExecutionContext,
    Config,
    DataVersion,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    asset,
    define_asset_job,
)

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


class Growth(Config):
    """What decides the month of a document: its ``date``, or when events were ``recorded``."""

    by: str = "date"


@asset(
    name="growth",
    group_name="growth",
    deps=[LOG],
    partitions_def=partitions(),
    kinds={"duckdb"},
    pool="growth",
    description="How many documents each view has up to each month's end, by the date of the "
    "document; with the config by: recorded, how many it had then, by when events were recorded. "
    "The views are computed, but not indexed.",
)
def growth(
    context: AssetExecutionContext, archive: ArchiveResource, config: Growth
) -> MaterializeResult[None]:
    """Count the documents up to a month's end, and show the counts of all months so far."""
    from archive import count_month, counted_months

    with errors_as_failures():
        opened = archive.archive()
        counted = count_month(opened, context.partition_key, config.by)
        months = counted_months(opened, config.by)
    views = [view for view in opened.views if counted.documents[view] is not None]
    lines = [(each.month, each.sequence, *map(each.documents.get, views)) for each in months]
    over_time = {view: [each.documents[view] or 0 for each in months] for view in views}
    return MaterializeResult(
        metadata={
            "sequence": counted.sequence,
            "seconds": counted.seconds,
            **{f"documents in {view}": counted.documents[view] for view in views},
            "months": metadata.table(["month", "sequence", *views], lines),
            "documents over time": plots.documents_over_time([m.month for m in months], over_time),
            "peak memory (MB)": metadata.peak_memory(),
        },
        data_version=DataVersion(str(counted.sequence)),
    )


backfill = define_asset_job(
    "backfill",
    selection=[growth],
    description="Count the documents of the views up to the ends of some months. "
    "Launch it over a range of partitions. Live indexes are not changed.",
)
