"""``FromLog``: events come from the log itself, in a folder or an object store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from connectors.subscriber.errors import OtherModel, SubscriberError
from connectors.subscriber.forms import messages, newest
from connectors.subscriber.message import Message
from connectors.subscriber.transport import Delivered, Mark, Marks
from event_log import EventLog, Subscription

TOLD_SECONDS = 1.0
"""How often the log is told how far its subscriber is; the subscriber does not depend on it."""


class FromLog:
    """The transport of a subscriber that can open the log.

    ``name`` is how the log lists the subscriber among its subscriptions, with its lag.
    """

    def __init__(self, log: EventLog, name: str) -> None:
        self._log, self._name = log, name
        self._subscription: Subscription | None = None
        self._open = contextlib.ExitStack()
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._reached = self._handled = self._told = 0
        self._told_at = 0.0

    def open(self, marks: Marks) -> Marks:
        """Begin after the last event that was handled; the log is one partition."""
        if len(marks) > 1:
            raise OtherModel(
                f"the model was fed from a topic of {len(marks)} partitions, which are not equally "
                "far; call reset(), and it is made anew from the log"
            )
        mark = next(iter(marks.values()), Mark())
        self._check(mark)
        subscription = self._log.subscribe(self._name, explicit=True)
        self._open.enter_context(subscription)
        subscription.reset(mark.sequence + 1)
        self._subscription = subscription
        self._reached = self._handled = self._told = mark.sequence
        return {0: mark}

    def _check(self, mark: Mark) -> None:
        if mark.sequence == 0:
            return
        found = next(self._log.read(after=mark.sequence - 1, limit=1), None)
        if found is None or found.event_id != mark.event_id:
            raise OtherModel(
                f"sequence {mark.sequence} is another event than the one that the model has, or"
                " is missing: this is another log, or it was restored; call reset(), and the model"
                " is made anew"
            )

    def read(self, most: int, timeout: float) -> Sequence[Delivered]:
        """The next events; what was read before is handled by now."""
        if self._subscription is None:
            raise SubscriberError(f"{self._name} is not open; a Subscriber opens it")
        self._handled = self._reached
        if self._batches is None or time.monotonic() - self._told_at > TOLD_SECONDS:
            self._tell()
        if self._batches is None:
            self._batches = self._subscription.batches(most, timeout)
        batch = next(self._batches, None)
        if batch is None:
            self._batches = None
            return ()
        read = [
            Delivered(0, Mark(message.sequence, message.event_id), message if known else None)
            for message, known in messages(batch, self._log.registry)
        ]
        self._reached = read[-1].mark.sequence
        return read

    def newest(self, message: Message) -> Message:
        """A message of an earlier program in the form that this one knows."""
        return newest(message, self._log.registry)

    def behind(self, marks: Marks) -> int:
        """The events between the mark and the log's head."""
        return self._log.head - max((mark.sequence for mark in marks.values()), default=0)

    def stop(self) -> None:
        """End a ``read`` that waits."""
        if self._subscription is not None:
            self._subscription.stop()

    def close(self) -> None:
        """Let the log know how far the subscriber came, and release its name there."""
        self._batches = None
        self._tell()
        self._open.close()
        self._subscription = None

    def _tell(self) -> None:
        if self._subscription is not None and self._handled > self._told:
            self._subscription.acknowledge(self._handled)
            self._told = self._handled
        self._told_at = time.monotonic()
