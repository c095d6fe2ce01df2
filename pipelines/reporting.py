"""What Dagster is told of an archive: what is live, up to which sequence, and what may be promoted.

The data version of the log, of a view and of an index is a sequence. A view is up to date when its
sequence is the log's, an index when its sequence is the view's: then Dagster shows them in green.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
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
    from search import Generation

LOG = AssetKey("log")
VERSION = "dagster/data_version"
CODE = "dagster/code_version"
INPUT = "dagster/input_data_version"
POINTER = "dagster/input_event_pointer"
NO_POINTER = "NULL"

REPORT_AGAIN = timedelta(hours=12)
"""An index at the head is reported again after this time, so that it does not look stale."""
HEADINGS = ("view", "generation", "kept as", "sequence", "documents", "MB", "built at")
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
    figures = head_figures(archive)
    return AssetObservation(LOG, metadata=figures, tags={VERSION: str(figures["head"])})


def head_figures(archive: Archive) -> dict[str, Any]:
    """The log's head, which is its data version, and its digest."""
    return {"head": archive.log.head, "digest": archive.log.digest}


def live_materializations(
    archive: Archive,
    instance: DagsterInstance,
    live: Mapping[str, Generation],
    description: str,
    figures: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[AssetMaterialization]:
    """Materializations of what is live, each at its sequence, that Dagster does not know.

    ``live`` has the live generation of each view, as the engine has just said. ``figures`` are
    more of their metadata, by view; what it does not name is left out. An index at the head that
    Dagster heard of long ago is told again, so that it does not look stale.
    """
    head, tables = archive.log.head, cache(lambda: _generation_lines(archive))
    for name, now in live.items():
        if name not in archive.views or (figures is not None and name not in figures):
            continue
        more = figures[name] if figures else {}
        view, index = AssetKey([VIEWS_GROUP, name]), AssetKey([INDEX_GROUP, name])
        code = str(archive.views[name].code_version)
        shown = {**more, "sequence": now.sequence, "dagster/row_count": now.documents}
        if not _is_known(instance, view, now):
            yield AssetMaterialization(
                view, description, metadata=shown, tags=version_tags(now.sequence, LOG, code)
            )
        if not _is_known(instance, index, now, again=now.sequence == head):
            shown |= {"generation": now.generation, "bytes": now.bytes}
            lines = [line[1:] for line in tables() if line[0] == name]
            shown["generations"] = metadata.table(HEADINGS[1:], lines)
            yield AssetMaterialization(
                index, description, metadata=shown, tags=version_tags(now.sequence, view, code)
            )


def _is_known(
    instance: DagsterInstance, asset: AssetKey, live: Generation, again: bool = False
) -> bool:
    """Whether Dagster's last materialization of a view or an index is what is live.

    With ``again`` one that is older than ``REPORT_AGAIN`` does not count.
    """
    event = instance.get_latest_materialization_event(asset)
    known = event.asset_materialization if event else None
    if event is None or known is None or (known.tags or {}).get(VERSION) != str(live.sequence):
        return False
    generation = known.metadata.get("generation")
    if asset.path[0] == INDEX_GROUP and (not generation or generation.value != live.generation):
        return False
    age = datetime.now(UTC) - datetime.fromtimestamp(event.timestamp, UTC)
    return not (again and age > REPORT_AGAIN)


def generations_table(archive: Archive) -> MarkdownMetadataValue:
    """The finished generations of all views as a table that says what each is for."""
    return metadata.table(HEADINGS, _generation_lines(archive))


def _generation_lines(archive: Archive) -> list[tuple[Any, ...]]:
    pointer = archive.engine.pointer()
    return [
        (
            each.view,
            str(each.generation),
            pointer.state(each.view, each.generation),
            each.sequence,
            each.documents,
            f"{each.bytes / 1e6:.1f}",
            each.built_at,
        )
        for each in archive.generations()
    ]


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
