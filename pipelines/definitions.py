"""The definitions that Dagster loads: assets, checks, jobs, schedules and sensors.

A code location is one archive. ``definitions`` are those of the archive that ``STET_HOME`` names.
``definitions_for`` makes them for any archive.
Concepts: https://docs.dagster.io/guides/build/assets
"""

from __future__ import annotations

from dagster import (
    AssetChecksDefinition,
    AssetSelection,
    AutomationConditionSensorDefinition,
    DefaultScheduleStatus,
    Definitions,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from archive import Archive
from event_log import settings
from pipelines.assets import index_asset, log_asset, references_check, view_asset
from pipelines.catching_up import catch_up
from pipelines.connectors import (
    connector_asset,
    connector_lag,
    connector_names,
    observe_connectors,
)
from pipelines.failing import alert_on_failure
from pipelines.growth import backfill, growth
from pipelines.lag import Limits, lag_checks, observe_lag
from pipelines.new_events import new_events
from pipelines.operations import promote, roll_back
from pipelines.reporting import LOG
from pipelines.resources import archive_resource
from pipelines.retention import clear, daily_clear
from pipelines.sealing import Sealing, hourly_seal, seal
from pipelines.selection import INDEX_GROUP, VIEWS_GROUP
from pipelines.verifying import digests_hold, live_index_checks, verify_job, weekly_verify

observe_log = define_asset_job(
    "observe_log",
    selection=AssetSelection.assets(LOG),
    description="Observe the log's head, so that Dagster knows which views lag behind it.",
)

rebuild_changed_code = AutomationConditionSensorDefinition(
    "rebuild_changed_code",
    target=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP),
    minimum_interval_seconds=60,
    description="Rebuild the views whose code version was raised, when it is switched on.",
)


def definitions_for(archive: Archive) -> Definitions:
    """Assets, checks, jobs, schedules and sensors of an archive.

    All steps of a run are in one process: they share the folded state of a build, and two
    processors.

    >>> import tempfile
    >>> from archive import Archive
    >>> definitions_for(Archive(tempfile.mkdtemp())).resolve_job_def("rebuild").name
    'rebuild'
    """
    views = {name: view_asset(archive, view) for name, view in archive.views.items()}
    indexes = [index_asset(archive, archive.views[name], views[name]) for name in views]
    lag, equal = lag_checks(archive), live_index_checks(archive)
    rebuild, verify = _rebuild_job(archive, lag, equal), verify_job(equal)
    by_hand = [promote, roll_back, seal, clear]
    first = next(iter(views.values()))
    names = connector_names(archive)
    others = [connector_lag(names)] if names else []
    observing = [observe_connectors(check) for check in others]
    looking = [_check_lag_job(lag), observe_log, *observing]
    return Definitions(
        assets=[
            log_asset(archive),
            *views.values(),
            *indexes,
            growth,
            *map(connector_asset, names),
        ],
        asset_checks=[references_check(first), lag, digests_hold, equal, *others],
        jobs=[rebuild, catch_up, backfill, verify, *looking, *by_hand],
        schedules=[_nightly_rebuild(rebuild), hourly_seal, weekly_verify(verify), daily_clear],
        sensors=[new_events, observe_lag, alert_on_failure, rebuild_changed_code],
        resources={"archive": archive_resource(archive), "sealing": Sealing(), "limits": Limits()},
        executor=in_process_executor,
    )


def _rebuild_job(
    archive: Archive, *separate: AssetChecksDefinition
) -> UnresolvedAssetJobDefinition:
    """The job ``rebuild``, without the checks that belong to other jobs.

    Its config names all that a run may choose, so that the launchpad shows it.
    """
    return define_asset_job(
        "rebuild",
        selection=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP)
        - AssetSelection.checks(*separate),
        description="Compute the views from the log, index them, check, and promote all together. "
        "Choose views and the point in time under resources: archive: config.",
        config={"resources": {"archive": {"config": {"views": list(archive.views), "at": ""}}}},
    )


def _nightly_rebuild(rebuild: UnresolvedAssetJobDefinition) -> ScheduleDefinition:
    """A schedule that runs the job ``rebuild`` every night, if switched on."""
    return ScheduleDefinition(
        name="nightly_rebuild",
        job=rebuild,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.STOPPED,
        description="Rebuild all views every night at 3:00 UTC.",
    )


def _check_lag_job(lag: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``check_lag``: the check of each index's lag, and nothing else."""
    return define_asset_job(
        "check_lag",
        selection=AssetSelection.checks(lag),
        description="Check how far each index is behind the log. It changes nothing.",
    )


definitions = definitions_for(Archive(settings.home()))
