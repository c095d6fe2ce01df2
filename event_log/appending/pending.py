"""Pending: one append that waits for its commit, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from event_log.checking.batch import Batch, Line
from event_log.event import Receipt


class Pending:
    """A batch on its way into the log, with what must hold for it.

    ``producer`` is a name and the position that it reaches with these events, ``after`` the
    position at which it must be before them, if that matters.
    """

    def __init__(
        self,
        batch: Batch,
        expected: Mapping[str, int],
        producer: tuple[str, int] | None = None,
        after: int | None = None,
    ) -> None:
        self.batch = batch
        self.expected = expected
        self.producer = producer
        self.after = after
        self.ids = batch.ids_to_look_up()
        self.alone = producer is not None or batch.lines is None
        """Whether it has a commit of its own: it is large, or a producer's."""
        self.known: Mapping[str, int] = {}
        self.receipt: Receipt | None = None
        self.error: BaseException | None = None
        self._fresh: pa.Table | None = None
        self._turn = threading.Lock()
        self._turn.acquire()

    @property
    def done(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self.receipt is not None or self.error is not None

    def outcome(self) -> Receipt:
        """The receipt, or raises what went wrong."""
        if self.error is not None:
            raise self.error
        return cast("Receipt", self.receipt)

    def wait(self) -> None:
        """Until it is done, or its turn to lead."""
        self._turn.acquire()

    def wake(self) -> None:
        """End its waiting."""
        self._turn.release()

    @property
    def lines(self) -> list[Line] | None:
        """Its fresh events while they are few and not columns yet."""
        return self.batch.lines if self._fresh is None else None

    def table(self) -> pa.Table:
        """Its fresh events as columns."""
        return self.batch.table() if self._fresh is None else self._fresh

    @property
    def events(self) -> int:
        """How many fresh events it has."""
        return len(self.batch) if self._fresh is None else len(self._fresh)

    def fresh_streams(self) -> list[str]:
        """The stream of each of its fresh events."""
        if self.lines is not None:
            return [envelope[1] for envelope, _ in self.lines]
        streams: list[str] = self.table().column("stream").to_pylist()
        return streams

    def all_streams(self) -> Collection[str] | pa.Array:
        """The streams of its events, and those whose versions it expects."""
        if not self.alone:
            return {*self.fresh_streams(), *self.expected}
        streams = self.table().column("stream").unique()
        return pa.concat_arrays([streams, pa.array([*self.expected], streams.type)])

    def leave_out(self, known: Mapping[str, int]) -> None:
        """Leave out events that the log has, by their ids."""
        self.known = known
        if known:
            table = self.batch.table()
            ids = pa.array([*known], pa.string())
            self._fresh = table.filter(pc.invert(pc.is_in(table.column("event_id"), ids)))
