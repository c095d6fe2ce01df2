"""Importing files of other systems by command: formats, what goes with them, and what is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli

MAPPING = """
tables:
  tags:
    stream: tag/{id}
    events: {created: TagDefined, changed: TagRevised}
    fields: {name: title}
"""
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/cms",
    "type": "TagDefined",
    "subject": "tag/sea",
    "data": {"name": "Sea"},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tags.csv").write_text("id,title\nsea,Sea\ntide,Tide\n")
    (tmp_path / "tags.yaml").write_text(MAPPING)
    (tmp_path / "events.json").write_text(json.dumps([EVENT]))
    return tmp_path


def run(home: Path, *arguments: str, **options: Any) -> Result:
    environment = {"STET_HOME": str(home / "home")}
    return CliRunner().invoke(cli, arguments, env=environment, **options)


def month(home: Path, *arguments: str) -> Path:
    """A made-up month in a file."""
    made = run(home, "generate", "--articles", "30", "--month", "1912-04", *arguments)
    assert made.exit_code == 0, made.output
    file = home / f"1912-04{''.join(arguments)}.json"
    file.write_bytes(made.stdout_bytes)
    return file


def test_months_are_imported_and_one_that_changed_adds_what_changed(home: Path) -> None:
    first, later = month(home), month(home, "--edition", "3", "--shape", "new")
    arguments = ("import", "--format", "nyt-archive", "--json")
    told = json.loads(run(home, *arguments, str(first), str(later)).stdout)
    assert told[str(first)]["added"] > 60
    assert 0 < told[str(later)]["added"] < 60
    again = json.loads(run(home, *arguments, str(later), str(first)).stdout)
    assert [result["added"] for result in again.values()] == [0, 0]
    assert run(home, "references").stdout.endswith("0 unresolved references\n")


def test_a_bad_document_is_told_and_set_aside(home: Path) -> None:
    content = json.loads(month(home).read_bytes())
    content["response"]["docs"][1] |= {"pub_date": "soon", "uri": "nyt://odd"}
    file = home / "bad.json"
    file.write_text(json.dumps(content))
    stopped = run(home, "import", "--format", "nyt-archive", str(file))
    assert stopped.exit_code == 1
    assert "bad.json, document 2 (nyt://odd): pub_date: 'soon' is no date" in stopped.stderr
    rejected = run(home, "import", "--format", "nyt-archive", "--on-error", "reject", str(file))
    assert rejected.exit_code == 1
    assert "1 document rejected; read the documents and the reasons in" in rejected.stderr


def test_csv_is_imported_by_a_mapping(home: Path) -> None:
    arguments = ("import", "--format", "csv", "--mapping", str(home / "tags.yaml"))
    told = run(home, *arguments, str(home / "tags.csv"))
    assert told.exit_code == 0, told.stderr
    assert "tags.csv: 2 events added, 0 known already" in told.stdout
    (home / "tags.csv").write_text("id,title\nsea,Sea\ntide,Tides\n")
    assert "1 event added, 1 known already" in run(home, *arguments, str(home / "tags.csv")).stdout


def test_a_mapping_with_a_mistake_is_told_with_its_line(home: Path) -> None:
    (home / "tags.yaml").write_text(MAPPING.replace("name: title", "nome: title"))
    mapping = str(home / "tags.yaml")
    told = run(home, "import", "--format", "csv", "--mapping", mapping, str(home / "tags.csv"))
    assert told.exit_code == 1
    assert "tags.yaml, line 6: tables.tags.fields.nome: tag has no field 'nome'" in told.stderr


def test_cloud_events_are_imported(home: Path) -> None:
    told = run(home, "import", "--format", "cloudevents", str(home / "events.json"))
    assert "events.json: 1 event added, 0 known already" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "csv"], "--mapping: is needed with --format csv"),
        (["--mapping", "a.yaml"], "--mapping: goes with --format csv"),
        (["--format", "nyt-archive", "--producer", "a"], "--producer: goes with --format jsonl"),
        (["--format", "cloudevents", "--source", "a"], "--source: goes with --format jsonl and"),
    ],
)
def test_what_does_not_go_with_a_format_is_refused(
    home: Path, arguments: list[str], said: str
) -> None:
    told = run(home, "import", str(home / "events.json"), *arguments)
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.split())


def test_the_sample_is_of_json_lines(home: Path) -> None:
    told = run(home, "import", "--sample", "--format", "cloudevents")
    assert (told.exit_code, "--sample" in told.stderr) == (2, True)


def test_months_are_for_the_newsroom_only(home: Path) -> None:
    arguments = ("--domain", "examples.orders:DOMAIN", "import", "--format", "nyt-archive")
    told = run(home, *arguments, str(month(home)))
    assert told.exit_code == 1
    assert "gives events of the newsroom, and this archive is of the domain orders" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--month", "1851-08"], "1851-08 is no month since September 1851"),
        (["--month", "April"], "'April'"),
        (["--edition", "1"], "--edition: go with --month"),
    ],
)
def test_what_is_no_month_is_not_generated(home: Path, arguments: list[str], said: str) -> None:
    told = run(home, "generate", "--articles", "3", *arguments)
    assert told.exit_code == 2
    assert said in told.stderr


def test_json_tells_what_earlier_files_did_though_a_later_one_stops(home: Path) -> None:
    good, bad = home / "good.jsonl", home / "bad.jsonl"
    event = {"stream": "tag/sea", "type": "TagDefined", "data": {"name": "Sea"}}
    good.write_text(json.dumps(event))
    bad.write_text("{}")
    stopped = run(home, "import", "--json", str(good), str(bad), str(good))
    assert stopped.exit_code == 1
    assert "bad.jsonl, line 1: stream: is missing" in stopped.stderr
    told = json.loads(stopped.stdout)
    assert {file: result["added"] for file, result in told.items()} == {str(good): 1}
    stopped = run(home, "import", "--json", str(bad))
    assert (stopped.exit_code, stopped.stdout) == (1, "")
