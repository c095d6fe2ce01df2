"""Progress: how far the events of a subscription were given and handled, kept in its checkpoint."""

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
"""How often the checkpoint is written while there are events to give."""
FIRST_SECONDS = 0.005
"""How soon it is written again at first, then twice as late each time: who is killed again and
again soon after the start comes on as well."""


class InvalidSubscription(EventLogError, ValueError):
    """A subscription was asked for, or used, in a way that there is not."""


class Log(Protocol):
    """What a subscription needs of a log."""

    @property
    def head(self) -> int:
        """The last sequence now."""

    @property
    def registry(self) -> Mapping[str, Any]:
        """The categories, by name."""

    def at(self, point: int) -> Snapshot:
        """The log as of a sequence."""


class Progress:
    """The events 1 to ``handled`` are handled, those to ``given`` are given; one thread gives.

    ``resets`` counts how often it was set anew. With ``explicit`` only ``acknowledge`` says that
    an event is handled.
    """

    def __init__(
        self, log: Log, path: Path, categories: tuple[str, ...] | None, explicit: bool
    ) -> None:
        self.handled = self.given = self.resets = 0
        self._log, self._path, self._categories = log, path, categories
        self._explicit = explicit
        self._written, self._written_at, self._pause = -1, 0.0, 0.0
        self._lock = threading.Lock()
        self._problem: InvalidCheckpoint | None = None

    def begin(self, from_: int | str) -> None:
        """Go on from the checkpoint, or from a point, which then is the checkpoint."""
        self._problem = None
        try:
            found = checkpoint.read(self._path)
            if found is None:
                self.set(from_)
                return
            self.handled = self.given = self._written = found.sequence
            self._check_fits(found)
        except InvalidCheckpoint as error:  # raised when it is read on; a reset mends it
            self._problem = error

    def check(self) -> None:
        """Raise ``InvalidCheckpoint`` if the checkpoint was not one to go on from."""
        if self._problem is not None:
            raise self._problem

    def set(self, point: int | str) -> None:
        """Let a sequence, "start" or "now" be the next to come."""
        sequence = before(point, self._log.head)
        with self._lock:
            self.handled = self.given = sequence
            self._written, self._problem = -1, None
            self.resets += 1
        self.write()

    def acknowledge(self, sequence: int) -> None:
        """Take it that all is handled up to a sequence, which must have been given."""
        with self._lock:
            if sequence > self.given:
                raise InvalidSubscription(
                    f"sequence {sequence} was not given yet; the last that was is {self.given}"
                )
            self.handled = max(self.handled, sequence)
        self.write()

    def asked_for_next(self) -> None:
        """What was given last is handled, unless that is said explicitly."""
        if not self._explicit:
            self.handled = self.given
            if time.monotonic() - self._written_at >= self._pause:
                self.write()
                self._pause = min(2 * self._pause or FIRST_SECONDS, WRITTEN_SECONDS)

    def passed(self, sequence: int) -> None:
        """Up to this sequence there is nothing more to give."""
        with self._lock:
            if self.handled == self.given:
                self.handled = self.given = sequence

    def write(self) -> None:
        """Bring the checkpoint on disk, if it moved."""
        with self._lock:
            if self._problem is None and self.handled != self._written:
                now = datetime.now(UTC).isoformat(timespec="microseconds")
                digest = self._log.at(self.handled).digest
                name = self._path.stem
                content = Checkpoint(name, self.handled, digest, now, self._categories)
                checkpoint.write(self._path, content)
                self._written = self.handled
            self._written_at = time.monotonic()

    def _check_fits(self, found: Checkpoint) -> None:
        at = f"{self._path}: the checkpoint is at sequence {found.sequence}"
        head = self._log.head
        if found.sequence > head:
            raise InvalidCheckpoint(
                f"{at}, but the log's head is {head}: it is another log, or restored to less. "
                "Reset the subscription."
            )
        if self._log.at(found.sequence).digest != found.digest:
            raise InvalidCheckpoint(
                f"{at}, where the log has another digest: it is another log, or was restored and "
                "has grown differently since. Reset the subscription."
            )
        seen = found.categories
        if seen is not None and not set(self._categories or self._log.registry) <= set(seen):
            raise InvalidCheckpoint(
                f"{at} of {', '.join(seen)} alone, and events of other categories before it would "
                "be left out. Reset the subscription, or take another name."
            )


def before(point: int | str, head: int) -> int:
    """The sequence before the first event to come: "start", "now", or that event's sequence.

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
