"""Changes that belong together: a transaction of the source, or the next lines of a snapshot.

Where a transaction's begin and end come in the same partition as its changes, it is held until its
end has come, and becomes events of one commit. One that is larger than the limit is split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from connectors.capture.source import Partition, partition_of
from connectors.debezium.change import Boundary, Change, Ignored, Message, Origin, OutboxEvent, Said

MOST_BYTES = 256 * 1024 * 1024
"""The bytes of a transaction's messages above which it is split too."""
Content: TypeAlias = Change | OutboxEvent


@dataclass(slots=True)
class Unit:
    """Changes that are translated together, each with its message."""

    transaction: str | None = None
    """None for lines of a snapshot, and where the source does not tell."""
    snapshot: bool = False
    content: list[tuple[Content, Message]] = field(default_factory=list)


class Units:
    """Puts what messages say together into units, in order.

    ``reached`` has for each partition the offset after the last message that is in a finished unit
    or said nothing: what is held is read again after a restart.
    """

    def __init__(self, hold: bool, limit: int, tell: Callable[[str], None] | None = None) -> None:
        self._hold = hold
        self._limit = limit
        self._tell = tell or (lambda _: None)
        self.ready: list[Unit] = []
        self.count = 0
        """The changes in the units that are ready."""
        self.reached: dict[Partition, int] = {}
        self._open: Unit | None = None
        self._was_split = False
        self._bytes = 0
        self._held_to: dict[Partition, int] = {}

    @property
    def is_holding(self) -> bool:
        """Whether a transaction has begun whose end has not come."""
        return self._open is not None

    def add(self, said: Said, message: Message) -> None:
        """Take what the next message says."""
        if isinstance(said, Boundary):
            self._bound(said)
        elif not isinstance(said, Ignored):
            self._add(said, message)
        self.pass_by(said.origin)

    def pass_by(self, origin: Origin) -> None:
        """Note that a message has been dealt with, which is in no unit that is still open."""
        topic, topic_id, number, offset = origin
        self.pass_to(partition_of(topic, topic_id, number), offset + 1)

    def pass_to(self, partition: Partition, position: int) -> None:
        """Note that all before a position has been dealt with."""
        reached = self.reached if self._open is None else self._held_to
        if position > reached.get(partition, 0):
            reached[partition] = position

    def release(self) -> None:
        """Give out the transaction that is held: its end will not come."""
        if self._open is not None:
            self._finish(self._open)
            self._open = None
            self.reached.update(self._held_to)
            self._held_to.clear()

    def take(self) -> tuple[list[Unit], dict[Partition, int]]:
        """Take the units that are ready, and the positions that they lead to."""
        units, self.ready, self.count = self.ready, [], 0
        reached, self.reached = self.reached, {}
        return units, reached

    def _bound(self, said: Boundary) -> None:
        if not self._hold:
            return
        if said.status == "BEGIN":
            self.release()
            self._open, self._was_split, self._bytes = Unit(said.transaction), False, 0
        elif self._open is not None and self._open.transaction == said.transaction:
            self.release()

    def _add(self, said: Content, message: Message) -> None:
        transaction = said.transaction
        snapshot = isinstance(said, Change) and said.snapshot is not None
        if self._open is not None and self._open.transaction != transaction:
            self.release()
        if self._open is not None:
            self._open.content.append((said, message))
            self._bytes += len(message.value or b"")
            if len(self._open.content) >= self._limit or self._bytes >= MOST_BYTES:
                self._split(self._open, said.origin)
            return
        last = self.ready[-1] if self.ready else None
        if (
            last is None
            or (last.transaction, last.snapshot) != (transaction, snapshot)
            or (transaction is None and not snapshot)
        ):
            last = Unit(transaction, snapshot)
            self.ready.append(last)
        last.content.append((said, message))
        self.count += 1

    def _finish(self, unit: Unit) -> None:
        if unit.content:
            self.ready.append(unit)
            self.count += len(unit.content)

    def _split(self, unit: Unit, last: Origin) -> None:
        if not self._was_split:
            self._tell(
                f"transaction {unit.transaction} has more than {self._limit:,} changes, or"
                f" {MOST_BYTES // 2**20} MB; it becomes several commits"
            )
        self.release()
        self.pass_by(last)
        self._open, self._was_split, self._bytes = Unit(unit.transaction), True, 0
