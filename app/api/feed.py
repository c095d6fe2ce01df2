"""The log as CloudEvents for any number of clients: read and written as JSON once for all of them.

One thread of the process waits for the log to grow while anybody listens. It reads what is new,
keeps the latest events as JSON, and wakes all who wait. Who goes on from an earlier sequence is
given pages of the log, which clients at the same place share.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from app.web.work import Work
from connectors import cloud_events, source_of

if TYPE_CHECKING:
    import pyarrow as pa

    from app.web.site import Site

BATCH = 100
"""Events that are read at a time."""
KEPT_BYTES = 16_000_000
"""The size of the latest events that are kept as JSON."""
BLOCK = 2_000
"""Events that are read of the log at once, as pages: to begin reading costs as much as 1,000."""
BLOCK_BYTES = 2_000_000
"""The size of the pages at which a block ends before."""
READ_SECONDS = 30.0
"""The longest that a client waits for a page of the log."""
KEPT_PAGES_BYTES = 16_000_000
"""The size of the pages that are kept for others at the same place, as JSON."""
WATCH_SECONDS = 1.0
"""How often the watching thread sees whether anybody still listens."""
DATA, END = b"\ndata: ", b"\n\n"
log = logging.getLogger("stet.feed")


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it is sent."""

    sequence: int
    stream: str
    category: str
    type: str
    frame: bytes
    """As a server-sent event; all who listen are sent the same bytes."""

    @property
    def json(self) -> bytes:
        """As JSON."""
        return self.frame[self.frame.index(DATA) + len(DATA) : -len(END)]


class Feed:
    """Events as JSON, in order, and the waiting for more of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # One thread of its own: who reads the log from its beginning takes no thread from the
        # pages, and the memory of one row group at a time.
        self._work = Work(1, READ_SECONDS)
        self._lock = threading.Lock()
        self._latest: deque[Entry] = deque()
        self._bytes = 0
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._pages_bytes = 0
        self._reading: dict[tuple[asyncio.AbstractEventLoop, int], asyncio.Task[list[Entry]]] = {}
        self._waiting: dict[asyncio.AbstractEventLoop, set[asyncio.Future[None]]] = {}
        self._head = 0
        self._watching = False

    def close(self) -> None:
        """Begin to read no page any more."""
        self._work.close()

    async def head(self) -> int:
        """The last sequence of the log."""
        return await self._site.work.run(lambda: self._site.archive.log.head)

    async def after(self, sequence: int) -> Sequence[Entry]:
        """The next events after a sequence, at most ``BATCH``; none where the log ends."""
        with self._lock:
            if self._watching and sequence >= self._head:
                return ()
            begin = sequence + 1 - self._latest[0].sequence if self._latest else -1
            if 0 <= begin < len(self._latest):
                return [*islice(self._latest, begin, begin + BATCH)]
        return await self._page(sequence)

    async def wait(self, sequence: int, timeout: float) -> None:
        """Wait until the log may have an event after a sequence, or the time is up: then look."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._watching and self._head > sequence:
                return
            self._waiting.setdefault(loop, set()).add(woken)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="feed", daemon=True).start()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(woken, timeout)
        finally:
            with self._lock:
                self._leave(loop, woken)

    def _leave(self, loop: asyncio.AbstractEventLoop, woken: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(loop, set())
        waiting.discard(woken)
        if not waiting:
            self._waiting.pop(loop, None)

    async def _page(self, sequence: int) -> Sequence[Entry]:
        """A page of the log; clients at the same place read it together."""
        with self._lock:
            page = self._pages.get(sequence)
            if page is not None:
                self._pages.move_to_end(sequence)
                return page
        place = asyncio.get_running_loop(), sequence
        task = self._reading.get(place)
        if task is None:
            task = asyncio.create_task(self._work.run(self._read, sequence))
            self._reading[place] = task
            task.add_done_callback(lambda _: self._reading.pop(place, None))
        return await asyncio.shield(task)

    def _read(self, sequence: int) -> list[Entry]:
        """Read a block of the log, keep its pages, and return the first."""
        first: list[Entry] = []
        count = size = 0
        for page in self._pages_after(sequence):
            first = first or page
            if len(page) < BATCH:  # the log may grow there
                break
            self._keep_page(page)
            count += len(page)
            size += _size(page)
            if count >= BLOCK or size > BLOCK_BYTES:
                break
        return first

    def _keep_page(self, page: list[Entry]) -> None:
        with self._lock:
            before = page[0].sequence - 1
            if before in self._pages:
                return
            self._pages[before] = page
            self._pages_bytes += _size(page)
            while self._pages_bytes > KEPT_PAGES_BYTES and len(self._pages) > 1:
                _, left = self._pages.popitem(last=False)
                self._pages_bytes -= _size(left)

    def _pages_after(self, sequence: int) -> Iterator[list[Entry]]:
        """Yield the events after a sequence in pages of ``BATCH``; the last may be shorter."""
        page: list[Entry] = []
        source = source_of(self._site.options.site_url)
        for batch in self._site.archive.log.scan(after=sequence):
            while len(batch):
                wanted = BATCH - len(page)
                page += _entries(batch.slice(0, wanted), source)
                batch = batch.slice(wanted)
                if len(page) == BATCH:
                    yield page
                    page = []
        if page:
            yield page

    def _watch(self) -> None:
        """Wait for the log to grow while anybody waits; then end."""
        idle = False
        self._pass_on([], self._site.archive.log.head)
        while True:
            try:
                self._watch_once()
            except Exception:
                log.exception("the log cannot be followed; it is tried again")
                time.sleep(WATCH_SECONDS)
            with self._lock:
                if idle and not self._waiting:
                    self._watching = False
                    return
                idle = not self._waiting

    def _watch_once(self) -> None:
        """Wait a while for events, and pass on what there is."""
        from event_log import NotReached

        events = self._site.archive.log
        with suppress(NotReached):
            events.wait(self._head + 1, WATCH_SECONDS)
        new = next(self._pages_after(self._head), [])
        if new:
            self._pass_on(new, new[-1].sequence)

    def _pass_on(self, new: Sequence[Entry], head: int) -> None:
        """Keep new events up to the head, and wake all who wait."""
        with self._lock:
            if head - len(new) != self._head:  # others were appended while nobody listened
                self._latest.clear()
                self._bytes = 0
            self._keep(new)
            self._head = head
            waiting = [(loop, [*futures]) for loop, futures in self._waiting.items()]
        for loop, futures in waiting:
            with suppress(RuntimeError):  # a loop that was closed has nobody to wake
                loop.call_soon_threadsafe(_wake, futures)

    def _keep(self, new: Sequence[Entry]) -> None:
        self._latest.extend(new)
        self._bytes += _size(new)
        while self._bytes > KEPT_BYTES and len(self._latest) > 1:
            self._bytes -= len(self._latest.popleft().frame)


def _wake(futures: Sequence[asyncio.Future[None]]) -> None:
    for woken in futures:
        if not woken.done():
            woken.set_result(None)


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.frame) for entry in entries)


def _entries(batch: pa.RecordBatch, source: str) -> list[Entry]:
    columns = (batch.column(n).to_pylist() for n in ("sequence", "stream", "category", "type"))
    return [
        Entry(sequence, stream, category, type, b"id: %d" % sequence + DATA + told + END)
        for sequence, stream, category, type, told in zip(
            *columns, cloud_events(batch, source), strict=True
        )
    ]
