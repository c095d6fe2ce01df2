"""The definitions that Dagster loads: assets, checks, jobs, schedules and sensors.

``definitions`` are those of the domain in force. ``definitions_for`` makes them for any domain.
Concepts: https://docs.dagster.io/guides/build/assets
"""

from __future__ import annotations

from dagster import (
    AssetChecksDefinition,
    AssetSelection,
    DefaultScheduleStatus,
    Definitions,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from archive import domain_in_force
from pipelines.assets import (
    INDEX_GROUP,
    VIEWS_GROUP,
    index_asset,
    log,
    references_check,
    view_asset,
)
from pipelines.catching_up import catch_up
from pipelines.failing import alert_on_failure
from pipelines.growth import backfill, growth
from pipelines.lag import Limits, lag_checks, observe_lag
from pipelines.new_events import new_events
from pipelines.operations import promote, roll_back
from pipelines.resources import archive_resource, home_of
from pipelines.retention import clear, daily_clear
from pipelines.sealing import Sealing, hourly_seal, seal
from pipelines.verifying import digests_hold, live_index_checks, verify_job, weekly_verify
from replay import Domain

observe_log = define_asset_job(
    "observe_log",
    selection=AssetSelection.assets(log.key),
    description="Observe the log's head, so that Dagster knows which views lag behind it.",
)


def definitions_for(domain: Domain) -> Definitions:
    """Assets, checks, jobs, schedules and sensors for archives of a domain.

    >>> from archive import find_domain
    >>> definitions_for(find_domain("newsroom")).resolve_job_def("rebuild").name
    'rebuild'
    """
    views = {name: view_asset(name) for name in domain.views}
    indexes = {name: index_asset(name, views[name]) for name in domain.views}
    lag, equal = lag_checks(domain), live_index_checks(domain)
    rebuild, verify = _rebuild_job(lag, equal), verify_job(equal)
    by_hand = [promote, roll_back, seal, clear]
    first = next(iter(views.values()))
    return Definitions(
        assets=[log, *views.values(), *indexes.values(), growth],
        asset_checks=[references_check(first), lag, digests_hold, equal],
        jobs=[rebuild, catch_up, backfill, verify, _check_lag_job(lag), observe_log, *by_hand],
        schedules=[_nightly_rebuild(rebuild), hourly_seal, weekly_verify(verify), daily_clear],
        sensors=[new_events, observe_lag, alert_on_failure],
        resources={"archive": archive_resource(domain), "sealing": Sealing(), "limits": Limits()},
    )


def _rebuild_job(*separate: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``rebuild``, without the checks that belong to other jobs."""
    return define_asset_job(
        "rebuild",
        selection=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP)
        - AssetSelection.checks(*separate),
        description="Compute the views from the log, index them, check, and promote all together. "
        "Choose views and the point in time under resources: archive: config.",
        executor_def=in_process_executor,  # the steps share one folded state, and two processors
    )


def _nightly_rebuild(rebuild: UnresolvedAssetJobDefinition) -> ScheduleDefinition:
    """A schedule that runs the job ``rebuild`` every night, if switched on."""
    return ScheduleDefinition(
        name="nightly_rebuild",
        job=rebuild,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.STOPPED,
    )


def _check_lag_job(lag: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``check_lag``: the check of each index's lag, and nothing else."""
    return define_asset_job(
        "check_lag",
        selection=AssetSelection.checks(lag),
        description="Check how far each index is behind the log. It changes nothing.",
        executor_def=in_process_executor,
    )


definitions = definitions_for(domain_in_force(home_of("")))
