"""A failed run names its own cause: the damaged file, the missing view, never a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs import failures, run_job

from archive import Archive
from replay.builds.build import Build


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    archive = Archive(home)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
    archive.rebuild()
    return home


@pytest.mark.parametrize("job", ["rebuild", "verify"])
def test_a_damaged_commit_is_named(job: str, home: Path) -> None:
    commit = home / "log/commits/00000000000000000002.parquet"
    commit.write_bytes(commit.read_bytes()[:100] + b"\xff" * 400)
    for build in (home / "views").glob("0*"):
        (build / "build.json").write_text(
            (build / "build.json").read_text().replace('"sequence": 2', '"sequence": 1')
        )
    result = run_job(home, job)
    assert not result.success
    reasons = failures(result)
    assert reasons
    for reason in reasons:
        assert commit.name in reason or "sequence 2" in reason, reason
        assert "room" not in reason, reason


def test_a_view_that_vanished_before_it_was_indexed_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Build.write

    def lost(build: Build, view: object) -> object:
        result = written(build, view)  # type: ignore[arg-type]
        if result.view == "topics":
            build.path("topics").rename(build.path("elsewhere"))
        return result

    monkeypatch.setattr(Build, "write", lost)
    result = run_job(home, "rebuild")
    assert not result.success
    assert any("topics" in reason for reason in failures(result))
    assert not any("room" in reason for reason in failures(result))
