"""Dagster keeps the indexes up, says how far behind they are, and needs none of its history."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterRunStatus,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ExecuteInProcessResult,
    SensorResult,
    build_sensor_context,
)
from jobs import failures, materialized, run_job

from archive import Archive, growth
from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from pipelines import definitions_for
from pipelines.definitions import definitions
from pipelines.lag import Limits, observe_lag
from pipelines.new_events import new_events
from pipelines.resources import archive_resource
from replay import Domain
from search import Engine

PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EventLog:
    """A log of three articles, in the archive that the environment names."""
    monkeypatch.setenv("STET_HOME", str(tmp_path / "home"))
    log = EventLog(tmp_path / "home" / "log", CATEGORIES)
    publish(log, "1", "2", "3")
    return log


@pytest.fixture
def engine(log: EventLog) -> Engine:
    """What serves all three."""
    archive = Archive(log.path.parent, DOMAIN)
    archive.rebuild()
    return archive.engine


def publish(log: EventLog, *names: str) -> None:
    log.append([NewEvent(f"article/{name}", "ArticlePublished", PUBLISHED) for name in names])


def opened() -> Archive:
    """The archive that the environment names."""
    return Archive(os.environ["STET_HOME"], DOMAIN)


def execute(
    job: str, instance: DagsterInstance | None = None, partition: str | None = None
) -> ExecuteInProcessResult:
    return run_job(opened(), job, instance, partition=partition)


def failure(result: ExecuteInProcessResult) -> str:
    (reason,) = failures(result)
    return reason


def look(instance: DagsterInstance, cursor: str | None = None) -> SensorResult:
    context = build_sensor_context(instance=instance, cursor=cursor)
    said = new_events(context, archive=archive_resource(opened()))
    assert isinstance(said, SensorResult)
    return said


def skipped(said: SensorResult) -> str:
    assert said.skip_reason is not None
    assert not said.run_requests
    return said.skip_reason.skip_message or ""


def test_every_schedule_and_sensor_is_off_but_those_that_only_observe() -> None:
    loaded = definitions.get_repository_def()
    assert {
        s.name for s in loaded.sensor_defs if s.default_status is DefaultSensorStatus.RUNNING
    } == {
        "observe_lag",
        "alert",
    }
    assert {s.default_status for s in loaded.schedule_defs} == {DefaultScheduleStatus.STOPPED}
    assert len(loaded.get_all_jobs()) > 10


def test_new_events_start_one_catch_up_and_the_tick_says_why_or_why_not(
    log: EventLog, engine: Engine
) -> None:
    assert engine.serving()
    with DagsterInstance.ephemeral() as instance:
        at_head = look(instance)
        assert skipped(at_head) == "all live indexes are at the head, 3"
        publish(log, "4", "5")
        asked = look(instance, at_head.cursor)
        assert len(asked.run_requests or ()) == 1
        assert asked.cursor == "5"
        assert "no new events since head 5" in skipped(look(instance, "5"))
        publish(log, "6")
        running = instance.create_run_for_job(
            definitions.resolve_job_def("catch_up"), status=DagsterRunStatus.STARTED
        )
        waiting = look(instance, "5")
        assert skipped(waiting) == f"catch_up {running.run_id[:8]} is started already"
        assert waiting.cursor == "5"


def test_the_sensor_stands_back_while_someone_follows_and_says_who(
    log: EventLog, engine: Engine
) -> None:
    assert engine.serving()
    publish(log, "4")
    with DagsterInstance.ephemeral() as instance:
        with log.subscribe("follow", from_="now"):
            said = look(instance, "3")
            assert "not needed: stet follow catches up (process " in skipped(said)
            assert said.cursor == "3"
        assert look(instance, "3").run_requests


@pytest.mark.usefixtures("log")
def test_the_sensor_says_that_no_index_is_live_yet() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert skipped(look(instance)) == "no index is live yet: launch rebuild first"


@pytest.mark.slow
def test_a_catch_up_shows_figures_for_each_view_a_histogram_and_the_lag(
    log: EventLog, engine: Engine
) -> None:
    publish(log, "4", "5")
    result = execute("catch_up")
    assert result.success
    assert {now.sequence for now in engine.serving().values()} == {5}
    shown = materialized(result)
    groups = ("views", "index")
    assert set(shown) == {f"{group}/{view}" for group in groups for view in DOMAIN.views}
    articles = shown["index/articles"]
    assert (articles["events folded"], articles["sequence"]) == (2, 5)
    assert (articles["documents written"], articles["documents deleted"]) == (2, 0)
    assert articles["documents computed"] == 2
    assert articles["peak memory (MB)"] > 0
    assert articles["fan-out"].startswith("![fan-out](data:image/png;base64,")
    assert articles["lag over time"].startswith("![lag over time](data:image/png;base64,")
    again = execute("catch_up")
    assert again.success
    assert not again.get_asset_materialization_events()


def test_lag_is_a_check_with_a_warning_and_an_error(
    log: EventLog, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.serving()
    assert all(found.passed for found in execute("check_lag").get_asset_check_evaluations())
    publish(log, "4", "5")
    for variable, severity in (("WARN", "WARN"), ("ERROR", "ERROR")):
        monkeypatch.setenv(f"STET_LAG_{variable}_EVENTS", "1")
        found = execute("check_lag").get_asset_check_evaluations()
        assert len(found) == len(tuple(DOMAIN.views))
        assert not any(one.passed for one in found)
        assert {one.severity.value for one in found} == {severity}
        assert "2 events behind" in (found[0].description or "")
        assert found[0].metadata["lag (events)"].value == 2
    assert {now.sequence for now in engine.serving().values()} == {3}


def test_what_was_done_outside_dagster_is_seen_once(log: EventLog, engine: Engine) -> None:
    assert engine.serving()
    with DagsterInstance.ephemeral() as instance:

        def seen(cursor: str | None) -> SensorResult:
            context = build_sensor_context(instance=instance, cursor=cursor)
            said = observe_lag(context, archive=archive_resource(opened()), limits=Limits())
            assert isinstance(said, SensorResult)
            for event in said.asset_events:
                instance.report_runless_asset_event(event)
            return said

        first = seen(None)
        assert len(first.asset_events) == 1 + 3 * len(tuple(DOMAIN.views))
        assert "nothing changed: head 3" in skipped(seen(first.cursor))
        found = instance.get_latest_materialization_event(AssetKey(["index", "articles"]))
        assert found is not None
        publish(log, "4")
        assert [type(event).__name__ for event in seen(first.cursor).asset_events] == [
            "AssetObservation"
        ]


def test_verify_passes_and_fails_with_one_line(log: EventLog, engine: Engine) -> None:
    good = execute("verify")
    assert good.success
    assert len(good.get_asset_check_evaluations()) == 1 + len(tuple(DOMAIN.views))
    (log.path / "commits" / f"{1:020d}.parquet").write_bytes(b"damaged")
    bad = execute("verify")
    assert not bad.success
    told = [e.step_failure_data.user_failure_data for e in bad.all_events if e.is_step_failure]
    assert any("sequence 1: " in str(one and one.description) for one in told)
    assert engine.serving()


def test_verify_warns_of_a_clock_that_was_ahead_and_passes(
    log: EventLog, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr("event_log.clock.time.time_ns", lambda: now() + 3 * 10**17)
        publish(log, "4")
    Archive(log.path.parent, DOMAIN).catch_up()
    result = execute("verify")
    assert result.success
    (warned,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (warned.check_name, warned.severity) == ("digests_hold", AssetCheckSeverity.WARN)
    assert "3472 days" in str(warned.description)
    assert engine.serving()


def test_a_range_of_months_is_counted_by_one_run(log: EventLog) -> None:
    job = definitions_for(Archive(log.path.parent, DOMAIN)).resolve_job_def("backfill")
    months = {"start": "2025-02", "end": "2025-04"}
    tags = {f"dagster/asset_partition_range_{end}": month for end, month in months.items()}
    result = job.execute_in_process(tags=tags)
    assert result.success
    counted = [e.partition for e in result.get_asset_materialization_events()]
    assert counted == ["2025-02", "2025-03", "2025-04"]


def test_a_mistyped_way_of_counting_is_refused_before_the_run(log: EventLog) -> None:
    job = definitions_for(Archive(log.path.parent, DOMAIN)).resolve_job_def("backfill")
    config = {"ops": {"growth": {"config": {"by": "recoded"}}}}
    with pytest.raises(DagsterInvalidConfigError, match="not in enum type By got recoded"):
        job.execute_in_process(partition_key="2025-02", run_config=config)


def test_a_backfill_counts_months_and_promotes_nothing(log: EventLog, engine: Engine) -> None:
    before = engine.serving()
    publish(log, "4")
    result = execute("backfill", partition="2025-03")
    assert result.success
    (event,) = result.get_asset_materialization_events()
    shown = event.step_materialization_data.materialization.metadata
    assert "| 2025-03 | 4 | 4 |" in str(shown["months"].value), "all are dated before"
    assert str(shown["documents over time"].value).startswith("![documents over time](data:")
    assert engine.serving() == before
    assert [one.month for one in growth.counted_months(Archive(log.path.parent, DOMAIN))] == [
        "2025-03"
    ]


@pytest.mark.slow
def test_without_dagsters_history_everything_holds(log: EventLog, engine: Engine) -> None:
    with DagsterInstance.ephemeral() as first:
        publish(log, "4")
        assert execute("catch_up", first).success
        assert first.get_runs()
    publish(log, "5")
    with DagsterInstance.ephemeral() as new:
        assert look(new).run_requests
        assert execute("catch_up", new).success
        assert skipped(look(new)) == "all live indexes are at the head, 5"
        assert execute("verify", new).success
        assert execute("roll_back", new).success is False  # one promotion, nothing before it
    assert {now.sequence for now in engine.serving().values()} == {5}


def test_a_view_that_breaks_is_named_and_the_others_are_caught_up(
    log: EventLog, engine: Engine
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("no topic today")

    topics = replace(DOMAIN.views["topics"], documents=broken)
    views = {**DOMAIN.views, "topics": topics}
    domain = Domain(DOMAIN.name, DOMAIN.categories, views, DOMAIN.references)
    log.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea", "kind": "subject"})])
    result = run_job(Archive(log.path.parent, domain), "catch_up")
    serving = {view: now.sequence for view, now in engine.serving().items()}
    assert serving["articles"] == 4
    assert serving["topics"] == 3
    assert not result.success
    assert "topics" in failure(result)
    assert "no topic today" in failure(result)
