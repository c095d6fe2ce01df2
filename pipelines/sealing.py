"""The job ``seal``, and a schedule that runs it when many commits are open.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

import time
from dataclasses import asdict

from dagster import (
    ConfigurableResource,
    DefaultScheduleStatus,
    OpExecutionContext,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    job,
    op,
    schedule,
)
from pydantic import Field

from event_log import SEAL_GRACE_SECONDS, counted
from pipelines.failing import errors_as_failures, expected_errors
from pipelines.resources import ArchiveResource, whole


class Sealing(ConfigurableResource):  # type: ignore[type-arg]
    """When the log is sealed, and how long replaced files are kept for running readers.

    The schedule seals when more than ``open_commits`` commits are open; ``STET_SEAL_COMMITS``
    (500) by default. ``grace_seconds`` is how long replaced files are kept.
    """

    open_commits: int | None = Field(
        default=None,
        description="The schedule seals when more commits than this are open; STET_SEAL_COMMITS if"
        " it is not given.",
    )
    grace_seconds: float = Field(
        default=SEAL_GRACE_SECONDS,
        description="For how long replaced files are kept for readers that have them open.",
    )

    def most_open(self) -> int:
        """How many commits may be open; raises ``Failure`` if the setting is not a number."""
        if self.open_commits is not None:
            return self.open_commits
        return whole("STET_SEAL_COMMITS")


@op(description="Rewrite the open commits of the log into large files.")
def seal_commits(context: OpExecutionContext, archive: ArchiveResource, sealing: Sealing) -> None:
    """Seal the log; the output's metadata counts the events and files."""
    began = time.monotonic()
    with errors_as_failures():
        sealed = archive.archive().log.seal(sealing.grace_seconds)
    seconds = round(time.monotonic() - began, 3)
    context.log.info(f"sealed through sequence {sealed.through}")
    context.add_output_metadata({**asdict(sealed), "seconds": seconds})


@job(description="Rewrite many small commits into large files; readers and writers go on.")
def seal() -> None:
    """Seal the log."""
    seal_commits()


@schedule(
    job=seal,
    cron_schedule="0 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
    description="Seal the log when more than 500 commits (STET_SEAL_COMMITS) are open.",
)
def hourly_seal(
    context: ScheduleEvaluationContext, archive: ArchiveResource, sealing: Sealing
) -> RunRequest | SkipReason:
    """Request a run of the job ``seal`` if enough commits are open."""
    try:
        count, most = archive.archive().log.open_commits, sealing.most_open()
    except expected_errors() as error:
        return SkipReason(f"cannot look, will try again: {error}")
    open_now = f"{counted(count, 'commit')} {'is' if count == 1 else 'are'} open"
    if count <= most:
        return SkipReason(f"{open_now}; sealing waits for more than {most}")
    context.log.info(open_now)
    return RunRequest()
