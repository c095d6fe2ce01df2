"""The definitions that Dagster loads: assets, jobs, and the schedules that run them.

Loading them does no I/O. Concepts: https://docs.dagster.io/guides/build/assets
"""

from __future__ import annotations

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    Definitions,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)

from pipelines.assets import (
    INDEX_ASSETS,
    INDEX_GROUP,
    REFERENCES_CHECK,
    VIEW_ASSETS,
    VIEWS_GROUP,
    log,
)
from pipelines.operations import promote, roll_back
from pipelines.resources import Archive
from pipelines.sealing import Sealing, hourly_seal, seal

rebuild = define_asset_job(
    "rebuild",
    selection=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP),
    description="Replay the log into the views, index them, check, and promote all together. "
    "Choose views and the point in time under resources: archive: config.",
    executor_def=in_process_executor,  # steps share two cores and the folded state on disk
)

observe_log = define_asset_job(
    "observe_log",
    selection=AssetSelection.assets(log.key),
    description="Look at the log's head, so that Dagster knows which views lag behind it.",
)

nightly = ScheduleDefinition(
    name="nightly_rebuild",
    job=rebuild,
    cron_schedule="0 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
)

definitions = Definitions(
    assets=[log, *VIEW_ASSETS.values(), *INDEX_ASSETS.values()],
    asset_checks=[REFERENCES_CHECK],
    jobs=[rebuild, observe_log, promote, roll_back, seal],
    schedules=[nightly, hourly_seal],
    resources={"archive": Archive(), "sealing": Sealing()},
)
