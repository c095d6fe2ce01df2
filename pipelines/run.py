"""Run the job ``rebuild`` in this process, as ``make demo`` does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

from dagster import DagsterInstance, EventLogEntry

from pipelines.failing import what_failed

OnStep = Callable[[str, dict[str, Any]], None]
"""Called when a step is done, with its asset (``views/articles``) and metadata."""


class RunFailed(Exception):
    """The job failed; the message names the step and the reason."""


def run_rebuild(home: str, on_step: OnStep, at: str = "") -> None:
    """Run the job ``rebuild`` for an archive, as of the log's head or a point.

    Raises ``RunFailed`` with the step and the reason. If ``DAGSTER_HOME`` is set, the Dagster UI
    shows the run.
    """
    from archive import domain_in_force
    from pipelines.definitions import definitions_for

    instance = DagsterInstance.get() if "DAGSTER_HOME" in os.environ else None
    job = definitions_for(domain_in_force(home)).resolve_job_def("rebuild")
    with instance or DagsterInstance.ephemeral() as running:
        run_id = str(uuid.uuid4())
        running.add_event_listener(run_id, lambda entry: _report(entry, on_step))
        result = job.execute_in_process(
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "resources": {"archive": {"config": {"home": home, "at": at}}},
            },
            instance=running,
            run_id=run_id,
            raise_on_error=False,
        )
        if not result.success:
            failed = [event for event in result.all_events if event.is_step_failure]
            what, where = what_failed(failed, "no reason given")
            raise RunFailed(f"step {where}: {what}")


def _report(entry: EventLogEntry, on_step: OnStep) -> None:
    event = entry.dagster_event
    if event is not None and event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        metadata = {name: value.value for name, value in materialization.metadata.items()}
        on_step("/".join(materialization.asset_key.path), metadata)
