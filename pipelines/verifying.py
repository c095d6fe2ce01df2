"""The job ``verify``: checks the log's digests and the live indexes, weekly if its schedule is on.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from collections.abc import Iterator, Set

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetSelection,
    DefaultScheduleStatus,
    Failure,
    ScheduleDefinition,
    define_asset_job,
    multi_asset_check,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from archive import Archive
from event_log import counted
from pipelines.failing import errors_as_failures, one_line
from pipelines.reporting import LOG
from pipelines.resources import ArchiveResource
from pipelines.selection import INDEX_GROUP

DIGESTS = "digests_hold"
EQUAL_VIEW = "live_index_equals_view"


@multi_asset_check(
    name=DIGESTS,
    specs=[
        AssetCheckSpec(
            DIGESTS,
            asset=LOG,
            description="Each event and each commit matches its digest; no clock was ahead.",
        )
    ],
)
def digests_hold(archive: ArchiveResource) -> Iterator[AssetCheckResult]:
    """Recompute all digests of the log; the run fails at the first sequence that does not match.

    It warns when the last event was recorded ahead of this machine's clock.
    """
    from event_log import DamagedLog, InvalidCheckpoint, clock_warning

    try:
        with errors_as_failures():
            of_archive = archive.archive().log
            verified = of_archive.verify()
            told = clock_warning(of_archive.seconds_ahead)
    except Failure as failure:
        if isinstance(failure.__cause__, DamagedLog | InvalidCheckpoint):
            first = getattr(failure.__cause__, "sequence", 0)
            yield AssetCheckResult(
                asset_key=LOG,
                check_name=DIGESTS,
                passed=False,
                description=failure.description,
                metadata={"first sequence that does not match": first} if first else {},
            )
        raise
    yield AssetCheckResult(
        asset_key=LOG,
        check_name=DIGESTS,
        passed=told is None,
        severity=AssetCheckSeverity.WARN if told else AssetCheckSeverity.ERROR,
        description=told or f"{counted(verified.events, 'event')} checked: all digests match",
        metadata={
            "events": verified.events,
            "parts": verified.commits,
            "digest": verified.digest,
        },
    )


def live_index_checks(archive: Archive) -> AssetChecksDefinition:
    """A check on each index: the live generation equals the view, computed anew."""

    @multi_asset_check(
        name=EQUAL_VIEW,
        specs=[
            AssetCheckSpec(
                EQUAL_VIEW,
                asset=[INDEX_GROUP, view],
                description="The live index equals the view, computed anew, document by document.",
            )
            for view in archive.views
        ],
        can_subset=True,
    )
    def live_index_checks(
        context: AssetCheckExecutionContext, archive: ArchiveResource
    ) -> Iterator[AssetCheckResult]:
        selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        yield from _compare(context, archive.archive(), selected)

    return live_index_checks


def _compare(
    context: AssetCheckExecutionContext, archive: Archive, selected: Set[str]
) -> Iterator[AssetCheckResult]:
    """Compare all selected live indexes with their views; fail at the end if any differs."""
    from archive import IF_AGAIN

    different = []
    with errors_as_failures():
        live = archive.engine.serving()
        views = [view for view in archive.views if view in selected and view in live]
        for compared in archive.compare(views) if views else ():
            if compared.differences:
                different.append(str(compared))
            context.log.info(str(compared))
            yield AssetCheckResult(
                asset_key=[INDEX_GROUP, compared.view],
                check_name=EQUAL_VIEW,
                passed=not compared.differences,
                description=one_line(str(compared)),
                metadata={
                    "sequence": compared.sequence,
                    "documents": compared.documents,
                    "differ": compared.differences.count,
                    "seconds": round(compared.seconds, 3),
                },
            )
    for view in selected - live.keys():
        yield AssetCheckResult(
            asset_key=[INDEX_GROUP, view],
            check_name=EQUAL_VIEW,
            passed=True,
            description="no index is live, so there is nothing to compare",
        )
    if different:
        raise Failure(description="; ".join([*different, IF_AGAIN]), allow_retries=False)


def verify_job(equal_view: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``verify``: the checks of the log's digests and of the live indexes."""
    return define_asset_job(
        "verify",
        selection=AssetSelection.checks(digests_hold, equal_view),
        description="Recompute the log's digests, and compare the live indexes with their views. "
        "It reads everything and changes nothing.",
    )


def weekly_verify(verify: UnresolvedAssetJobDefinition) -> ScheduleDefinition:
    """A schedule that runs the job ``verify`` on Sundays, if switched on."""
    return ScheduleDefinition(
        name="weekly_verify",
        job=verify,
        cron_schedule="0 4 * * 0",
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.STOPPED,
    )
