"""An archive in an object store: the same commands, with a URL for a home."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from stores import BUCKET, environment, s3_server
from typer.testing import CliRunner

from app.cli import cli
from archive.place import local_folder

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as found:
        yield found


@pytest.fixture
def run(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in environment(endpoint, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STET_HOME", f"s3://{BUCKET}/{uuid.uuid4().hex}")

    def invoke(*arguments: str, code: int = 0, **options: object) -> Result:
        result = CliRunner().invoke(cli, arguments, **options)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.mark.slow
def test_an_archive_in_a_bucket_is_imported_rebuilt_searched_and_verified(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = run("generate", "--articles", "30", "--seed", "3").stdout_bytes
    imported = run("import", "-", "--producer", "wire", "--json", input=lines).stdout
    events = len(lines.splitlines())
    assert json.loads(imported)["-"]["added"] == events
    rebuilt = json.loads(run("rebuild", "--json").stdout)
    assert rebuilt["sequence"] == events
    standing = json.loads(run("status", "--json").stdout)
    assert (standing["head"], standing["views"][0]["lag_events"]) == (events, 0)
    assert json.loads(run("search", "the", "--json").stdout)["total"]
    assert json.loads(run("verify", "--json").stdout)["events"] == events
    stream = json.loads(run("log", "--limit", "1", "--json").stdout)["stream"]
    assert run("history", stream).stdout
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]

    monkeypatch.setenv("STET_CACHE", str(tmp_path / "of-another-machine"))
    again = run("import", "-", "--producer", "wire", "--json", input=lines).stdout
    assert json.loads(again)["-"] | {"skipped": events, "added": 0} == json.loads(again)["-"]
    assert json.loads(run("status", "--json").stdout)["views"][0]["checkpoint"] == 0
    run("rebuild", "articles")
    assert json.loads(run("search", "the", "--json").stdout)["total"]


def test_a_home_that_is_no_store_is_one_line_that_says_so(run: Run) -> None:
    for home, told in (
        ("ftp://host/archive", "ftp:// is no store that Stet knows"),
        ("s3://", "s3:// needs a bucket"),
        ("s3://no-such-bucket/x", "no-such-bucket"),
    ):
        result = run("status", "--home", home, code=1)
        assert result.stderr.startswith("error: ")
        assert (told in result.stderr, result.stderr.count("\n")) == (True, 1)


def test_each_url_has_a_folder_of_its_own_on_this_machine(tmp_path: Path) -> None:
    one, other = local_folder("s3://bucket/one"), local_folder("s3://bucket/other")
    assert one != other
    assert local_folder("s3://bucket/one/") == one
    assert (local_folder(tmp_path), local_folder("archive")) == (tmp_path, Path("archive"))
    assert local_folder(tmp_path.as_uri()) == tmp_path
