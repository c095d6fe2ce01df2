"""Pending appends: one append that waits for its commit, and its outcome."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from event_log.checking.batch import Batch, Line
from event_log.event import Receipt


class Pending:
    """A batch to append, with its conditions and its outcome.

    ``positions`` are those that producers reach with these events, by name. ``after`` has the
    positions that producers must be at before them.
    """

    def __init__(
        self,
        batch: Batch,
        expected: Mapping[str, int],
        positions: Mapping[str, int] | None = None,
        after: Mapping[str, int] | None = None,
    ) -> None:
        self.batch = batch
        self.expected = expected
        self.positions = positions or {}
        self.after = after or {}
        self.ids = batch.ids_to_look_up()
        self.alone = bool(self.producers) or batch.lines is None
        """Whether it has a commit of its own, because it is large or a producer's."""
        self.known: Mapping[str, int] = {}
        self.receipt: Receipt | None = None
        self.error: BaseException | None = None
        self._fresh: pa.Table | None = None
        self._turn = threading.Lock()
        self._turn.acquire()

    @property
    def producers(self) -> list[str]:
        """The names of its producers, also of those whose position is only compared."""
        return [*{**self.positions, **self.after}]

    @property
    def done(self) -> bool:
        """Whether it has a receipt or an error."""
        return self.receipt is not None or self.error is not None

    def outcome(self) -> Receipt:
        """Return the receipt, or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("Receipt", self.receipt)

    def wait(self) -> None:
        """Block until it is done, or is to lead."""
        self._turn.acquire()

    def wake(self) -> None:
        """End the wait of its thread."""
        self._turn.release()

    @property
    def lines(self) -> list[Line] | None:
        """Its new events as Python objects; None once they are columns."""
        return self.batch.lines if self._fresh is None else None

    def table(self) -> pa.Table:
        """Return its new events as columns."""
        return self.batch.table() if self._fresh is None else self._fresh

    @property
    def events(self) -> int:
        """The number of its new events."""
        return len(self.batch) if self._fresh is None else len(self._fresh)

    def fresh_streams(self) -> list[str]:
        """Return the stream of each new event."""
        if self.lines is not None:
            return [envelope[1] for envelope, _ in self.lines]
        streams: list[str] = self.table().column("stream").to_pylist()
        return streams

    def all_streams(self) -> Collection[str] | pa.Array:
        """Return the streams of its events, and those with an expected version."""
        if not self.alone:
            return {*self.fresh_streams(), *self.expected}
        streams = self.table().column("stream").unique()
        return pa.concat_arrays([streams, pa.array([*self.expected], streams.type)])

    def leave_out(self, known: Mapping[str, int]) -> None:
        """Drop the events whose ids are already in the log."""
        self.known = known
        if known:
            table = self.batch.table()
            ids = pa.array([*known], pa.string())
            self._fresh = table.filter(pc.invert(pc.is_in(table.column("event_id"), ids)))
