"""Which changes came before: Debezium sends some again after it was killed, under new offsets.

The changes of a transaction come in order. So for each transaction that a partition had, how far it
came is enough to know. When the source begins a new snapshot it may have been restored from a copy,
and use the numbers of its transactions again: what came before is forgotten then.
"""

from __future__ import annotations

from typing import NamedTuple

from connectors.capture.kept import Kept
from connectors.debezium.change import Change

KEPT_TRANSACTIONS = 500_000
"""So many of the last transactions are remembered: more than Debezium sends again."""


class Came(NamedTuple):
    """How far a transaction came: the last place in it, the first log position and the last."""

    place: int
    first: int
    last: int


class Sent:
    """What came of each transaction, in the file of a connector."""

    def __init__(self, kept: Kept) -> None:
        self._db = kept.connection
        self._new: dict[tuple[str, str], Came] = {}
        greatest = "SELECT producer, max(CAST(tx AS INTEGER)) FROM sent GROUP BY producer"
        self._greatest: dict[str, int] = dict(self._db.execute(greatest).fetchall())
        """By producer: most transactions have a greater number than all that came before."""

    def is_again(self, producer: str, change: Change) -> bool:
        """Whether a change came before; if it did not, it has now."""
        if change.transaction is None:
            if change.snapshot == "first":
                self._forget(producer)
            return False
        known = (producer, change.transaction)
        place, lsn = change.order or 0, change.lsn or 0
        came = self._new.get(known) or self._came(known)
        if came is None or not came.first <= lsn:  # another transaction of the same number
            self._new[known] = Came(place, lsn, lsn)
            return False
        if place <= came.place if place else lsn < came.last:
            return True
        self._new[known] = Came(place, came.first, lsn)
        return False

    def keep(self) -> None:
        """Write what came since to the file, as a part of the round."""
        if not self._new:
            return
        self._db.executemany(
            "INSERT OR IGNORE INTO sent_before SELECT ?1, ?2, s.place, s.first, s.last"
            " FROM (SELECT 1) LEFT JOIN sent s ON (s.producer, s.tx) = (?1, ?2)",
            self._new,
        )
        self._db.executemany(
            "INSERT INTO sent (producer, tx, place, first, last) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (producer, tx) DO UPDATE SET"
            " (place, first, last) = (excluded.place, excluded.first, excluded.last)",
            ((*name, *came) for name, came in self._new.items()),
        )
        self._db.execute(
            "DELETE FROM sent WHERE number <= (SELECT max(number) FROM sent) - ?",
            (KEPT_TRANSACTIONS,),
        )
        self._new.clear()

    def forget_new(self) -> None:
        """Forget what came since the last ``keep``: its round does not count."""
        self._new.clear()

    def _came(self, known: tuple[str, str]) -> Came | None:
        producer, transaction = known
        number = int(transaction) if transaction.isdecimal() else 0
        if number > self._greatest.get(producer, 0):
            self._greatest[producer] = number
            return None
        found = self._db.execute(
            "SELECT place, first, last FROM sent WHERE (producer, tx) = (?, ?)", known
        ).fetchone()
        return Came(*found) if found else None

    def _forget(self, producer: str) -> None:
        self._db.execute("DELETE FROM sent WHERE producer = ?", (producer,))
        self._greatest.pop(producer, None)
        self._new = {known: came for known, came in self._new.items() if known[0] != producer}
