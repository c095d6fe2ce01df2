"""Running a job of an archive's definitions in this process, as the tests of this room do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster import DagsterInstance, ExecuteInProcessResult

from archive import Archive
from newsroom import DOMAIN
from pipelines import definitions_for
from replay import Domain

FEW = Domain(
    "newsroom",
    DOMAIN.categories,
    {name: DOMAIN.views[name] for name in ("articles", "topics")},
    DOMAIN.references,
)
"""The newsroom with two of its views: runs of seven take long."""


def run_job(
    archive: Archive | Path,
    job: str,
    instance: DagsterInstance | None = None,
    *,
    ops: dict[str, Any] | None = None,
    resources: dict[str, Any] | None = None,
    partition: str | None = None,
    assets: list[Any] | None = None,
    **chosen: Any,
) -> ExecuteInProcessResult:
    """Run a job; ``chosen`` is the config of the archive's resource, ``assets`` a selection."""
    opened = archive if isinstance(archive, Archive) else Archive(archive)
    config: dict[str, Any] = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "resources": {"archive": {"config": chosen}, **(resources or {})},
    }
    if ops:
        config["ops"] = ops
    return (
        definitions_for(opened)
        .resolve_job_def(job)
        .execute_in_process(
            run_config=None if partition else config,  # the partition has a config of its own
            instance=instance,
            partition_key=partition,
            asset_selection=assets,
            raise_on_error=False,
        )
    )


def failures(result: ExecuteInProcessResult) -> list[str]:
    """The first line of what each failed step says."""
    failed = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    return [str(each.user_failure_data and each.user_failure_data.description) for each in failed]


def materialized(result: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of the last materialization of each asset, by its name."""
    found = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        values = {name: value.value for name, value in materialization.metadata.items()}
        found[materialization.asset_key.to_user_string()] = values
    return found
