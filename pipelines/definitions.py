"""The definitions that Dagster loads: assets, jobs, and the schedules that run them.

``definitions`` are those of the domain in force; ``definitions_for`` makes them for any domain.
Concepts: https://docs.dagster.io/guides/build/assets
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
from pipelines.verifying import digests_hold, serves_what_the_log_says, verify_job, weekly_verify
from replay import Domain

observe_log = define_asset_job(
    "observe_log",
    selection=AssetSelection.assets(log.key),
    description="Look at the log's head, so that Dagster knows which views lag behind it.",
)


def definitions_for(domain: Domain) -> Definitions:
    """Assets, checks, jobs, schedules and sensors for archives of a domain.

    >>> from archive import find_domain
    >>> definitions_for(find_domain("newsroom")).resolve_job_def("rebuild").name
    'rebuild'
    """
    views = {name: view_asset(name) for name in domain.views}
    indexes = {name: index_asset(name, views[name]) for name in domain.views}
    lag, serves = lag_checks(domain), serves_what_the_log_says(domain)
    rebuild = define_asset_job(
        "rebuild",
        selection=AssetSelection.groups(VIEWS_GROUP, INDEX_GROUP)
        - AssetSelection.checks(lag, serves),
        description="Replay the log into the views, index them, check, and promote all together. "
        "Choose views and the point in time under resources: archive: config.",
        executor_def=in_process_executor,  # steps share two cores and the folded state on disk
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
        selection=AssetSelection.checks(lag),
        description="Check how far each index is behind the log. It changes nothing.",
        executor_def=in_process_executor,
    )
    verify = verify_job(serves)
    first = next(iter(views.values()))
    return Definitions(
        assets=[log, *views.values(), *indexes.values(), growth],
        asset_checks=[references_check(first), lag, digests_hold, serves],
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
        schedules=[nightly, hourly_seal, weekly_verify(verify), daily_clear],
        sensors=[new_events, observe_lag, alert_on_failure],
        resources={"archive": archive_resource(domain), "sealing": Sealing(), "limits": Limits()},
    )


definitions = definitions_for(domain_in_force(home_of("")))
