"""Run the rebuild job in this process, and tell how it goes: what ``make demo`` shows."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

from dagster import DagsterInstance, EventLogEntry

from pipelines.failing import what_failed

Told = Callable[[str, dict[str, Any]], None]
"""Is told a step's asset (``views/articles``) and its metadata, when the step is done."""


class RunFailed(Exception):
    """The job did not succeed; the message says which step, and why."""


def run_rebuild(home: str, told: Told, at: str = "") -> None:
    """Run the job ``rebuild`` over an archive, as of a point if given.

    Raises ``RunFailed`` with the step and the reason. With ``DAGSTER_HOME`` set, the
    run stands in the Dagster UI afterwards.
    """
    from archive import domain_in_force
    from pipelines.definitions import definitions_for

    instance = DagsterInstance.get() if "DAGSTER_HOME" in os.environ else None
    job = definitions_for(domain_in_force(home)).resolve_job_def("rebuild")
    with instance or DagsterInstance.ephemeral() as running:
        run_id = str(uuid.uuid4())
        running.add_event_listener(run_id, lambda entry: _tell(entry, told))
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


def _tell(entry: EventLogEntry, told: Told) -> None:
    event = entry.dagster_event
    if event is not None and event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        metadata = {name: value.value for name, value in materialization.metadata.items()}
        told("/".join(materialization.asset_key.path), metadata)
