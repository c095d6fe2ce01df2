"""What a run rebuilds: the views whose assets it selects, and no others.

A run is launched for a job, for a selection of assets, or again for some steps of an earlier run.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import AssetCheckExecutionContext, AssetExecutionContext, AssetKey, Failure

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from archive import Archive
    from pipelines.resources import ArchiveResource

VIEWS_GROUP = "views"
INDEX_GROUP = "index"
RESUMED = "dagster/is_resume_retry"
"""The tag of a run that goes on from where another failed."""


@dataclass(frozen=True)
class Selection:
    """The views whose documents a run computes, and those whose indexes it builds and promotes."""

    rebuild_id: str
    documents: tuple[str, ...]
    indexes: tuple[str, ...]


def selection_of(
    context: AssetExecutionContext | AssetCheckExecutionContext, archive: ArchiveResource
) -> Selection:
    """What the run of a step rebuilds: its selected assets, of which the config may choose some.

    Raises ``Failure`` when the config chooses none of them, and when a run goes on with a rebuild
    that was deleted.
    """
    run = context.run
    keys = _keys(run, context.op_execution_context.job_def.asset_layer.selected_asset_keys)
    opened = archive.archive()
    documents, indexes = (
        tuple(v for v in opened.views if archive.wants(v) and AssetKey([group, v]) in keys)
        for group in (VIEWS_GROUP, INDEX_GROUP)
    )
    if keys and not (documents or indexes):
        named = ", ".join(archive.chosen or ())
        raise Failure(f"views: the run selects no asset of {named}; name others, or leave it out")
    if not _is_resumed(run):
        return Selection(run.run_id, documents, indexes)
    return Selection(_resumed(run, context.instance, opened), documents, indexes)


def _keys(run: DagsterRun, of_job: Set[AssetKey]) -> set[AssetKey]:
    """The assets of a run. A run that goes on has those of the run that failed."""
    keys = set(run.asset_selection or of_job)
    if run.step_keys_to_execute is None or _is_resumed(run):
        return keys
    return {key for key in keys if "__".join(key.path) in run.step_keys_to_execute}


def _is_resumed(run: DagsterRun) -> bool:
    return run.tags.get(RESUMED) == "true"


def _resumed(run: DagsterRun, instance: DagsterInstance, archive: Archive) -> str:
    """The id of the rebuild that a run goes on with: that of the run that failed."""
    from archive import Rebuild

    first: DagsterRun | None = run
    while first is not None and first.parent_run_id is not None and _is_resumed(first):
        first = instance.get_run_by_id(first.parent_run_id)
    if first is None or not Rebuild.is_known(archive, first.run_id):
        raise Failure(
            "what the failed run has rebuilt was deleted meanwhile; launch the rebuild again"
        )
    return first.run_id
