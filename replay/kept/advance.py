"""Advancing: the kept state from one sequence to a later one, and the documents that this changes.

A step folds the events between. The lineage of each view, before and after the fold, says which
documents the changed entities are in; these alone are made again, and those whose digest differs
from the one kept are what an engine has to be told.
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
from replay.kept.expressions import Expressions, told_of
from replay.kept.fold_on import Folding
from replay.kept.remake import Changed, Digest, Remaking
from replay.kept.state import Kept

if TYPE_CHECKING:
    import pyarrow as pa

    from event_log import EventLog
    from replay.domain import References
    from replay.kept.entities import Whole
    from replay.view import View

MOST_LOOKED_AT = 20_000
"""A larger neighbourhood is not copied to ask what is touched: asking all entities is as quick."""
FEW_EVENTS = 500
"""Up to so many, planning the queries of a step takes longer than it spares: plans are kept."""
FAN_OUT = 1_000
"""Of so many changed entities it is told how many documents each is in."""


class Advance:
    """Brings a kept state forward, step by step."""

    def __init__(
        self, kept: Kept, views: Mapping[str, View], references: References, digest: Digest
    ) -> None:
        self._kept = kept
        self._tables = kept.tables
        self._expressions = Expressions(kept, views)
        self._folding = Folding(kept, references)
        self._near, self._whole = Happened(kept), WholeHappened(kept)
        self._tables.fill("near", "SELECT 0::UBIGINT AS key WHERE false")
        self._near.fill("near")
        self._remaking = Remaking(kept, self._expressions, digest, views)

    @contextmanager
    def step(self, log: EventLog, until: int, views: Collection[str]) -> Iterator[OpenStep]:
        """Advance to a sequence: within, the documents are made; at the end all of it is kept.

        When the block fails, the state is what it was.
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
            there = log.at(until)
            kept.note(sequence=until, digest=there.digest, upcast=there.upcast_digest, pending=None)
            self._tables.clear()

    @contextmanager
    def supposing(self, events: pa.Table, views: Collection[str]) -> Iterator[OpenStep]:
        """What a step with these events would come to; at the end all is as it was."""
        self._kept.connection.begin()
        try:
            self._folding.take(events)
            self._touch(views)
            yield OpenStep(self._remaking, events.num_rows, self.fan_out())
        finally:
            self._kept.rollback()

    def _touch(self, views: Collection[str]) -> None:
        """Fold, and fill ``touched``: the documents, and the entities that changed in them.

        Its ``sequence`` is the entity's, or null where the document was made from it only before.
        """
        self._tables.fill(
            "touched",
            "SELECT ''::VARCHAR AS view, ''::VARCHAR AS id, ''::VARCHAR AS entity,"
            " 0::BIGINT AS sequence WHERE false",
        )
        self._folding.fold()
        small = neighbourhood.gathered(self._tables, MOST_LOOKED_AT)
        where = self._near if small else self._whole
        if small:
            self._near.fill("near")
        self._look(views, where)
        self._folding.keep()
        if small:
            self._near.renew(self._folding.categories)
        self._look(views, where)

    def _look(self, views: Collection[str], where: Whole) -> None:
        """Add the documents in whose lineage a changed entity is, as the state is now."""
        for name in views:
            with told_of(name):
                pairs = self._expressions.touching(name, where)
                self._tables.add(
                    "touched",
                    f"SELECT '{name}', l.id, l.entity, f.sequence FROM ({pairs}) l"
                    " LEFT JOIN folded f ON f.id = l.entity",
                )

    def fan_out(self) -> list[int]:
        """Of the changed entities, at most so many: how many documents each is in."""
        found = self._tables.run(
            "SELECT count(DISTINCT (view, id)) FROM touched GROUP BY entity"
            f" ORDER BY ALL DESC LIMIT {FAN_OUT}"
        )
        return [count for (count,) in found.fetchall()]

    def prepare(self, views: Collection[str]) -> Iterator[None]:
        """Compile what steps of a few events run; after each piece there may be a step."""
        self._folding.prepare()
        yield
        for name in views:
            with suppress(BrokenView), told_of(name):  # a step says it
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
