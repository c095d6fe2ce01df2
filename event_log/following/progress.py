"""Progress: how far a subscription's events were delivered and handled, and its checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from event_log.errors import EventLogError, InvalidPoint
from event_log.following import checkpoint
from event_log.following.checkpoint import Checkpoint, InvalidCheckpoint
from event_log.snapshot import Snapshot

WRITTEN_SECONDS = 0.2
"""How often the checkpoint is written while there are events to deliver."""
FIRST_SECONDS = 0.005
"""How soon it is written again at first; the time doubles each time. So a process that is killed
soon after every start still makes progress."""


class InvalidSubscription(EventLogError, ValueError):
    """A subscription's arguments, or the way it is used, are not valid."""


class Log(Protocol):
    """The part of a log that a subscription uses."""

    @property
    def head(self) -> int:
        """The last sequence in the log now."""

    @property
    def registry(self) -> Mapping[str, Any]:
        """The categories, by name."""

    def at(self, point: int) -> Snapshot:
        """Return a snapshot as of a sequence."""


class Progress:
    """The events 1 to ``handled`` are handled, and those up to ``delivered`` are delivered.

    One thread delivers events. ``resets`` counts the resets. With ``explicit`` only ``acknowledge``
    makes an event handled.
    """

    def __init__(
        self, log: Log, path: Path, categories: tuple[str, ...] | None, explicit: bool
    ) -> None:
        self.handled = self.delivered = self.resets = 0
        self._log, self._path, self._categories = log, path, categories
        self._explicit = explicit
        self._written, self._written_at, self._pause = -1, 0.0, 0.0
        self._lock = threading.Lock()
        self._problem: InvalidCheckpoint | None = None

    def begin(self, from_: int | str) -> None:
        """Begin after the checkpoint; without one, write a checkpoint at a point."""
        self._problem = None
        try:
            stored = checkpoint.read(self._path)
            if stored is None:
                self.set(from_)
                return
            self.handled = self.delivered = self._written = stored.sequence
            self._check_fits(stored)
        except InvalidCheckpoint as error:  # raised when it is next read; a reset repairs it
            self._problem = error

    def check(self) -> None:
        """Raise ``InvalidCheckpoint`` if the checkpoint cannot be used."""
        if self._problem is not None:
            raise self._problem

    def set(self, point: int | str) -> None:
        """Move the checkpoint to before a sequence, "start" or "now"."""
        sequence = before(point, self._log.head)
        with self._lock:
            self.handled = self.delivered = sequence
            self._written, self._problem = -1, None
            self.resets += 1
        self.write()

    def acknowledge(self, sequence: int) -> None:
        """Set everything up to a sequence as handled; it must have been delivered."""
        with self._lock:
            if sequence > self.delivered:
                raise InvalidSubscription(
                    f"sequence {sequence} was not delivered yet; the last one was {self.delivered}"
                )
            self.handled = max(self.handled, sequence)
        self.write()

    def advance(self) -> None:
        """Set the last event delivered as handled, unless that is explicit."""
        if not self._explicit:
            self.handled = self.delivered
            if time.monotonic() - self._written_at >= self._pause:
                self.write()
                self._pause = min(2 * self._pause or FIRST_SECONDS, WRITTEN_SECONDS)

    def passed(self, sequence: int) -> None:
        """Set that no event up to this sequence is left to deliver."""
        with self._lock:
            if self.handled == self.delivered:
                self.handled = self.delivered = sequence

    def write(self) -> None:
        """Write the checkpoint to disk, if it has moved."""
        with self._lock:
            if self._problem is None and self.handled != self._written:
                now = datetime.now(UTC).isoformat(timespec="microseconds")
                digest = self._log.at(self.handled).digest
                name = self._path.stem
                content = Checkpoint(name, self.handled, digest, now, self._categories)
                checkpoint.write(self._path, content)
                self._written = self.handled
            self._written_at = time.monotonic()

    def _check_fits(self, stored: Checkpoint) -> None:
        check_log(self._log, self._path, stored)
        at = f"{self._path}: the checkpoint is at sequence {stored.sequence}"
        seen = stored.categories
        if seen is not None and not set(self._categories or self._log.registry) <= set(seen):
            raise InvalidCheckpoint(
                f"{at} of {', '.join(seen)} alone, and events of other categories before it would "
                "be left out. Reset the subscription, or take another name."
            )


def check_log(log: Log, path: Path, stored: Checkpoint) -> None:
    """Raise ``InvalidCheckpoint`` if a checkpoint is not of this log."""
    at = f"{path}: the checkpoint is at sequence {stored.sequence}"
    head = log.head
    if stored.sequence > head:
        raise InvalidCheckpoint(
            f"{at}, but the log's head is {head}: it is another log, or restored to less. "
            "Reset the subscription."
        )
    if stored.sequence < 0 or log.at(stored.sequence).digest != stored.digest:
        raise InvalidCheckpoint(
            f"{at}, where the log has another digest: it is another log, or was restored and "
            "has grown differently since. Reset the subscription."
        )


def before(point: int | str, head: int) -> int:
    """Return the sequence before a point: "start", "now", or the next event's sequence.

    >>> before("start", head=9), before(4, head=9), before("now", head=9)
    (0, 3, 9)
    """
    if point == "start":
        return 0
    if point == "now":
        return head
    if isinstance(point, str) or not 1 <= point <= head + 1:
        raise InvalidPoint(
            f'there is no point {point!r} to begin at: give "start", "now" or a sequence from 1 '
            f"to {head + 1}"
        )
    return point - 1
