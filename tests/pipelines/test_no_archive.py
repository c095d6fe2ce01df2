"""A run over a home that does not exist fails in plain words, and makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs import failures, run_job

JOBS = ("rebuild", "catch_up", "verify", "check_lag", "seal", "clear", "observe_log")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_says_that_there_is_no_archive(job: str, tmp_path: Path) -> None:
    home = tmp_path / "stet-hmoe"
    result = run_job(home, job)
    assert not result.success
    assert f"there is no archive at {home}" in failures(result)[0]
    assert list(tmp_path.iterdir()) == []
