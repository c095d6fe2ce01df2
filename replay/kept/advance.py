"""Advancing the kept state from one sequence to a later one, and making the changed documents.

A step folds the events between the two. The lineage of each view, before and after the fold, gives
the documents that the changed entities are in. Only these are made again. An engine needs those
whose digest then differs from the one that is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.duckdb_errors import reading_state
from replay.errors import BrokenView
from replay.kept import neighbourhood
from replay.kept.entities import Happened, WholeHappened
from replay.kept.expressions import Expressions
from replay.kept.fold_on import Folding
from replay.kept.remake import Changed, Digest, Remaking
from replay.kept.state import Kept
from replay.view_errors import LINEAGE, errors_of

if TYPE_CHECKING:
    import pyarrow as pa

    from event_log import EventLog
    from replay.domain import References
    from replay.kept.entities import Whole
    from replay.view import View

MOST_LOOKED_AT = 20_000
"""A larger neighbourhood is not copied to find touched documents: all entities are as quick."""
FEW_EVENTS = 500
"""The most events of a step that runs by kept plans: to plan again would take longer."""
FAN_OUT = 1_000
"""The most changed entities whose number of documents a step gives."""


class Advance:
    """Brings a kept state forward, step by step."""

    def __init__(
        self, kept: Kept, views: Mapping[str, View], references: References, digest: Digest
    ) -> None:
        self._kept = kept
        self._tables = kept.tables
        self._views = views
        self._expressions = Expressions(kept, views)
        self._folding = Folding(kept, references)
        self._near, self._whole = Happened(kept), WholeHappened(kept)
        self._tables.fill("near", "SELECT 0::UBIGINT AS key WHERE false")
        self._near.fill("near")
        self._remaking = Remaking(kept, self._expressions, digest, views)

    @contextmanager
    def step(self, log: EventLog, until: int, views: Collection[str]) -> Iterator[OpenStep]:
        """Advance to a sequence: make the documents inside of ``with``, which commits at its end.

        When the block fails, the state is rolled back. Its ``pending`` remains.
        """
        kept = self._kept
        with reading_state(), kept.transaction():
            kept.note(pending=until)
        with reading_state(), kept.transaction():
            self._tables.few = until - kept.sequence <= FEW_EVENTS
            events = self._folding.read(log, kept.sequence, until)
            self._touch(views)
            yield OpenStep(self._remaking, events, self.fan_out())
            self._remaking.keep()
            at = log.at(until)
            kept.note(sequence=until, digest=at.digest, upcast=at.upcast_digest, pending=None)
            self._tables.clear()

    @contextmanager
    def supposing(self, events: pa.Table, views: Collection[str]) -> Iterator[OpenStep]:
        """Make a step with these events that are not in the log; at the end it is rolled back."""
        self._kept.connection.begin()
        try:
            self._folding.take(events)
            self._touch(views)
            yield OpenStep(self._remaking, events.num_rows, self.fan_out())
        finally:
            self._kept.rollback()

    def _touch(self, views: Collection[str]) -> None:
        """Fold the events, and fill ``touched``: documents, and the changed entities in them.

        Its ``sequence`` is the entity's. It is null where a document is no longer made from the
        entity.
        """
        self._tables.fill(
            "touched",
            "SELECT ''::VARCHAR AS view, ''::VARCHAR AS id, ''::VARCHAR AS entity,"
            " 0::BIGINT AS sequence WHERE false",
        )
        self._folding.fold()
        small = neighbourhood.gather(self._tables, MOST_LOOKED_AT)
        entities = self._near if small else self._whole
        if small:
            self._near.fill("near")
        self._add_touched(views, entities)
        self._folding.keep()
        if small:
            self._near.renew(self._folding.categories)
        self._add_touched(views, entities)

    def _add_touched(self, views: Collection[str], entities: Whole) -> None:
        """Add to ``touched`` the documents that now have a changed entity in their lineage."""
        for name in views:
            with errors_of(self._views[name], LINEAGE):
                pairs = self._expressions.touching(name, entities)
                self._tables.add(
                    "touched",
                    f"SELECT '{name}', l.id, l.entity, f.sequence FROM ({pairs}) l"
                    " LEFT JOIN folded f ON f.id = l.entity",
                )

    def fan_out(self) -> list[int]:
        """How many documents each changed entity is in, of at most ``FAN_OUT`` entities."""
        counts = self._tables.run(
            "SELECT count(DISTINCT (view, id)) FROM touched GROUP BY entity"
            f" ORDER BY ALL DESC LIMIT {FAN_OUT}"
        )
        return [count for (count,) in counts.fetchall()]

    def prepare(self, views: Collection[str]) -> Iterator[None]:
        """Compile the queries of a step of a few events; after each piece a step may be made."""
        self._folding.prepare()
        yield
        for name in views:
            with suppress(BrokenView), errors_of(self._views[name]):  # a step raises it
                self._expressions.touching(name, self._near)
                self._remaking.prepare(name)
            yield


@dataclass(frozen=True)
class OpenStep:
    """A step within its transaction: until that ends, its documents can be made."""

    _remaking: Remaking
    events: int
    fan_out: list[int]

    def remake(self, names: Collection[str], folder: Path) -> Iterator[Changed]:
        """Make the touched documents again, and yield those that changed, view by view."""
        return self._remaking.remake(names, folder)
