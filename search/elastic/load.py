"""Loading a cluster: documents as bytes, several requests in flight, whatever happens meanwhile.

DuckDB writes each document's two lines of a bulk request; the text column that it gives *is* the
request's body, cut where documents end: no document becomes a Python object on the way. How large
a request is best is found by doubling. What a busy or absent cluster did not take is sent again
until it is taken; sending twice changes nothing, because each document has its version. What it
will never take, one document that it cannot index, is set aside with the reason.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from search.elastic.cluster import LINES, Cluster, Reply
from search.elastic.patience import Patience
from search.errors import ClusterAway, ClusterCrowded

IN_FLIGHT = 4
"""Requests under way at once: more did not make a node of two cores faster."""
SMALLEST = 500_000
LARGEST = 15_000_000
"""Bytes of a request. Elasticsearch's own advice is to stay below some tens of megabytes."""
WINDOW = 8
"""Requests by which the rate of a size is judged."""
FASTER = 1.05
ANSWERED = "errors,items.*.status,items.*.error"
ALREADY_THERE = 409
PASSES = frozenset({429, 500, 502, 503, 504})
"""What an item's status says that may pass: it is sent again."""
GONE = re.compile(r"index_not_found|index_closed|cluster_block|security_exception")
"""What stops the whole load, whichever document it was told for."""

Rejected = Callable[[bytes, bytes, str], None]
"""Is told an action line, a document and a reason."""


def lines(source: str, version: str = "sequence") -> str:
    """The query that makes of ``id``, ``sequence`` and ``source`` the lines of a bulk request.

    A document's version is its own sequence, or what else is said in SQL.
    """
    return (
        f'SELECT concat(\'{{"index":{{"_id":\', to_json(id), \',"version":\', {version},'
        f" ',\"version_type\":\"external\"}}}}\n', source, '\n') AS lines FROM ({source})"
    )


def deletions(keys: Sequence[str], version: int) -> pa.Table:
    """The lines that delete documents, as of a sequence."""
    about = {"version": version, "version_type": "external"}
    said = [orjson.dumps({"delete": {"_id": key, **about}}).decode() + "\n" for key in keys]
    return pa.table({"lines": pa.array(said, pa.string())})


@dataclass(frozen=True)
class Batch:
    """The body of a bulk request, and how many documents it has."""

    body: bytes
    documents: int


@dataclass
class Size:
    """How many bytes a request has: doubled until the rate no longer grows."""

    bytes: int = SMALLEST
    settled: bool = False
    _best: tuple[float, int] = (0.0, SMALLEST)
    _since: float = field(default_factory=lambda: time.perf_counter())
    _taken: list[int] = field(default_factory=list)

    def taken(self, size: int) -> None:
        """A request of that many bytes was taken."""
        if self.settled:
            return
        if size < 0.5 * self.bytes:  # from before the last doubling, or the last of a file
            self._since, self._taken = time.perf_counter(), []
            return
        self._taken.append(size)
        if len(self._taken) < WINDOW:
            return
        now = time.perf_counter()
        rate = sum(self._taken) / max(now - self._since, 1e-9)
        self._since, self._taken = now, []
        if rate < FASTER * self._best[0]:
            self.bytes, self.settled = self._best[1], True
        else:
            self._best = rate, self.bytes
            self.settled = self.bytes == LARGEST
            self.bytes = min(2 * self.bytes, LARGEST)

    def shrink(self, to: int) -> None:
        """So much was too much: smaller requests from now on."""
        self.bytes, self.settled = max(SMALLEST // 4, min(self.bytes, to)), True


def batches(tables: Iterator[pa.Table], size: Size) -> Iterator[Batch]:
    """The lines of some tables as bodies of about the wanted size; a large document goes alone."""
    pieces: list[memoryview] = []
    held = documents = 0
    for table in tables:
        for ends, text in _texts(table.column("lines")):
            first = 0
            while first < len(ends) - 1:
                room = ends[first] + max(size.bytes - held, 0)
                last = min(bisect_right(ends, room) - 1, len(ends) - 1)
                if last <= first and not held:
                    last = first + 1
                if last > first:
                    pieces.append(text[ends[first] : ends[last]])
                    held, documents = held + ends[last] - ends[first], documents + last - first
                if last < len(ends) - 1:
                    yield Batch(b"".join(pieces), documents)
                    pieces, held, documents = [], 0, 0
                first = max(first, last)
    if documents:
        yield Batch(b"".join(pieces), documents)


def _texts(column: pa.ChunkedArray) -> Iterator[tuple[Sequence[int], memoryview]]:
    """The bytes of a column of text, and where each text begins and the last one ends."""
    for chunk in column.chunks:
        array = chunk.cast(pa.large_string())
        _, offsets, data = array.buffers()
        ends = memoryview(offsets).cast("q")[array.offset : array.offset + len(array) + 1]
        if len(array):
            yield ends, memoryview(data)


class Loader:
    """Sends batches to one index of a cluster."""

    def __init__(
        self, cluster: Cluster, target: str, patience: Patience, rejected: Rejected
    ) -> None:
        # The target is an alias that only the index being built has: an index that somebody
        # deleted is then missed, and not made anew without its mappings.
        self._path = f"/{target}/_bulk?require_alias=true&filter_path={ANSWERED}"
        self._cluster = cluster
        self._patience = patience
        self._rejected = rejected

    def load(
        self,
        tables: Iterator[pa.Table],
        progress: Callable[[int], None],
        in_flight: int = IN_FLIGHT,
    ) -> int:
        """Send it all, and say how many documents there were, those set aside included.

        Returns when everything is taken. On an exception, such as an interruption, nothing more is
        sent, and what is under way is not waited for.
        """
        size = Size()
        done = 0
        pool = ThreadPoolExecutor(in_flight, thread_name_prefix="loading")
        running: set[Future[Batch]] = set()
        try:
            for batch in batches(tables, size):
                running.add(pool.submit(self._send, batch, size))
                if len(running) >= in_flight:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    done += _settle(ended, size)
                    progress(done)
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                done += _settle(ended, size)
                progress(done)
        except BaseException:
            self._patience.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return done

    def _send(self, batch: Batch, size: Size) -> Batch:
        self._send_all(batch.body, size)
        return batch

    def _send_all(self, body: bytes, size: Size | None = None) -> None:
        """Send lines until each of their documents is taken or set aside.

        What is too much at once is sent in halves from then on: a node takes a request only if it
        has room for all of it.
        """
        parts = [body]

        def some() -> None:
            while parts:
                try:
                    rest, busy = self._sent(parts[0])
                except ClusterCrowded:
                    parts[:1] = _halves(parts[0])
                    if size:
                        size.shrink(len(body) // 2)
                    raise
                parts[:1] = [rest] if rest else []
                if busy is not None:
                    raise busy

        self._patience.tried(some)

    def _sent(self, body: bytes) -> tuple[bytes, ClusterAway | None]:
        """Send lines once; returns those that have to be sent again, and why."""
        reply = self._cluster.send("POST", self._path, body, kind=LINES)
        if reply.status in (400, 413):
            return self._halved(body, reply), None
        self._cluster.check(reply)
        if b'"errors":true' not in reply.body[:40]:
            return b"", None
        again: list[bytes] = []
        busy: ClusterAway | None = None
        answers = orjson.loads(reply.body)["items"]
        for lines_of_it, answer in zip(_documents(body), answers, strict=True):
            ((_, told),) = answer.items()
            if failure := self._settled(*lines_of_it, told):
                busy = failure
                again += lines_of_it
        return b"".join(again), busy

    def _settled(self, action: bytes, document: bytes, told: dict[str, Any]) -> ClusterAway | None:
        """What a document's answer means: nothing more to do, set aside, or why to try again."""
        status = int(told["status"])
        error = told.get("error")
        if error is None or status == ALREADY_THERE:
            return None
        failure = self._cluster.failure(status, error)
        if isinstance(failure, ClusterAway):
            return failure
        if GONE.search(str(error.get("type"))):
            raise failure
        if status in PASSES:
            return ClusterAway(str(failure))
        self._rejected(action, document, f"{error.get('type')}: {_told(error)}")
        return None

    def _halved(self, body: bytes, reply: Reply) -> bytes:
        """A request that is refused as a whole: cut until the document is alone that it is for."""
        found = list(_documents(body))
        if len(found) == 1:
            said = orjson.loads(reply.body) if reply.body[:1] == b"{" else {}
            error = said.get("error")
            reason = _told(error) if isinstance(error, dict) else ""
            told = reason or "the document is too large for a request"
            self._rejected(*found[0], f"{reply.status}: {told}")
            return b""
        for part in _halves(body):
            self._send_all(part)
        return b""


def _halves(body: bytes) -> list[bytes]:
    """Lines in two parts of as many documents; in one if there is one."""
    found = list(_documents(body))
    middle = len(found) // 2
    parts = (found[:middle], found[middle:])
    return [b"".join(line for pair in part for line in pair) for part in parts if part]


def _documents(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The action line of each document, and its document, empty for a deletion."""
    found = iter(body.splitlines(keepends=True))
    for action in found:
        yield action, b"" if action.startswith(b'{"delete"') else next(found)


def _settle(ended: set[Future[Batch]], size: Size) -> int:
    done = 0
    for future in ended:
        batch = future.result()
        size.taken(len(batch.body))
        done += batch.documents
    return done


def _told(error: dict[str, Any]) -> str:
    cause = error.get("caused_by") or {}
    said = [str(error.get("reason") or ""), str(cause.get("reason") or "")]
    return " ".join(" ".join(part for part in said if part).split())
