"""Explaining: the events that a document was made from, and why their entities are part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import ibis

from archive.progress import Tell, silent
from event_log import log_schema
from replay import (
    EVENT,
    NoDocument,
    State,
    View,
    errors_of,
    folded_entities,
    label,
    lineage_of,
    referring,
    roots_of,
    state_folder,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from archive.archive import Archive
    from event_log import Point, Snapshot
    from replay import References

ENVELOPE = ("sequence", "stream", "version", "type", "actor", "recorded_at", "occurred_at")
OF_AN_EVENT = re.compile(r"(?P<stream>.+)@(?P<version>[0-9]{1,18})")
"""The id of a document that is one event, as those of the history are."""


@dataclass(frozen=True)
class Cause:
    """An event that a document was made from."""

    sequence: int
    stream: str
    version: int
    type: str
    actor: str | None
    recorded_at: datetime
    occurred_at: datetime | None
    how: str
    """Why its entity is part of the document, as a phrase; empty if nothing names it any more."""


@dataclass(frozen=True)
class Explanation:
    """The events that a document was made from, as of a sequence of the log."""

    document: str
    view: str
    code_version: int
    sequence: int
    entities: int
    """How many entities it was made from, removed ones included."""
    events: int
    """How many events these entities have, up to the sequence."""
    latest: tuple[Cause, ...]
    """The latest of these events, oldest first."""
    existed: bool = True
    """Whether the document's entity has events of its own; false if others only name it."""


def explain(
    archive: Archive,
    document: str,
    view: str | View,
    at: Point = None,
    most: int | None = 20,
    tell: Tell | None = None,
) -> Explanation:
    """Explain a document as of a sequence, an instant, or now.

    ``most`` limits the events that are listed. The entities are those of a kept build of that
    sequence. If there is none, they are folded from the log, and ``tell`` is called. Raises
    ``NoDocument`` when no event belongs to such a document.

    >>> import tempfile
    >>> from archive import Archive
    >>> archive = Archive(tempfile.mkdtemp())
    >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    >>> [(cause.sequence, cause.how) for cause in explain(archive, "tag/sea", "topics").latest]
    [(1, 'itself')]
    """
    of_view = archive.view(view)
    snapshot = archive.log.at(at)
    with folded_state(archive, snapshot, tell or silent) as state:
        entities = _entities(state, of_view, document)
        events = _events(state, entities, document, of_view)
        if not events.num_rows:
            raise NoDocument(
                f"there is no {document} in {of_view.name} as of sequence {snapshot.sequence:,}"
            )
        latest = events.slice(max(0, events.num_rows - most)) if most is not None else events
        shown = sorted(set(latest.column("stream").to_pylist()))
        how = _how(state, of_view, document, entities, shown, archive.domain.references)
    causes = tuple(Cause(**event, how=how[event["stream"]]) for event in latest.to_pylist())
    version = of_view.code_version
    counts = len(entities), events.num_rows
    existed = of_view.per not in archive.log.registry or any(
        event.sequence <= snapshot.sequence for event in islice(archive.log.stream(document), 1)
    )
    return Explanation(document, of_view.name, version, snapshot.sequence, *counts, causes, existed)


@contextmanager
def folded_state(archive: Archive, snapshot: Snapshot, tell: Tell) -> Iterator[State]:
    """The entities of a snapshot: those of a kept build, else the log is folded."""
    if folded_entities(archive.builds, snapshot) is None:
        tell(f"no build of sequence {snapshot.sequence:,} is kept: folding the log up to there")
    builds, scratch = archive.builds, archive.scratch_builds
    with state_folder(builds, snapshot, scratch) as folder, State(snapshot, folder) as state:
        yield state


def _entities(state: State, view: View, document: str) -> list[str]:
    """The ids of the entities that a document is made from; of an event, its stream."""
    event = OF_AN_EVENT.fullmatch(document)
    if view.per == EVENT:
        return [event["stream"]] if event else []
    pairs = lineage_of(view, state)
    with errors_of(view, "lineage"):
        entities = pairs.filter(pairs.id == document).select("entity").distinct().to_pyarrow()
    return [entity for entity in entities.column("entity").to_pylist() if entity is not None]


def _events(state: State, entities: Sequence[str], document: str, view: View) -> pa.Table:
    """The events of these entities, oldest first; if the document is an event, those up to it."""
    wanted = state.keys(entities).select(stream="id")
    present = {entity.split("/", 1)[0] for entity in entities}
    tables = [
        state.events(category).semi_join(wanted, "stream").select(*ENVELOPE)
        for category in state.registry
        if category in present
    ]
    if not tables:
        return log_schema(state.registry).empty_table().select(list(ENVELOPE))
    events = ibis.union(*tables)
    if view.per == EVENT and (event := OF_AN_EVENT.fullmatch(document)):
        last = int(event["version"])
        earlier = events.filter(events.version <= last).order_by("sequence").to_pyarrow()
        return earlier if earlier.num_rows == last else earlier.slice(0, 0)
    return events.order_by("sequence").to_pyarrow()


def _how(
    state: State,
    view: View,
    document: str,
    entities: Sequence[str],
    shown: Sequence[str],
    references: References,
) -> dict[str, str]:
    """A phrase for each shown entity that says why it is part of the document."""
    how = dict.fromkeys(shown, "")
    if view.per == EVENT:
        return dict.fromkeys(shown, "itself")
    for (entity, direct), phrase in sorted(
        _named(state, document, entities, shown, references).items(), key=lambda pair: pair[0][1]
    ):
        if direct or not how[entity]:
            how[entity] = phrase
    if view.roots is not None:
        beginning = roots_of(view, state, state.keys([document]))
        with errors_of(view, "roots"):
            roots = beginning.to_pyarrow().column("id").to_pylist()
        how |= {entity: "the document begins from it" for entity in roots if entity in how}
    return how | ({document: "itself"} if document in how else {})


def _named(
    state: State,
    document: str,
    entities: Sequence[str],
    shown: Sequence[str],
    references: References,
) -> dict[tuple[str, bool], str]:
    """Phrases by entity, and by whether the document is the one that names it or is named."""
    all_keys, shown_keys = state.keys(entities), state.keys(shown)
    present = {entity.split("/", 1)[0] for entity in entities}
    phrases: dict[tuple[str, bool], str] = {}
    for category, field, target in _fields(references):
        if category not in present or target not in present:
            continue
        pairs = referring(state.entities(category), field)
        pairs = pairs.semi_join(all_keys, "id")
        pairs = pairs.semi_join(all_keys.select(entity="id"), "entity")
        for one, other, words in (
            ("entity", "id", "{} names it in {}"),
            ("id", "entity", "names {} in {}"),
        ):
            for group in _grouped(pairs, one, other, shown_keys, document):
                direct = group["itself"] is not None
                named = group["itself"] if direct else group["some"]
                phrase = words.format(named, label(field))
                if not direct and group["count"] > 1:
                    phrase += f", and {group['count'] - 1:,} more"
                phrases.setdefault((group["one"], direct), phrase)
    return phrases


def _grouped(
    pairs: ir.Table, one: str, other: str, shown: ir.Table, document: str
) -> list[dict[str, Any]]:
    """For each shown entity the others that it is paired with: the document, one, how many."""
    near = pairs.select(one=pairs[one], other=pairs[other])
    near = near.semi_join(shown.select(one="id"), "one")
    grouped = near.group_by("one").agg(
        itself=near.other.min(where=near.other == document),
        some=near.other.min(),
        count=near.count(),
    )
    groups: list[dict[str, Any]] = grouped.order_by("one").to_pyarrow().to_pylist()
    return groups


def _fields(references: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    for category, fields in references.items():
        for field, target in fields.items():
            yield category, field, target
