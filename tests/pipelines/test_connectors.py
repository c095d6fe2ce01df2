"""Connectors and relays in Dagster: assets that are observed, and a check of their lag."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, Definitions

from archive import Archive
from connectors import Standing
from connectors.standing import hold, say
from pipelines.definitions import definitions_for


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    home = tmp_path / "home"
    archive = Archive(home)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    return archive


def observed(definitions: Definitions, instance: DagsterInstance) -> dict[str, object]:
    """The metadata of each connector's last observation, and its check's last outcome."""
    job = definitions.resolve_job_def("observe_connectors")
    assert job.execute_in_process(instance=instance).success
    found: dict[str, object] = {}
    for event in instance.all_logs(instance.get_runs(limit=1)[0].run_id):
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_OBSERVATION":
            seen = event.dagster_event.asset_observation_data.asset_observation
            metadata = {name: value.value for name, value in seen.metadata.items()}
            found[seen.asset_key.path[-1]] = metadata
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION":
            checked = event.dagster_event.asset_check_evaluation_data
            found[f"check {checked.asset_key.path[-1]}"] = (checked.passed, checked.description)
    return found


def test_a_connector_and_a_relay_are_observed_with_their_figures_and_checked(
    archive: Archive,
) -> None:
    running = Standing("cms", "connect", "cms", {"cms, partition 0": 7}, 3, 2.5, 9, 1)
    say(archive.folder, running)
    say(archive.folder, Standing("events", "relay", "events", {"events": 0}))
    lock = hold(archive.folder, "cms")
    with DagsterInstance.ephemeral() as instance:
        found = observed(definitions_for(archive), instance)
    lock.release()
    cms = found["cms"]
    assert isinstance(cms, dict)
    assert (cms["position"], cms["lag"], cms["dead letters"], cms["runs"]) == ("7", 3, 1, True)
    assert cms["rate (a second)"] == 2.5
    assert found["check cms"] == (True, "runs, 3 messages behind")
    assert found["check events"] == (False, "does not run, 1 message behind")


def test_a_connector_that_a_setting_names_is_there_before_it_ran(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text("source: shop_tables\ntables: {tag: {stream: 'tag/{id}'}}\n")
    monkeypatch.setenv("STET_CONNECT", f"{mapping}, {tmp_path / 'none.yaml'}")
    definitions = definitions_for(archive)
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert AssetKey(["connectors", "shop_tables"]) in keys
    assert AssetKey(["connectors", "none"]) in keys
    with DagsterInstance.ephemeral() as instance:
        found = observed(definitions, instance)
    assert found["check shop_tables"] == (False, "it never ran in this archive; start it")


def test_an_archive_without_connectors_has_no_such_job(archive: Archive) -> None:
    names = {job.name for job in definitions_for(archive).jobs or ()}
    assert "observe_connectors" not in names
