"""Run the job ``rebuild`` in this process, as ``make demo`` does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

from dagster import DagsterInstance, EventLogEntry

from pipelines.failing import what_failed
from pipelines.selection import INDEX_GROUP, VIEWS_GROUP

OnStep = Callable[[str, dict[str, Any]], None]
"""Called when a step is done, with its asset (``views/articles``) and metadata."""


class RunFailed(Exception):
    """The job failed; the message names the step and the reason."""


def run_rebuild(home: str, on_step: OnStep, at: str = "") -> None:
    """Run the job ``rebuild`` for an archive, as of the log's head or a point.

    Raises ``RunFailed`` with the step and the reason. If ``DAGSTER_HOME`` is set, the Dagster UI
    shows the run.
    """
    from archive import Archive
    from pipelines.definitions import definitions_for

    instance = DagsterInstance.get() if "DAGSTER_HOME" in os.environ else None
    job = definitions_for(Archive(home)).resolve_job_def("rebuild")
    with instance or DagsterInstance.ephemeral() as running:
        run_id = str(uuid.uuid4())
        running.add_event_listener(run_id, lambda entry: _report(entry, on_step))
        result = job.execute_in_process(
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "resources": {"archive": {"config": {"at": at}}},
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
    """Call ``on_step`` for the documents of a view, and for an index when it is built."""
    event = entry.dagster_event
    if event is None or event.asset_key is None:
        return
    group = event.asset_key.path[0]
    if event.is_step_materialization and group == VIEWS_GROUP:
        shown = event.step_materialization_data.materialization.metadata
    elif event.is_asset_observation and group == INDEX_GROUP:
        shown = event.asset_observation_data.asset_observation.metadata
    else:
        return
    if "bytes" in shown:  # not the progress of a load
        on_step(event.asset_key.to_user_string(), {name: v.value for name, v in shown.items()})
