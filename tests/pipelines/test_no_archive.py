"""A run over a home that does not exist fails in plain words, and makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import DagsterInstance

from newsroom import DOMAIN
from pipelines import definitions_for

JOBS = ("rebuild", "catch_up", "verify", "check_lag", "seal", "clear", "observe_log")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_says_that_there_is_no_archive(job: str, tmp_path: Path) -> None:
    home = tmp_path / "stet-hmoe"
    resolved = definitions_for(DOMAIN).resolve_job_def(job)
    config = {"resources": {"archive": {"config": {"home": str(home)}}}}
    with DagsterInstance.ephemeral() as instance:
        result = resolved.execute_in_process(
            run_config=config, instance=instance, raise_on_error=False
        )
    assert not result.success
    failed = [event for event in result.all_events if event.is_step_failure]
    data = failed[0].step_failure_data.user_failure_data
    assert data is not None
    assert f"there is no archive at {home}" in str(data.description)
    assert list(tmp_path.iterdir()) == []
