"""Explaining: the events that a document was made from, and why their entities are part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from archive import shown
from archive.progress import Tell, silent
from replay import (
    EVENT,
    OF_AN_EVENT,
    NoDocument,
    Part,
    State,
    View,
    entities_of,
    errors_of,
    folded_entities,
    label,
    lineage_of,
    referring,
    roots_of,
    scratch_folder,
    state_folder,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from archive.archive import Archive
    from event_log import Point, Snapshot
    from replay import References

ENVELOPE = ("sequence", "stream", "version", "type", "actor", "recorded_at", "occurred_at")
DOCUMENT, ENTITIES, SHOWN = "the_document", "its_entities", "shown_entities"
"""The tables of ids in queries."""


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
    public: datetime | None = None,
) -> Explanation:
    """Explain a document as of a sequence, an instant, or now.

    With ``public`` it is explained as if what is under embargo at that instant did not exist.
    ``most`` limits the events that are listed. Without a kept build of that sequence the entities
    around the document's are folded from the log; where its id does not tell its entity, all are,
    and ``tell`` is called. Raises ``NoDocument`` when no event belongs to such a document.

    >>> import tempfile
    >>> from archive import Archive
    >>> archive = Archive(tempfile.mkdtemp())
    >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    >>> [(cause.sequence, cause.how) for cause in explain(archive, "tag/sea", "topics").latest]
    [(1, 'itself')]
    """
    of_view = archive.view(view)
    snapshot = archive.log.at(at)
    with _state(archive, snapshot, of_view, document, tell or silent, public) as state:
        entities = _entities(state, of_view, document)
        events = _events(state, entities, document, of_view)
        if not events.num_rows:
            raise NoDocument(
                f"there is no {document} in {of_view.name} as of sequence {snapshot.sequence:,}"
            )
        latest = events.slice(max(0, events.num_rows - most)) if most is not None else events
        listed = sorted(set(latest.column("stream").to_pylist()))
        how = _how(state, of_view, document, entities, listed, archive.domain.references)
    causes = tuple(Cause(**event, how=how[event["stream"]]) for event in latest.to_pylist())
    version = of_view.code_version
    counts = len(entities), events.num_rows
    existed = _existed(archive, of_view, document, snapshot)
    return Explanation(document, of_view.name, version, snapshot.sequence, *counts, causes, existed)


def _existed(archive: Archive, view: View, document: str, snapshot: Snapshot) -> bool:
    """Whether a document's entity had events of its own; a document that is no entity's did."""
    return view.per not in archive.log.registry or any(
        event.sequence <= snapshot.sequence for event in islice(archive.log.stream(document), 1)
    )


@contextmanager
def _state(
    archive: Archive,
    snapshot: Snapshot,
    view: View,
    document: str,
    tell: Tell,
    public: datetime | None,
) -> Iterator[State]:
    """The entities that a document is made from, and perhaps others."""
    hidden = None if public is None else shown.hidden(archive, snapshot, public)
    around = entities_of(view, archive.log.registry, [document])
    if around is None or folded_entities(archive.builds, snapshot) is not None:
        with folded_state(archive, snapshot, tell, hidden) as state:
            yield state
        return
    with (
        scratch_folder(archive.scratch_builds) as folder,
        Part(snapshot, around, archive.domain.references, folder / "state", hidden) as part,
    ):
        yield part


@contextmanager
def folded_state(
    archive: Archive, snapshot: Snapshot, tell: Tell, hidden: Mapping[str, str] | None = None
) -> Iterator[State]:
    """The entities of a snapshot: those of a kept build, else the log is folded."""
    if folded_entities(archive.builds, snapshot) is None:
        tell(f"no build of sequence {snapshot.sequence:,} is kept: folding the log up to there")
    builds, scratch = archive.builds, archive.scratch_builds
    with (
        state_folder(builds, snapshot, scratch) as folder,
        State(snapshot, folder, hidden=hidden) as state,
    ):
        yield state


def _entities(state: State, view: View, document: str) -> list[str]:
    """The ids of the entities that a document is made from; of an event, its stream."""
    event = OF_AN_EVENT.fullmatch(document)
    if view.per == EVENT:
        return [event["stream"]] if event else []
    state.name_keys(DOCUMENT, [document])
    with errors_of(view, "lineage"):
        sql = state.sql(("lineage of", view.lineage), lambda: _lineage(state, view))
        entities = state.query(f"SELECT DISTINCT entity FROM ({sql})")
    return [entity for entity in entities.column("entity").to_pylist() if entity is not None]


def _lineage(state: State, view: View) -> ir.Table:
    document = state.named_keys(DOCUMENT)
    return lineage_of(view, state, document).semi_join(document, "id").select("entity")


def _events(state: State, entities: Sequence[str], document: str, view: View) -> pa.Table:
    """The events of these entities, oldest first; if the document is an event, those up to it."""
    state.name_keys(ENTITIES, entities)
    event = OF_AN_EVENT.fullmatch(document) if view.per == EVENT else None
    last = int(event["version"]) if event else None
    found = state.query(
        f'SELECT {", ".join(ENVELOPE)} FROM "{state.all_events()}"'
        f" WHERE stream IN (FROM {ENTITIES}){'' if last is None else f' AND version <= {last}'}"
        " ORDER BY sequence"
    )
    return found if last in (None, found.num_rows) else found.slice(0, 0)


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
        _named(state, entities, shown, references).items(), key=lambda pair: pair[0][1]
    ):
        if direct or not how[entity]:
            how[entity] = phrase
    if view.roots is not None:
        key = "roots of", view.roots
        with errors_of(view, "roots"):
            begin = state.sql(key, lambda: roots_of(view, state, state.named_keys(DOCUMENT)))
            roots = state.query(begin).column("id").to_pylist()
        how |= {entity: "the document begins from it" for entity in roots if entity in how}
    return how | ({document: "itself"} if document in how else {})


def _named(
    state: State,
    entities: Sequence[str],
    shown: Sequence[str],
    references: References,
) -> dict[tuple[str, bool], str]:
    """Phrases by entity, and by whether the document is the one that names it or is named."""
    state.name_keys(SHOWN, shown)
    present = {entity.split("/", 1)[0] for entity in entities}
    phrases: dict[tuple[str, bool], str] = {}
    for category, field, target in _fields(references):
        if category not in present or target not in present:
            continue
        pairs = state.sql(("pairs of", category, field), partial(_pairs, state, category, field))
        for one, other, words in (
            ("entity", "id", "{} names it in {}"),
            ("id", "entity", "names {} in {}"),
        ):
            for group in _grouped(state, pairs, one, other):
                direct = group["itself"] is not None
                named = group["itself"] if direct else group["some"]
                phrase = words.format(named, label(field))
                if not direct and group["count"] > 1:
                    phrase += f", and {group['count'] - 1:,} more"
                phrases.setdefault((group["one"], direct), phrase)
    return phrases


def _pairs(state: State, category: str, field: str) -> ir.Table:
    return referring(state.entities(category), field)


def _grouped(state: State, pairs: str, one: str, other: str) -> list[dict[str, Any]]:
    """For each shown entity the others that it is paired with: the document, one, how many."""
    groups: list[dict[str, Any]] = state.query(
        f"SELECT {one} AS one, min({other}) FILTER ({other} IN (FROM {DOCUMENT})) AS itself,"
        f" min({other}) AS some, count(*) AS count FROM ({pairs})"
        f" WHERE {one} IN (FROM {SHOWN}) AND {other} IN (FROM {ENTITIES})"
        " GROUP BY ALL ORDER BY one"
    ).to_pylist()
    return groups


def _fields(references: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    for category, fields in references.items():
        for field, target in fields.items():
            yield category, field, target
