"""compose.yaml is what Docker Compose reads; there is no Docker here to run it with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import kafka_server
import yaml

ROOT = Path(__file__).parents[1]


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
        "services"
    ]
    return found


def test_it_fits_the_schema_of_compose_files() -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    command = [checker, "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_listens_beyond_the_loopback_address() -> None:
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert len(published) == 5
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_dagster_indexes_into_that_elasticsearch() -> None:
    for name in ("dagster-webserver", "dagster-daemon"):
        assert services()[name]["environment"]["STET_SEARCH"] == "http://elasticsearch:9200"
        assert "pipelines.definitions" in services()[name]["command"]


def test_the_other_systems_start_only_where_they_are_asked_for() -> None:
    asked = {name for name, one in services().items() if one.get("profiles") == ["services"]}
    assert asked == {"postgres", "kafka", "connect"}
    unasked = services().keys() - asked
    assert all(asked.isdisjoint(services()[name].get("depends_on", ())) for name in unasked)


def test_kafka_and_debezium_are_those_that_are_tested() -> None:
    assert services()["kafka"]["image"].endswith(f":{kafka_server.VERSION}")
    assert services()["connect"]["image"].endswith(f":{kafka_server.DEBEZIUM}")
