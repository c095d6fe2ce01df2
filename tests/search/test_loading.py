"""Batches, their size, and waiting: what a load is made of, without a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.elastic.load import LARGEST, SMALLEST, WINDOW, Size, batches
from search.elastic.patience import Patience, Stopped
from search.errors import ClusterAway

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def settled(size: int) -> Size:
    return Size(bytes=size, settled=True)


def tables(pieces: list[list[str]]) -> Iterator[pa.Table]:
    return (pa.table({"lines": pa.array(piece, pa.string())}) for piece in pieces)


@given(st.lists(st.lists(TEXT, max_size=20), max_size=8), st.integers(1, 200))
def test_batches_are_all_the_lines_in_order_cut_between_documents(
    pieces: list[list[str]], size: int
) -> None:
    found = list(batches(tables(pieces), settled(size)))
    lines = [line.encode() for piece in pieces for line in piece]
    assert b"".join(batch.body for batch in found) == b"".join(lines)
    assert sum(batch.documents for batch in found) == len(lines)
    assert all(len(batch.body) <= size or batch.documents == 1 for batch in found)


@given(st.lists(TEXT, min_size=1, max_size=30), st.integers(1, 200))
def test_a_batch_ends_only_when_the_next_document_has_no_room(lines: list[str], size: int) -> None:
    begun = 0
    for batch in batches(tables([lines]), settled(size)):
        begun += batch.documents
        if begun < len(lines):
            assert len(batch.body) + len(lines[begun].encode()) > size


def test_a_column_that_begins_in_the_middle_of_its_buffers_is_read_rightly() -> None:
    whole = pa.table({"lines": pa.array(["a\n", "bb\n", "ccc\n", "dddd\n"])})
    (batch,) = batches(iter([whole.slice(1, 2)]), settled(1000))
    assert (batch.body, batch.documents) == (b"bb\nccc\n", 2)


class Clock:
    """Time that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)


def feed(size: Size, clock: Clock, rate: float) -> None:
    """One window of requests of the wanted size, at so many bytes a second."""
    wanted = size.bytes
    for _ in range(WINDOW):
        clock.now += wanted / rate
        size.taken(wanted)


def test_the_size_doubles_until_the_rate_stops_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    size = Size()
    for rate in (1e6, 2e6, 3e6):
        feed(size, clock, rate)
        assert not size.settled
    assert size.bytes == 8 * SMALLEST
    feed(size, clock, 3.01e6)
    assert (size.bytes, size.settled) == (4 * SMALLEST, True)


def test_the_size_never_grows_beyond_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    size = Size()
    for step in range(20):
        feed(size, clock, 1e6 * 2**step)
    assert (size.bytes, size.settled) == (LARGEST, True)


def test_what_was_too_much_is_not_tried_again() -> None:
    size = Size(bytes=8_000_000)
    size.shrink(2_000_000)
    assert (size.bytes, size.settled) == (2_000_000, True)


def test_waiting_goes_on_until_the_cluster_is_back() -> None:
    answers = [ClusterAway("away"), ClusterAway("away")]
    told: list[str] = []

    def act() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert Patience(10, told.append).retry(act) == "done"
    assert len(told) == 2
    assert all(line.startswith("away; trying again, for ") for line in told)


def test_waiting_ends_when_the_time_is_over() -> None:
    def act() -> None:
        raise ClusterAway("away")

    began = time.monotonic()
    with pytest.raises(ClusterAway):
        Patience(0.5).retry(act)
    assert 0.4 < time.monotonic() - began < 5


def test_waiting_ends_at_once_when_it_is_stopped() -> None:
    def act() -> None:
        raise ClusterAway("away")

    patience = Patience(600)
    threading.Timer(0.3, patience.stop).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        patience.retry(act)
    assert time.monotonic() - began < 5
