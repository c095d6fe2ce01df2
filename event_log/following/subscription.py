"""Subscriptions: read a log in order from a checkpoint, then follow it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from event_log.errors import EventLogError
from event_log.event import Event
from event_log.files import as_events
from event_log.files.selection import BATCH_EVENTS
from event_log.following import checkpoint
from event_log.following.progress import InvalidSubscription, Log, Progress
from event_log.following.watch import Watch
from event_log.locks import Holder, Lock, LockHeld
from event_log.storage.disk import fsync

LOCK = ".lock"
"""How the name of a subscription's lock file ends."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
RENEWED_SECONDS = 60.0
"""After this long a new scan begins, so that no file is needed long after it was sealed."""
WINDOW = 1_000_000
"""Sequences scanned at a time, so that the checkpoint moves also past unwanted categories."""
GATHERED_SECONDS = 0.05
"""The longest that a batch is filled: opening a thousand small commits takes long."""


class SubscriptionHeld(EventLogError):
    """Another process holds the subscription. ``holder`` names it; None when it has just begun."""

    def __init__(self, name: str, held: LockHeld) -> None:
        super().__init__(
            f"subscription {name!r} is held by {held.who}; stop that one, or take another name"
        )
        self.name = name
        self.holder: Holder | None = held.holder


class Subscription:
    """The events of a log that one name has not handled yet, in order, then new events.

    ``with`` holds the subscription; meanwhile no other process can hold the same name. Each event
    is delivered at least once, also when a process is killed. The checkpoint moves past an event
    when the loop asks for the next one. It is written before the loop waits, five times a second
    while it does not wait, and when the ``with`` ends. So an event is delivered again if its
    handling failed or ended by ``break``; after a kill, so are those of the last fifth of a second.
    An event that is delivered survives power loss.

    ``categories`` limits the events to those categories. ``from_`` is used while the name has no
    checkpoint: "start", "now" (the moment of ``with``), or the sequence of the first event. With
    ``explicit`` only ``acknowledge`` moves the checkpoint.

    Only ``stop`` and ``acknowledge`` may be called from other threads.

    >>> import tempfile, pyarrow as pa
    >>> from event_log import Category, Effect, EventLog, EventType, NewEvent
    >>> from event_log.following.watch import watch
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> _ = log.append([NewEvent("tag/whales", "TagDefined", {"name": "Whales"})])
    >>> with Subscription(log, log.path / "subscriptions", "mail", watch(None)) as subscription:
    ...     for event in subscription.events(timeout=0):
    ...         print(event.sequence, event.data["name"])
    1 Whales
    """

    def __init__(
        self,
        log: Log,
        folder: Path,
        name: str,
        watch: Watch,
        categories: Sequence[str] | None = None,
        from_: int | str = "start",
        explicit: bool = False,
    ) -> None:
        if not NAME.fullmatch(name):
            raise InvalidSubscription(
                f"{name!r} is no name: give 1 to 100 letters, digits, '-' or '_'"
            )
        there = ", ".join(log.registry)
        if categories is not None and not categories:
            raise InvalidSubscription(
                f"the list of categories is empty; leave it out, or choose from {there}"
            )
        for category in categories or ():
            if category not in log.registry:
                raise InvalidSubscription(f"there is no category {category!r}, but {there}")
        self.name = name
        self.categories = None if categories is None else tuple(sorted(set(categories)))
        self._log, self._folder, self._watch, self._from = log, folder, watch, from_
        self._lock = Lock(folder / f"{name}{LOCK}")
        path = folder / f"{name}{checkpoint.SUFFIX}"
        self._progress = Progress(log, path, self.categories, explicit)
        self._open, self._armed = contextlib.ExitStack(), False
        self._delivered_at = 0.0

    def __enter__(self) -> Subscription:
        checkpoint.make_folder(self._folder)
        try:
            self._lock.take()
        except LockHeld as error:
            raise SubscriptionHeld(self.name, error) from None
        self._open.callback(self._lock.release)
        try:
            self._progress.begin(self._from)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._open:
            self._armed = False
            if self._lock.held:
                self._progress.write()

    # reading

    def __iter__(self) -> Iterator[Event]:
        return self.events()

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Yield the events one by one, until stopped, or without one for ``timeout`` seconds.

        With a timeout of 0 the iterator ends at the log's head.
        """
        progress = self._progress
        for batch in self._following(None, BATCH_EVENTS, timeout):
            resets = progress.resets
            for event in as_events.events(batch):
                progress.delivered = event.sequence
                yield event
                if progress.resets != resets:
                    break
                progress.advance()
                if self._watch.stopped:
                    return

    def batches(
        self,
        max_events: int = BATCH_EVENTS,
        timeout: float | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the events as Arrow batches of at most ``max_events``; ends like ``events``.

        Batches are full while there is more to read, unless reading is slow. ``columns`` are those
        of ``Snapshot.scan``.
        """
        if max_events < 1:
            raise InvalidSubscription(f"max_events is {max_events}; give 1 or more")
        progress = self._progress
        wanted = None if columns is None else [*dict.fromkeys(["sequence", *columns])]
        for batch in self._following(wanted, max_events, timeout):
            resets, progress.delivered = progress.resets, _last(batch)
            yield batch if columns is None else batch.select(list(columns))
            if progress.resets == resets:
                progress.advance()

    def _following(
        self, columns: Sequence[str] | None, most: int, timeout: float | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the events after the checkpoint, then new ones, until stopped or out of time."""
        self._check_held()
        self._progress.check()
        position, self._delivered_at = self._progress.handled, time.monotonic()
        while not self._watch.stopped:
            until = min(self._log.head, position + WINDOW)
            if until > position:
                self._watch.shorten_pause()
                position = yield from self._window(position, until, columns, most)
                continue
            self._progress.write()
            left = None if timeout is None else self._delivered_at + timeout - time.monotonic()
            if left is not None and left <= 0:
                return
            if self._armed:
                self._watch.wait(left)
            else:  # look again before the first wait
                self._open.enter_context(self._watch)
                self._armed = True
        self._progress.write()

    def _window(
        self, after: int, until: int, columns: Sequence[str] | None, most: int
    ) -> Generator[pa.RecordBatch, None, int]:
        """Yield the wanted events of a range; return the sequence that it reached."""
        self._make_durable()
        began, resets = time.monotonic(), self._progress.resets
        scanned = self._log.at(until).scan(columns, after, self.categories)
        for batch in _sized(scanned, most):
            yield batch
            self._check_held()
            self._delivered_at = time.monotonic()
            if self._progress.resets != resets:
                return self._progress.handled
            if self._watch.stopped or self._delivered_at - began > RENEWED_SECONDS:
                return _last(batch)
        self._progress.passed(until)
        return until

    def _make_durable(self) -> None:
        """Make the events to deliver durable: their writer may not have come to that yet."""
        if self._watch.folder is not None:
            try:
                fsync(self._watch.folder)
            except OSError as error:
                raise checkpoint.refused(f"cannot sync {self._watch.folder}", error) from error

    # the checkpoint

    @property
    def checkpoint(self) -> int:
        """The sequence through which everything is handled."""
        return self._progress.handled

    @property
    def lag(self) -> int:
        """The number of events after the checkpoint, of all categories."""
        return self._log.head - self._progress.handled

    def acknowledge(self, sequence: int) -> None:
        """Set everything up to a sequence as handled, and write the checkpoint.

        A lower sequence than before changes nothing. Raises ``InvalidSubscription`` for a sequence
        that was not delivered yet.
        """
        self._check_held()
        self._progress.check()
        self._progress.acknowledge(sequence)

    def reset(self, to: int | str = "start") -> None:
        """Move the checkpoint to before a sequence, "start" or "now", and write it.

        A loop that is running goes on from there.
        """
        self._check_held()
        self._progress.set(to)

    def stop(self) -> None:
        """End the loop: at once if it waits, else after the current event or batch.

        May be called from another thread or a signal handler. A stopped subscription stays stopped.
        """
        self._watch.stop()

    def _check_held(self) -> None:
        if not self._lock.held:
            raise InvalidSubscription(
                f"subscription {self.name!r} is not held by this process: "
                "use it within ``with ... as subscription``"
            )


def _last(batch: pa.RecordBatch) -> int:
    sequence: int = batch.column("sequence")[-1].as_py()
    return sequence


def _sized(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    """Yield the events in batches of ``most``; smaller at the end and when reading is slow."""
    waiting: list[pa.RecordBatch] = []
    count, began = 0, time.monotonic()
    for batch in batches:
        while count + len(batch) >= most:
            cut = most - count
            yield pa.concat_batches([*waiting, batch.slice(0, cut)])
            waiting, count, batch = [], 0, batch.slice(cut)
            began = time.monotonic()
        if len(batch):
            waiting.append(batch)
            count += len(batch)
            if time.monotonic() - began > GATHERED_SECONDS:
                yield pa.concat_batches(waiting)
                waiting, count, began = [], 0, time.monotonic()
    if waiting:
        yield pa.concat_batches(waiting)
