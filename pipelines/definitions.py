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
from pipelines.catching_up import catch_up
from pipelines.failing import alert_on_failure
from pipelines.growth import backfill, growth
from pipelines.lag import Limits, lag_checks, observe_lag
from pipelines.new_events import new_events
from pipelines.operations import promote, roll_back
from pipelines.resources import Archive
from pipelines.retention import clear, daily_clear
from pipelines.sealing import Sealing, hourly_seal, seal
from pipelines.verifying import digests_hold, serves_what_the_log_says, verify, weekly_verify

rebuild = define_asset_job(
    "rebuild",
    selection=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP)
    - AssetSelection.checks(lag_checks, serves_what_the_log_says),
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

check_lag = define_asset_job(
    "check_lag",
    selection=AssetSelection.checks(lag_checks),
    description="Check how far each index is behind the log. It changes nothing.",
    executor_def=in_process_executor,
)

definitions = Definitions(
    assets=[log, *VIEW_ASSETS.values(), *INDEX_ASSETS.values(), growth],
    asset_checks=[REFERENCES_CHECK, lag_checks, digests_hold, serves_what_the_log_says],
    jobs=[
        rebuild,
        catch_up,
        backfill,
        verify,
        check_lag,
        observe_log,
        promote,
        roll_back,
        seal,
        clear,
    ],
    schedules=[nightly, hourly_seal, weekly_verify, daily_clear],
    sensors=[new_events, observe_lag, alert_on_failure],
    resources={"archive": Archive(), "sealing": Sealing(), "limits": Limits()},
)
