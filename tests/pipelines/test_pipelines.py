"""Dagster decides when: the job does what the command line does, and shows what it did."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterInvalidConfigError,
    DefaultScheduleStatus,
    ExecuteInProcessResult,
)
from jobs import failures, materialized, run_job

from archive import Archive, WrongDomain
from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from pipelines import definitions_for
from pipelines.definitions import definitions
from pipelines.run import RunFailed, run_rebuild

ROOT = Path(__file__).parents[2]
PUBLISHED = {"headline": "Whales <b>return</b> | again", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return fill(tmp_path)


def fill(tmp_path: Path) -> Path:
    log = EventLog(tmp_path / "home" / "log", CATEGORIES)
    log.append([NewEvent("article/1", "ArticlePublished", PUBLISHED | {"tag_ids": ["tag/sea"]})])
    log.append([NewEvent("article/2", "ArticlePublished", PUBLISHED)])
    return tmp_path / "home"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExecuteInProcessResult]:
    """An archive like ``home``, and the run that has rebuilt all its views."""
    home = fill(tmp_path_factory.mktemp("rebuilt"))
    return home, run_job(home, "rebuild")


def execute(home: Path, **chosen: Any) -> ExecuteInProcessResult:
    return run_job(home, "rebuild", **chosen)


def test_the_job_rebuilds_every_view_and_index_and_promotes_them(
    rebuilt: tuple[Path, ExecuteInProcessResult],
) -> None:
    home, result = rebuilt
    assert result.success
    names = {f"{group}/{view}" for group in ("views", "index") for view in DOMAIN.views}
    assert set(materialized(result)) == names
    assert {
        view: now.sequence for view, now in Archive(home).engine.serving().items()
    } == dict.fromkeys(tuple(DOMAIN.views), 2)
    assert Archive(home).search("whale").total == 2


def test_a_materialization_shows_figures_samples_and_a_plot(
    rebuilt: tuple[Path, ExecuteInProcessResult],
) -> None:
    articles = materialized(rebuilt[1])["views/articles"]
    assert (articles["sequence"], articles["documents"]) == (2, 2)
    assert articles["seconds"] > 0
    assert articles["documents a second"] > 0
    assert articles["bytes"] > 0
    assert "| article/1 |" in articles["sample"]
    assert "<b>" not in articles["sample"]
    assert articles["articles a year"].startswith("![articles a year](data:image/png;base64,")


def test_run_config_chooses_the_views_and_the_point_in_time(home: Path) -> None:
    assert execute(home, views=["articles", "bylines"]).success
    chosen = execute(home, views=["articles"], at="1", promote=True)
    assert chosen.success
    assert set(materialized(chosen)) == {"views/articles", "index/articles"}
    now = Archive(home).engine.serving()
    assert (now["articles"].sequence, now["bylines"].sequence) == (1, 2)


def test_a_view_that_there_is_not_is_refused_before_the_run_and_so_is_a_choice_of_none(
    home: Path,
) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="not in enum type View got artcles"):
        execute(home, views=["artcles"])
    assert execute(home, views=["topics"]).success
    before = Archive(home).engine.serving()
    empty = execute(home, views=[])
    assert not empty.success
    assert "views: the list is empty" in failures(empty)[0]
    assert Archive(home).engine.serving() == before


def test_each_index_is_checked_against_its_view_document_by_document(
    rebuilt: tuple[Path, ExecuteInProcessResult],
) -> None:
    evaluations = rebuilt[1].get_asset_check_evaluations()
    equal = [e for e in evaluations if e.check_name == "documents_equal_view"]
    assert {e.asset_key.path[-1] for e in equal} == set(DOMAIN.views)
    assert all(e.passed for e in equal)


def test_a_reference_that_does_not_resolve_is_a_warning(
    rebuilt: tuple[Path, ExecuteInProcessResult],
) -> None:
    evaluations = rebuilt[1].get_asset_check_evaluations()
    (unresolved,) = [e for e in evaluations if e.check_name == "no_unresolved_references"]
    assert not unresolved.passed
    assert unresolved.metadata["unresolved"].value == 1
    assert "tag/sea" in str(unresolved.metadata["examples"].value)


def test_a_failing_run_says_what_and_where_and_leaves_what_serves(home: Path) -> None:
    assert execute(home, views=["topics"]).success
    before = Archive(home).engine.serving()
    with pytest.raises(RunFailed, match=r"there is no sequence 999"):
        rebuild_at(home, "999")
    assert Archive(home).engine.serving() == before


def test_an_archive_of_another_domain_is_refused_in_one_line(home: Path) -> None:
    (home / "domain.json").write_text('{"domain": "orders"}')
    with pytest.raises(WrongDomain) as refused:
        definitions_for(Archive(home, DOMAIN))
    assert "is an archive of the domain 'orders', not of 'newsroom'" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def rebuild_at(home: Path, at: str) -> None:
    run_rebuild(str(home), lambda *_: None, at=at)


def test_the_log_asset_is_observed_with_its_head_as_data_version(home: Path) -> None:
    with DagsterInstance.ephemeral() as instance:
        run_job(home, "observe_log", instance)
        (observed,) = instance.fetch_observations(AssetKey("log"), limit=1).records
    assert observed.asset_observation is not None
    assert observed.asset_observation.tags["dagster/data_version"] == "2"


def test_the_nightly_schedule_is_at_three_utc_and_off() -> None:
    schedule = definitions.resolve_schedule_def("nightly_rebuild")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 * * *", "UTC")
    assert schedule.default_status is DefaultScheduleStatus.STOPPED


def test_loading_the_definitions_does_no_io(tmp_path: Path) -> None:
    script = "import pipelines.definitions; import os; print(os.listdir('.'))"
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == "[]"


@pytest.mark.slow
def test_dagster_finds_the_definitions_by_the_projects_own_file_and_so_does_dg(
    tmp_path: Path,
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    module = project["dagster"]["module_name"]
    assert project["dg"]["project"]["code_location_target_module"] == module
    environment = {**os.environ, "STET_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(
        [Path(sys.executable).parent / "dagster", "definitions", "validate"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"Validation successful for code location {module}" in done.stdout


def test_dagsters_telemetry_is_off() -> None:
    configured = yaml.safe_load((ROOT / "dagster_home" / "dagster.yaml").read_text())
    assert configured["telemetry"] == {"enabled": False}
