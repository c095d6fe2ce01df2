"""Growth: all views rebuilt as of each month's end, a partition a month; nothing of it serves.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

import os

from dagster import (
    AssetExecutionContext,
    DataVersion,
    MaterializeResult,
    MonthlyPartitionsDefinition,
    asset,
    define_asset_job,
    in_process_executor,
)

from pipelines import metadata, plots
from pipelines.assets import log
from pipelines.failing import told_apart
from pipelines.resources import Archive
from views import VIEW_NAMES

FIRST_MONTH = "2025-01"


def partitions() -> MonthlyPartitionsDefinition:
    """The months that have ended, from ``STET_BACKFILL_FROM`` on (2025-01)."""
    first = os.environ.get("STET_BACKFILL_FROM") or FIRST_MONTH
    try:
        return MonthlyPartitionsDefinition(start_date=first, fmt="%Y-%m", timezone="UTC")
    except ValueError:
        raise ValueError(
            f"STET_BACKFILL_FROM is {first!r}; give a month, such as {FIRST_MONTH}"
        ) from None


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
def growth(context: AssetExecutionContext, archive: Archive) -> MaterializeResult[None]:
    """Rebuild the views as of a month's end, and show all months that were counted."""
    from views import growth as counting

    with told_apart():
        found = counting.count(archive.folder(), context.partition_key)
        months = counting.counted(archive.folder())
    lines = [(one.month, one.sequence, *map(one.documents.get, VIEW_NAMES)) for one in months]
    over_time = {view: [one.documents[view] for one in months] for view in VIEW_NAMES}
    return MaterializeResult(
        metadata={
            "sequence": found.sequence,
            "seconds": found.seconds,
            **{f"documents in {view}": found.documents[view] for view in VIEW_NAMES},
            "months": metadata.table(["month", "sequence", *VIEW_NAMES], lines),
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
