"""Growth: all views rebuilt as of each month's end, a partition a month; nothing of it serves.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dagster import (
    AssetExecutionContext,
    DataVersion,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    asset,
    define_asset_job,
    in_process_executor,
)

from event_log import settings
from pipelines import metadata, plots
from pipelines.assets import log
from pipelines.failing import told_apart
from pipelines.resources import ArchiveResource


def partitions() -> MonthlyPartitionsDefinition:
    """The months that have ended, from ``STET_BACKFILL_FROM`` on (2025-01).

    Raises ``InvalidSetting``, which is a ``ValueError``, for what is no month.
    """
    first = settings.text("STET_BACKFILL_FROM") or ""
    return MonthlyPartitionsDefinition(start_date=first, fmt="%Y-%m", timezone="UTC")


@asset(
    name="growth",
    group_name="growth",
    deps=[log],
    partitions_def=partitions(),
    kinds={"duckdb"},
    pool="growth",
    description="How many documents each view had at each month's end, by when events were "
    "recorded. The views are rebuilt as of then, and never indexed or promoted.",
)
def growth(context: AssetExecutionContext, archive: ArchiveResource) -> MaterializeResult[None]:
    """Rebuild the views as of a month's end, and show all months that were counted."""
    from archive import count_month, counted_months

    with told_apart():
        opened = archive.archive()
        found = count_month(opened, context.partition_key)
        months = counted_months(opened)
    views = list(opened.views)
    lines = [(one.month, one.sequence, *map(one.documents.get, views)) for one in months]
    over_time = {view: [one.documents[view] for one in months] for view in views}
    return MaterializeResult(
        metadata={
            "sequence": found.sequence,
            "seconds": found.seconds,
            **{f"documents in {view}": found.documents[view] for view in views},
            "months": metadata.table(["month", "sequence", *views], lines),
            "documents over time": plots.documents_over_time([m.month for m in months], over_time),
            "peak memory (MB)": metadata.peak_memory(),
        },
        data_version=DataVersion(str(found.sequence)),
    )


backfill = define_asset_job(
    "backfill",
    selection=[growth],
    description="Rebuild the views as of the ends of some months, and count their documents. "
    "Launch it over a range of partitions; what serves stays as it is.",
    executor_def=in_process_executor,
)
