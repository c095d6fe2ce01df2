"""``Part``: a state of few entities, enough to make the documents that begin from some of them.

A document is made from entities that references lead to: see ``replay.kept.neighbourhood``. So the
neighbourhood of a document's entity has all that the document shows, counts and names. Where a
person waits for one document, only the neighbourhood is folded, not the whole log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.kept import neighbourhood
from replay.kept.plans import Tables
from replay.kept.state import SIDES
from replay.state import EVENTS, LOG, State, entity_view
from replay.view import EVENT

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from event_log import Registry, Snapshot
    from replay.domain import References
    from replay.view import View

OF_AN_EVENT = re.compile(r"(?P<stream>.+)@(?P<version>[0-9]{1,18})")
"""The id of a document that is one event, as those of the history are."""
PAIRS = "references_ever"
ALL = 2**62
FEW_EVENTS = 1_000
"""So many events are found by their sequences: DuckDB leaves out most of each file by these.

Those of each category apart, so that long texts are only read where there are any.
"""


class Part(State):
    """The neighbourhood of some entities as of a snapshot; other entities are missing.

    References of all events count, also of those that later ones replaced: so nothing needs to be
    folded to find the neighbourhood, and it has some entities too many.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        entities: Collection[str],
        references: References,
        directory: Path | None = None,
        hidden: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(snapshot, directory, hidden=hidden)
        self.connection.execute("SET parquet_metadata_cache = true")
        self._around, self._references = entities, references
        self._folds: dict[str, str] = {}

    def _create_events(self) -> None:
        """Create the view of the events of the neighbourhood."""
        tables = Tables(self.connection)
        until = f"sequence <= {self.snapshot.sequence}"
        self.connection.execute(
            f"CREATE TEMP TABLE {PAIRS} AS {_pairs(self.registry, self._references, until)}"
        )
        for name in SIDES:
            self._view(name, f"FROM {PAIRS}")
        self.name_keys("changed", self._around)
        neighbourhood.gather(tables, ALL)
        near = f"{until} AND hash(stream) IN (SELECT key FROM near)"
        found = f"SELECT category, sequence FROM {LOG} WHERE {near} LIMIT {FEW_EVENTS + 1}"
        events = self.connection.execute(found).fetchall()
        if len(events) > FEW_EVENTS:
            self._view(EVENTS, f"SELECT * FROM {LOG} WHERE {near}")
            return
        sequences: dict[str, list[str]] = {}
        for category, sequence in events:
            sequences.setdefault(category, []).append(str(sequence))
        some = [
            f"SELECT * FROM {LOG} WHERE category = '{category}' AND sequence IN ({', '.join(them)})"
            for category, them in sequences.items()
        ]
        self._view(EVENTS, " UNION ALL ".join(some) or f"SELECT * FROM {LOG} WHERE false")

    def _fold(self, category: str, sql: str) -> None:
        """Note how the entities of a category are folded: a query folds only what it needs."""
        self._folds[category] = shown = self._shown(category, sql)
        self._view(entity_view(category), shown)

    def sql(self, key: Hashable, expression: Callable[[], ir.Table]) -> str:
        """The SQL of an expression, which folds each category that it reads once.

        What it does not use of the entities is not read: most of all, long texts.
        """
        sql, tables = self._compiled(key, expression)
        folds = [
            f'"{entity_view(name)}" AS MATERIALIZED ({self._folds[name]})'
            for name in self.registry
            if name in tables
        ]
        return f"WITH {', '.join(folds)} FROM ({sql})" if folds else sql


def _pairs(registry: Registry, references: References, until: str) -> str:
    """The query for the references of all events, as pairs of hashes: ``source, target``."""
    values = []
    for category in (name for name in references if name in registry):
        for field in references[category]:
            value = f'{LOG}."{category}"."{field}"'
            is_list = pa.types.is_list(registry[category].fields.field(field).type)
            values.append(value if is_list else f"[{value}]")
    named = f"list_concat({', '.join(values)})" if values else "[]::VARCHAR[]"
    return (
        "SELECT hash(stream) AS source, hash(named) AS target FROM"
        f" (SELECT stream, unnest({named}) AS named FROM {LOG} WHERE {until})"
        " WHERE named IS NOT NULL"
    )


def entities_of(view: View, registry: Registry, documents: Iterable[str]) -> list[str] | None:
    """The entities that documents begin from; ``None`` if their ids do not tell.

    The ids of documents for entities are those of the entities. A document for an event begins from
    the event's stream.
    """
    if view.per in registry:
        return list(documents)
    if view.per == EVENT:
        events = (OF_AN_EVENT.fullmatch(document) for document in documents)
        return [event["stream"] for event in events if event]
    return None
