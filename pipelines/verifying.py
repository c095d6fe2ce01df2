"""Verifying: the digests of the log, and what serves against the log; once a week if switched on.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from collections.abc import Iterator, Set

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetSelection,
    DefaultScheduleStatus,
    Failure,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
    multi_asset_check,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from archive import Archive
from pipelines.assets import INDEX_GROUP, log
from pipelines.failing import one_line, told_apart
from pipelines.resources import ArchiveResource
from replay import Domain

DIGESTS = "digests_hold"
SERVES = "serves_what_the_log_says"


@multi_asset_check(
    name=DIGESTS,
    specs=[
        AssetCheckSpec(
            DIGESTS, asset=log.key, description="Every event and commit has the digest it says."
        )
    ],
)
def digests_hold(archive: ArchiveResource) -> Iterator[AssetCheckResult]:
    """Recompute all digests of the log; the run fails with the first sequence that does not fit."""
    from event_log import DamagedLog

    try:
        with told_apart():
            held = archive.archive().log.verify()
    except Failure as failure:
        if isinstance(failure.__cause__, DamagedLog):
            yield AssetCheckResult(
                asset_key=log.key,
                check_name=DIGESTS,
                passed=False,
                description=failure.description,
                metadata={"first sequence that does not fit": failure.__cause__.sequence},
            )
        raise
    yield AssetCheckResult(
        asset_key=log.key,
        check_name=DIGESTS,
        passed=True,
        description=f"{held.events:,} events hold",
        metadata={"events": held.events, "parts": held.commits, "digest": held.digest},
    )


def serves_what_the_log_says(domain: Domain) -> AssetChecksDefinition:
    """A check on each index: the live generation equals the view, computed anew."""

    @multi_asset_check(
        name=SERVES,
        specs=[
            AssetCheckSpec(
                SERVES,
                asset=[INDEX_GROUP, view],
                description="What serves equals the view, computed anew, document by document.",
            )
            for view in domain.views
        ],
        can_subset=True,
    )
    def serves_what_the_log_says(
        context: AssetCheckExecutionContext, archive: ArchiveResource
    ) -> Iterator[AssetCheckResult]:
        selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        yield from _compare(context, archive.archive(), selected)

    return serves_what_the_log_says


def _compare(
    context: AssetCheckExecutionContext, archive: Archive, selected: Set[str]
) -> Iterator[AssetCheckResult]:
    """Compare what serves with the log; one that differs does not keep the others from it."""
    wrong = []
    with told_apart():
        serving = archive.engine.serving()
        views = [view for view in archive.views if view in selected and view in serving]
        for found in archive.compare(views) if views else ():
            if found.differences:
                wrong.append(str(found))
            context.log.info(str(found))
            yield AssetCheckResult(
                asset_key=[INDEX_GROUP, found.view],
                check_name=SERVES,
                passed=not found.differences,
                description=one_line(str(found)),
                metadata={
                    "sequence": found.sequence,
                    "documents": found.documents,
                    "differ": found.differences.count,
                    "seconds": round(found.seconds, 3),
                },
            )
    for view in selected - serving.keys():
        yield AssetCheckResult(
            asset_key=[INDEX_GROUP, view],
            check_name=SERVES,
            passed=True,
            description="nothing serves, so nothing is wrong in it",
        )
    if wrong:
        raise Failure(description="; ".join(wrong), allow_retries=False)


def verify_job(serves: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``verify``: both checks, of the log and of what serves."""
    return define_asset_job(
        "verify",
        selection=AssetSelection.checks(digests_hold, serves),
        description="Recompute the log's digests, and compare what serves with the log. "
        "It changes nothing, and reads everything.",
        executor_def=in_process_executor,
    )


def weekly_verify(verify: UnresolvedAssetJobDefinition) -> ScheduleDefinition:
    """A schedule that runs it on Sundays, if switched on: it reads all of the log."""
    return ScheduleDefinition(
        name="weekly_verify",
        job=verify,
        cron_schedule="0 4 * * 0",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.STOPPED,
    )
