"""Explaining: which events made a document, and how the entities they are of are part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from archive.progress import Tell, silent
from event_log import log_schema
from replay import EVENT, NoDocument, State, View, folded_entities, label, referring, state_folder

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from archive.archive import Archive
    from event_log import Point, Snapshot
    from replay import References

ENVELOPE = ("sequence", "stream", "version", "type", "actor", "recorded_at", "occurred_at")
OF_AN_EVENT = re.compile(r"(?P<stream>.+)@(?P<version>[0-9]{1,18})")
"""The id of a document of the history."""


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
    """How its entity is part of the document, as a phrase; empty if nothing names it any more."""


@dataclass(frozen=True)
class Explanation:
    """What a document was made from, as of a sequence of the log."""

    document: str
    view: str
    code_version: int
    sequence: int
    entities: int
    """How many entities it was made from, hidden ones too."""
    events: int
    """How many events these have up to there."""
    latest: tuple[Cause, ...]
    """The last of these events, oldest first."""


def explain(
    archive: Archive,
    document: str,
    view: str | View,
    at: Point = None,
    most: int | None = 20,
    tell: Tell | None = None,
) -> Explanation:
    """Explain a document as of a sequence, an instant, or now; ``most`` limits the events told.

    A kept build of that sequence has the entities ready; else they are folded from the log, and
    ``tell`` is told. Raises ``NoDocument`` when no event has to do with such a document.

    >>> import tempfile
    >>> from archive import Archive
    >>> archive = Archive(tempfile.mkdtemp())
    >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    >>> [(cause.sequence, cause.how) for cause in explain(archive, "tag/sea", "topics").latest]
    [(1, 'itself')]
    """
    known = archive.view(view)
    snapshot = archive.log.at(at)
    with _state(archive, snapshot, tell or silent) as state:
        entities = _entities(state, known, document)
        found = _events(state, entities, document, known)
        if not found.num_rows:
            raise NoDocument(
                f"there is no {document} in {known.name} as of sequence {snapshot.sequence:,}"
            )
        latest = found.slice(max(0, found.num_rows - most)) if most is not None else found
        shown = sorted(set(latest.column("stream").to_pylist()))
        how = _how(state, known, document, entities, shown, archive.domain.references)
    causes = tuple(Cause(**event, how=how[event["stream"]]) for event in latest.to_pylist())
    made_by = known.name, known.code_version, snapshot.sequence
    return Explanation(document, *made_by, len(entities), found.num_rows, causes)


@contextmanager
def _state(archive: Archive, snapshot: Snapshot, tell: Tell) -> Iterator[State]:
    place = archive.builds
    if folded_entities(place, snapshot) is None:
        tell(f"no build of sequence {snapshot.sequence:,} is kept: folding the log up to there")
    with state_folder(place, snapshot) as folder, State(snapshot, folder) as state:
        yield state


def _entities(state: State, view: View, document: str) -> list[str]:
    """The entities that a document is made from; of an event's, the stream, without a look."""
    event = OF_AN_EVENT.fullmatch(document)
    if view.per == EVENT:
        return [event["stream"]] if event else []
    pairs = view.lineage(state, None)
    found = pairs.filter(pairs.id == document).select("entity").distinct().to_pyarrow()
    return [entity for entity in found.column("entity").to_pylist() if entity is not None]


def _events(state: State, entities: Sequence[str], document: str, view: View) -> pa.Table:
    """The events of these entities, oldest first; of an event's document, those up to it."""
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
        found = events.filter(events.version <= last).order_by("sequence").to_pyarrow()
        return found if found.num_rows == last else found.slice(0, 0)
    return events.order_by("sequence").to_pyarrow()


def _how(
    state: State,
    view: View,
    document: str,
    entities: Sequence[str],
    shown: Sequence[str],
    references: References,
) -> dict[str, str]:
    """How each of the shown entities is part of the document, along what names what."""
    how = dict.fromkeys(shown, "")
    if view.per == EVENT:
        return dict.fromkeys(shown, "itself")
    for (entity, direct), phrase in sorted(
        _named(state, document, entities, shown, references).items(), key=lambda pair: pair[0][1]
    ):
        if direct or not how[entity]:
            how[entity] = phrase
    if view.roots is not None:
        begun = view.roots(state, state.keys([document])).to_pyarrow().column("id").to_pylist()
        how |= {entity: "the document begins from it" for entity in begun if entity in how}
    return how | ({document: "itself"} if document in how else {})


def _named(
    state: State,
    document: str,
    entities: Sequence[str],
    shown: Sequence[str],
    references: References,
) -> dict[tuple[str, bool], str]:
    """By shown entity, and whether it and the document name one another, a phrase that says it."""
    all_of_it, told = state.keys(entities), state.keys(shown)
    present = {entity.split("/", 1)[0] for entity in entities}
    found: dict[tuple[str, bool], str] = {}
    for category, field, target in _fields(references):
        if category not in present or target not in present:
            continue
        pairs = referring(state.entities(category), field)
        pairs = pairs.semi_join(all_of_it, "id")
        pairs = pairs.semi_join(all_of_it.select(entity="id"), "entity")
        for one, other, words in (
            ("entity", "id", "{} names it in {}"),
            ("id", "entity", "names {} in {}"),
        ):
            for said in _grouped(pairs, one, other, told, document):
                direct = said["itself"] is not None
                named = said["itself"] if direct else said["some"]
                phrase = words.format(named, label(field))
                if not direct and said["count"] > 1:
                    phrase += f", and {said['count'] - 1:,} more"
                found.setdefault((said["one"], direct), phrase)
    return found


def _grouped(
    pairs: ir.Table, one: str, other: str, told: ir.Table, document: str
) -> list[dict[str, Any]]:
    near = pairs.select(one=pairs[one], other=pairs[other])
    near = near.semi_join(told.select(one="id"), "one")
    grouped = near.group_by("one").agg(
        itself=near.other.min(where=near.other == document),
        some=near.other.min(),
        count=near.count(),
    )
    found: list[dict[str, Any]] = grouped.order_by("one").to_pyarrow().to_pylist()
    return found


def _fields(references: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    for category, fields in references.items():
        for field, target in fields.items():
            yield category, field, target
