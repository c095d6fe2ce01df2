"""The command ``connect`` without a broker: what it checks, lists and refuses."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from captured_cms import CMS, Cms
from click.testing import Result
from typer.testing import CliRunner

from app import connecting
from app.cli import cli


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "cms.yaml"
    path.write_text(CMS)
    return path


def connect(mapping: Path, *options: str) -> Result:
    home = mapping.parent / "home"
    result: Result = CliRunner().invoke(
        cli, ["connect", str(mapping), "--home", str(home), *options]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_a_mapping_is_checked_without_kafka(mapping: Path) -> None:
    assert "fits the domain: 3 tables" in connect(mapping, "--check").stdout
    told = orjson.loads(connect(mapping, "--check", "--json").stdout)
    assert told["tables"][0] == {"table": "public.article", "stream": "article/{id}", "lists": ""}
    assert not (mapping.parent / "home").exists()


def test_a_mistake_is_told_with_its_line(mapping: Path) -> None:
    mapping.write_text(CMS.replace("abstract: summary", "abstrakt: summary"))
    refused = connect(mapping, "--check")
    assert refused.exit_code == 1
    line = CMS.splitlines().index("    fields: {abstract: summary}") + 1
    assert f"line {line}" in refused.stderr
    assert "abstrakt" in refused.stderr


def test_a_secret_in_a_mapping_is_a_mistake(mapping: Path) -> None:
    mapping.write_text(CMS + "kafka: {sasl.password: hush}\n")
    refused = connect(mapping, "--check")
    assert refused.exit_code == 1
    assert "STET_KAFKA_PASSWORD" in refused.stderr
    assert "hush" not in refused.stderr


def test_a_file_that_is_missing_is_told(mapping: Path) -> None:
    refused = connect(mapping.with_name("none.yaml"), "--check")
    assert refused.exit_code == 1
    assert "none.yaml" in refused.stderr


@pytest.mark.parametrize("options", [("--check", "--replay"), ("--dry-run", "3", "--dead-letters")])
def test_one_thing_at_a_time(options: tuple[str, ...], mapping: Path) -> None:
    refused = connect(mapping, *options)
    assert refused.exit_code == 2
    assert "go one at a time" in refused.stderr


def test_without_the_extra_it_is_said_what_to_install(
    mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "find_spec", lambda _: None)
    refused = connect(mapping, "--check")
    assert refused.exit_code == 1
    assert "install the extra connect, in the clone: uv pip install '.[connect]'" in refused.stderr


def test_a_setting_of_kafka_that_does_not_exist_is_told(mapping: Path) -> None:
    mapping.write_text(CMS + "kafka: {bootstrap.server: 127.0.0.1}\n")
    refused = connect(mapping, "--until-end")
    assert refused.exit_code == 1
    assert "bootstrap.server" in refused.stderr


def test_dead_letters_are_listed_and_replayed(mapping: Path) -> None:
    cms = Cms(mapping.parent / "home")
    cms.folder.mkdir()
    (cms.folder / "log").mkdir()
    offset = cms.broker.write("cms", None, b"\x1b[2J no json")
    cms.connect()
    listed = connect(mapping, "--dead-letters")
    assert "1 dead letter" in listed.stdout
    assert "\x1b" not in listed.stdout
    [letter] = map(orjson.loads, connect(mapping, "--dead-letters", "--json").stdout.splitlines())
    assert (letter["offset"], letter["topic"]) == (offset, "cms")
    replayed = connect(mapping, "--replay")
    assert replayed.exit_code == 1
    assert "0 of 1 dead letter replayed" in replayed.stdout
