"""The same job into a cluster: it shows how far it is, waits, can be cancelled, and goes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch
import yaml
from dagster import DagsterInstance, ExecuteInProcessResult
from jobs import run_job

from archive import Archive
from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from pipelines import assets, failing
from pipelines.definitions import definitions
from search import open_engine
from search.connection import Connection
from search.engine import Engine
from search.query import Query

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish(tmp_path, *range(20))
    return tmp_path


def publish(home: Path, *numbers: int) -> None:
    events = [NewEvent(f"article/{n}", "ArticlePublished", PUBLISHED) for n in numbers]
    EventLog(home / "log", CATEGORIES).append(events)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    found = real_elasticsearch.fresh()
    monkeypatch.setenv("STET_SEARCH_PREFIX", found.prefix)
    yield found
    real_elasticsearch.remove(found)


@pytest.fixture
def engine(home: Path, used: Connection) -> Engine:
    return open_engine(home, DOMAIN.views, used)


def execute(
    home: Path, url: str, job: str = "rebuild", ops: Any = None, **chosen: Any
) -> ExecuteInProcessResult:
    return run_job(Archive(home, DOMAIN, url), job, ops=ops, **chosen)


def test_the_job_rebuilds_into_the_cluster_and_shows_how_far_it_is(
    home: Path, used: Connection, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.pace.EVERY", 0.0)
    result = execute(home, used.url)
    assert result.success
    assert set(engine.serving()) == set(DOMAIN.views)
    assert engine.search(Query("whale")).total == 20
    observed = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    of_articles = [seen.metadata for seen in observed if seen.asset_key.path[-1] == "articles"]
    progress = [shown for shown in of_articles if "of" in shown]
    assert {name: value.value for name, value in progress[-1].items()}.items() >= {
        "documents": 20,
        "of": 20,
        "seconds left": 0,
    }.items()
    for materialized in result.get_asset_materialization_events():
        if materialized.asset_key and materialized.asset_key.path[0] == "index":
            shown = materialized.step_materialization_data.materialization.metadata
            assert shown["dead letters"].value == 0


def test_jobs_promote_and_roll_back_by_the_generation_in_the_runs_config(
    home: Path, used: Connection, engine: Engine
) -> None:
    for number in (20, 21):
        assert execute(home, used.url, views=["articles"]).success
        publish(home, number)
    assert engine.serving()["articles"].generation == 2
    assert execute(home, used.url, "roll_back").success
    assert engine.search(Query("whale")).total == 20
    again = {"promote_generation": {"config": {"generation": 2}}}
    assert execute(home, used.url, "promote", again).success
    assert engine.search(Query("whale")).total == 21
    back = {"roll_back_generation": {"config": {"generation": 1}}}
    assert execute(home, used.url, "roll_back", back).success
    assert engine.serving()["articles"].generation == 1
    failed = execute(
        home, used.url, "promote", {"promote_generation": {"config": {"generation": 99}}}
    )
    told = next(event for event in failed.all_events if event.is_step_failure)
    assert "there is no generation 99" in str(told.step_failure_data)


def test_a_cluster_that_is_away_is_tried_again_and_anything_else_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing, "SECONDS_TO_RETRY", 0)
    away = execute(home, "http://127.0.0.1:1", views=["articles"])
    kinds = [event.event_type_value for event in away.all_events if event.step_key]
    assert not away.success
    assert kinds.count("STEP_UP_FOR_RETRY") == failing.MOST_RETRIES
    wrong = execute(home, "no address", views=["articles"])
    failures = [event for event in wrong.all_events if event.is_step_failure]
    assert "write it like https://search.example:9200" in str(failures[0].step_failure_data)
    assert "STEP_UP_FOR_RETRY" not in {event.event_type_value for event in wrong.all_events}


def test_a_run_that_is_cancelled_ends_within_seconds_and_the_next_one_cleans_up(
    home: Path, used: Connection, engine: Engine
) -> None:
    assert execute(home, used.url, views=["articles"]).success
    publish(home, 20)
    code = f"""
        import time
        from search.elastic import load as elastic_load
        send = elastic_load.Loader._send_once
        def slowly(self, body):
            print("loading", flush=True)
            time.sleep(3)
            return send(self, body)
        elastic_load.Loader._send_once = slowly
        elastic_load.SMALLEST = 1
        elastic_load.Size.bytes = 1
        from archive import Archive
        from pipelines import definitions_for
        definitions = definitions_for(Archive({str(home)!r}, connection={used.url!r}))
        definitions.resolve_job_def("rebuild").execute_in_process(
            run_config={{"resources": {{"archive": {{"config": {{"views": ["articles"]}}}}}}}}
        )
    """
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"loading\n"
    began = time.monotonic()
    child.send_signal(signal.SIGINT)  # what cancelling in the UI sends to the run's process
    child.wait(timeout=60)
    assert time.monotonic() - began < 15
    child.stdout.close()
    assert child.returncode != 0
    assert engine.search(Query("whale")).total == 20
    assert engine.numbers() == {1, 2}
    assert execute(home, used.url, views=["articles"]).success
    assert engine.search(Query("whale")).total == 21
    assert engine.numbers() == {1, 3}


def test_each_index_has_a_pool_of_one_and_a_cancelled_run_gives_it_back() -> None:
    configured = yaml.safe_load((ROOT / "dagster_home" / "dagster.yaml").read_text())
    assert configured["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    assert configured["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    indexes = definitions.resolve_asset_graph().materializable_asset_keys
    pools = {
        key.path[-1]: definitions.resolve_assets_def(key).op.pool
        for key in indexes
        if key.path[0] == assets.INDEX_GROUP
    }
    assert pools == {view: f"index_{view}" for view in DOMAIN.views}
    with DagsterInstance.local_temp(overrides={"concurrency": configured["concurrency"]}) as local:
        assert local.get_concurrency_config().pool_config.default_pool_limit == 1
