"""What a run rebuilds: the views whose assets it selects, and no others.

A run is launched for a job, for a selection of assets, or again for some steps of an earlier run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import AssetCheckExecutionContext, AssetExecutionContext, AssetKey, Failure

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from pipelines.resources import ArchiveResource

VIEWS_GROUP = "views"
INDEX_GROUP = "index"


@dataclass(frozen=True)
class Selection:
    """The views whose documents a run computes, and those whose indexes it builds and promotes."""

    rebuild_id: str
    documents: tuple[str, ...]
    indexes: tuple[str, ...]
    goes_on: bool = False
    """Whether the rebuild is that of an earlier run, which failed."""


def selection_of(
    context: AssetExecutionContext | AssetCheckExecutionContext, archive: ArchiveResource
) -> Selection:
    """What the run of a step rebuilds: its selected assets, of which the config may choose some.

    A run that goes on from where another failed has the selection of that one. Raises ``Failure``
    when the config chooses none of the assets.
    """
    run = context.run
    first = _first(run, context.instance)
    of_job = context.op_execution_context.job_def.asset_layer.selected_asset_keys
    keys = set(run.asset_selection or of_job)
    if first is run and run.step_keys_to_execute is not None:
        keys = {key for key in keys if "__".join(key.path) in run.step_keys_to_execute}
    opened = archive.archive()
    documents, indexes = (
        tuple(v for v in opened.views if archive.wants(v) and AssetKey([group, v]) in keys)
        for group in (VIEWS_GROUP, INDEX_GROUP)
    )
    if keys and not (documents or indexes):
        named = ", ".join(archive.chosen or ())
        raise Failure(f"views: the run selects no asset of {named}; name others, or leave it out")
    return Selection(first.run_id, documents, indexes, goes_on=first is not run)


def _first(run: DagsterRun, instance: DagsterInstance) -> DagsterRun:
    """The run whose rebuild a run goes on with: that which failed, if it does some of its steps.

    A run of some steps of a run that succeeded is a rebuild of its own.
    """
    while run.step_keys_to_execute is not None and run.parent_run_id is not None:
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None or parent.is_success:
            return run
        run = parent
    return run
