"""How events come to a subscriber: what the log and Kafka have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.subscriber.errors import SubscriberError
from connectors.subscriber.message import Message


class Away(SubscriberError):
    """Nothing can be read at present, such as from a broker that is away: wait, then open again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the events of one partition were handled; the log is one partition, 0.

    ``sequence`` and ``event_id`` are those of the last event. ``offset`` is where to go on in the
    topic of this id; a topic of another id is read from its beginning.
    """

    sequence: int = 0
    event_id: str = ""
    topic_id: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came, and the mark of its partition once it is handled.

    ``message`` is ``None`` for an event of a category that the subscriber does not know, and for
    what is no event: ``unreadable`` then says why.
    """

    partition: int
    mark: Mark
    message: Message | None
    unreadable: str | None = None


Marks = Mapping[int, Mark]


class Transport(Protocol):
    """Delivers every event after the marks at least once, each partition in the log's order."""

    def open(self, marks: Marks) -> Marks:
        """Begin after these marks; returns the marks of all partitions there are.

        Raises ``Away``; and ``OtherModel`` where going on would leave out or mix up events.
        """

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        """The next messages, at most so many; none when ``timeout`` seconds brought none.

        What was read before is handled by now. Raises ``Away``.
        """

    def newest(self, message: Message) -> Message:
        """A message that an earlier program set aside, in the form that this one knows."""

    def behind(self, marks: Marks) -> int:
        """How many events come after the marks; raises ``Away``."""

    def stop(self) -> None:
        """End a ``read`` that waits; called from a signal handler or another thread."""

    def close(self) -> None:
        """Release what ``open`` has taken; it may be opened again."""
