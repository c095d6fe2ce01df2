"""Dagster seals: the job does what ``stet seal`` does; the schedule asks for it when worth it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    ExecuteInProcessResult,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    build_schedule_context,
)
from dagster._core.errors import ScheduleExecutionError
from jobs import run_job

from archive import Archive
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES
from pipelines import definitions_for
from pipelines.definitions import definitions
from pipelines.resources import archive_resource
from pipelines.sealing import Sealing, hourly_seal

COMMITS = 5


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventLog:
    """A log of five commits, in the archive that the environment names."""
    monkeypatch.setenv("STET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STET_SEAL_COMMITS", raising=False)
    log = EventLog(tmp_path / "home" / "log", CATEGORIES)
    for number in range(COMMITS):
        log.append([NewEvent(f"tag/{number}", "TagDefined", {"name": "Whales"})])
    return log


def opened() -> Archive:
    """The archive that the environment names."""
    return Archive(os.environ["STET_HOME"])


def execute(**sealing: Any) -> ExecuteInProcessResult:
    return run_job(opened(), "seal", resources={"sealing": {"config": sealing}})


def metadata_of(result: ExecuteInProcessResult) -> dict[str, Any]:
    (output,) = [event for event in result.all_events if event.is_successful_output]
    metadata = output.step_output_data.metadata
    return {name: value.value for name, value in metadata.items()}


def evaluated(scheduled: ScheduleDefinition = hourly_seal) -> list[str | RunRequest]:
    """What the schedule says, evaluated as Dagster's daemon does: runs, or why there is none."""
    loaded = definitions_for(opened()).get_repository_def()
    with (
        DagsterInstance.ephemeral() as instance,
        build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 11, 25, 12, tzinfo=UTC),
            repository_def=loaded,
            resources=loaded.get_top_level_resources(),
        ) as context,
    ):
        data = scheduled.evaluate_tick(context)
    return [data.skip_message] if data.skip_message else list(data.run_requests or ())


def test_the_job_seals_and_its_metadata_says_what_became(log: EventLog) -> None:
    before = log.digest
    metadata = metadata_of(execute(grace_seconds=0))
    assert {name: metadata[name] for name in ("events", "commits", "merged", "through")} == {
        "events": COMMITS,
        "commits": COMMITS,
        "merged": 0,
        "through": COMMITS,
    }
    assert metadata["files"] >= 1
    assert metadata["removed"] == COMMITS
    assert metadata["seconds"] > 0
    assert (log.open_commits, log.sealed_through, log.digest) == (0, COMMITS, before)


def test_what_was_replaced_stays_for_an_hour_unless_the_run_says_otherwise(log: EventLog) -> None:
    assert metadata_of(execute())["removed"] == 0
    assert len(list((log.path / "commits").glob("*.parquet"))) == COMMITS
    assert metadata_of(execute(grace_seconds=0))["removed"] == COMMITS


def test_a_damaged_log_fails_the_run_with_the_reason(log: EventLog) -> None:
    (log.path / "commits" / f"{3:020d}.parquet").write_bytes(b"")
    result = execute()
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "sequence 3: " in str(failed.step_failure_data.error)


@pytest.mark.usefixtures("log")
def test_the_schedule_skips_until_more_than_500_commits_are_open() -> None:
    (reason,) = evaluated()
    assert reason == "5 commits are open; sealing waits for more than 500"


@pytest.mark.usefixtures("log")
def test_the_schedule_asks_for_the_job_when_more_are_open_than_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STET_SEAL_COMMITS", str(COMMITS))
    assert evaluated() == ["5 commits are open; sealing waits for more than 5"]
    monkeypatch.setenv("STET_SEAL_COMMITS", str(COMMITS - 1))
    (asked,) = evaluated()
    assert isinstance(asked, RunRequest)
    assert hourly_seal.job_name == "seal"
    assert execute().success
    assert evaluated() == ["0 commits are open; sealing waits for more than 4"]


def test_the_number_may_stand_in_the_resource(log: EventLog) -> None:
    archive = archive_resource(Archive(log.path.parent))
    for most, kind in ((COMMITS, SkipReason), (COMMITS - 1, RunRequest)):
        with build_schedule_context() as context:
            said = hourly_seal(context, archive=archive, sealing=Sealing(open_commits=most))
        assert isinstance(said, kind)


@pytest.mark.usefixtures("log")
def test_a_number_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STET_SEAL_COMMITS", "many")
    with pytest.raises(ScheduleExecutionError) as caught:
        evaluated()
    assert "STET_SEAL_COMMITS is 'many'; give a number" in str(caught.value.__cause__)


def test_the_schedule_is_hourly_and_off_until_switched_on() -> None:
    schedule = definitions.resolve_schedule_def("hourly_seal")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 * * * *", "UTC")
    assert schedule.default_status is DefaultScheduleStatus.STOPPED
