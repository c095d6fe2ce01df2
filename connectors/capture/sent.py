"""Which changes came before: Debezium sends some again after it was killed, under new offsets.

The changes of a source come in the order of its commits. So a change that is beyond all that came
is new, and nothing needs to be looked up. One that is not is found by its transaction and its place
in it. If the transaction is unknown, the source counts anew, as after it was restored from a copy:
then it is new too. All this holds in one partition, because others may be ahead of it.
"""

from __future__ import annotations

from connectors.capture.kept import Kept
from connectors.debezium.change import Change

KEPT_TRANSACTIONS = 500_000
"""So many of the last transactions are remembered: more than Debezium sends again."""
Place = tuple[int, int, int]


class Sent:
    """What came of each transaction, in the file of a connector."""

    def __init__(self, kept: Kept) -> None:
        self._db = kept.connection
        self._new: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._marks: dict[str, Place] = {}
        newest = "SELECT producer, max(number) AS number FROM sent GROUP BY producer"
        for producer, committed, lsn, place in self._db.execute(
            f"SELECT producer, committed, lsn, place FROM sent JOIN ({newest})"
            " USING (producer, number)"
        ):
            self._marks[producer] = (committed, lsn, place)

    def is_again(self, producer: str, change: Change) -> bool:
        """Whether a change came before; if it did not, it has now."""
        if change.transaction is None or change.sequence is None:
            return False
        (committed, lsn), place = change.sequence, change.order or 0
        mark = self._marks.get(producer)
        known = (producer, change.transaction, committed)
        if mark is not None and (committed, lsn, place) <= mark:
            found = (
                self._new.get(known)
                or self._db.execute(
                    "SELECT place, lsn FROM sent WHERE (producer, tx, committed) = (?, ?, ?)", known
                ).fetchone()
            )
            if found and (place <= found[0] if place else lsn < found[1]):
                return True
        self._marks[producer] = (committed, lsn, place)
        self._new[known] = (place, lsn)
        return False

    def keep(self) -> None:
        """Write what came since to the file, as a part of the round."""
        names = self._new.keys()
        self._db.executemany(
            "INSERT OR IGNORE INTO sent_before SELECT ?1, ?2, ?3, s.place, s.lsn FROM (SELECT 1)"
            " LEFT JOIN sent s ON (s.producer, s.tx, s.committed) = (?1, ?2, ?3)",
            names,
        )
        self._db.executemany(
            "INSERT INTO sent (producer, tx, committed, place, lsn) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET place = excluded.place, lsn = excluded.lsn",
            ((*name, *value) for name, value in self._new.items()),
        )
        self._db.execute(
            "DELETE FROM sent WHERE number <= (SELECT max(number) FROM sent) - ?",
            (KEPT_TRANSACTIONS,),
        )
        self._new.clear()
