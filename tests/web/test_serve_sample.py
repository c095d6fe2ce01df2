"""`make serve`: what it does to the archive before it serves, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.serve_sample import prepare
from app.web.access import Access, Role
from archive import Archive
from newsroom import DOMAIN


def test_an_empty_archive_gets_the_sample_and_live_indexes_and_another_is_left_alone(
    tmp_path: Path,
) -> None:
    archive = Archive(tmp_path / "home", DOMAIN)
    prepare(archive)
    assert archive.search("titanic").total > 0
    before = archive.log.head, archive.engine.pointer()
    archive.append("tag/whales", "TagDefined", {"name": "Whales"})
    prepare(archive)
    assert (archive.log.head, archive.engine.pointer()) == (before[0] + 1, before[1])


def test_an_archive_with_events_gets_no_sample(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "home", DOMAIN)
    archive.append("tag/whales", "TagDefined", {"name": "Whales"})
    prepare(archive)
    assert archive.log.head == 1
    assert archive.search("whales", view="topics").total == 1


def begun(home: Path) -> str:
    """What it says until it serves; then it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.serve_sample", "--port", "0"],
        env={**os.environ, "STET_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "startup complete" in line:  # from here on it ends by itself when it is told to
            break
    process.terminate()
    assert process.wait(60) == 0, said
    return said


@pytest.mark.slow
def test_it_says_the_address_and_how_to_get_a_token_and_makes_none(home: Path) -> None:
    said = begun(home)
    assert "at http://127.0.0.1:" in said
    assert f"stet access add NAME --role editor --home {home}" in said
    assert Access(home).tokens() == []
    Access(home).add("ana", Role.editor)
    assert "nobody can log in" not in begun(home)
