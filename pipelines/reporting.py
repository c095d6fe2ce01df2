"""What Dagster is told of an archive: what is live, up to which sequence, and what may be promoted.

The data version of the log, of a view and of an index is a sequence. A view is up to date when its
sequence is the log's, an index when its sequence is the view's: then Dagster shows them in green.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DynamicPartitionsDefinition,
    MarkdownMetadataValue,
)

from pipelines import metadata
from pipelines.selection import INDEX_GROUP, VIEWS_GROUP

if TYPE_CHECKING:
    from archive import Archive

LOG = AssetKey("log")
VERSION = "dagster/data_version"
CODE = "dagster/code_version"
INPUT = "dagster/input_data_version"
POINTER = "dagster/input_event_pointer"
NO_POINTER = "NULL"

GENERATIONS = DynamicPartitionsDefinition(name="generation")
"""The generations that may be promoted: the job ``promote`` offers them as its partitions."""


def version_tags(sequence: int, of: AssetKey, code_version: str) -> dict[str, str]:
    """The tags that say what was made: of which sequence of the asset ``of``, by which code.

    Dagster writes such tags itself for what a step computes, from the last observation of the log.
    Here they say what was really read.
    """
    return {
        VERSION: str(sequence),
        CODE: code_version,
        f"{INPUT}/{of.to_user_string()}": str(sequence),
        f"{POINTER}/{of.to_user_string()}": NO_POINTER,
    }


def observe_head(archive: Archive, instance: DagsterInstance) -> Iterator[AssetObservation]:
    """An observation of the log, if Dagster does not know its head."""
    head = archive.log.head
    known = instance.fetch_observations(LOG, limit=1).records
    observation = known[0].asset_observation if known else None
    if observation is None or observation.tags.get(VERSION) != str(head):
        yield head_observation(archive)


def head_observation(archive: Archive) -> AssetObservation:
    """An observation of the log, whose data version is its head."""
    figures: dict[str, Any] = {"head": archive.log.head, "digest": archive.log.digest}
    return AssetObservation(LOG, metadata=figures, tags={VERSION: str(archive.log.head)})


def live_materializations(
    archive: Archive, description: str, figures: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[AssetMaterialization]:
    """Materializations of the views and indexes that are live, each at its sequence.

    ``figures`` are more of their metadata, by view; what it does not name is left out.
    """
    table = generations_table(archive)
    for name, now in archive.engine.serving().items():
        if name not in archive.views or (figures is not None and name not in figures):
            continue
        more = figures[name] if figures else {}
        view, index = AssetKey([VIEWS_GROUP, name]), AssetKey([INDEX_GROUP, name])
        code = str(archive.views[name].code_version)
        shown = {**more, "sequence": now.sequence, "dagster/row_count": now.documents}
        yield AssetMaterialization(
            view, description, metadata=shown, tags=version_tags(now.sequence, LOG, code)
        )
        shown |= {"generation": now.generation, "bytes": now.bytes, "generations": table}
        yield AssetMaterialization(
            index, description, metadata=shown, tags=version_tags(now.sequence, view, code)
        )


def generations_table(archive: Archive) -> MarkdownMetadataValue:
    """All finished generations as a Markdown table, with what each is for."""
    pointer = archive.engine.pointer()
    lines = [
        (
            each.view,
            str(each.generation),
            each.sequence,
            each.documents,
            f"{each.bytes / 1e6:.1f}",
            each.built_at,
            pointer.state(each.view, each.generation),
        )
        for each in archive.generations()
    ]
    headings = ("view", "generation", "sequence", "documents", "MB", "built at", "kept as")
    return metadata.table(headings, lines)


def offer_generations(archive: Archive, instance: DagsterInstance) -> None:
    """Make the partitions of the job ``promote`` the generations that may be promoted now."""
    from search import promotable

    name = GENERATIONS.name
    assert name is not None  # noqa: S101 - it is given above
    there = {str(number) for number in promotable(archive.engine)}
    offered = set(instance.get_dynamic_partitions(name))
    for gone in offered - there:
        instance.delete_dynamic_partition(name, gone)
    if new := sorted(there - offered, key=int):
        instance.add_dynamic_partitions(name, new)
