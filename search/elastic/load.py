"""Loading a cluster by bulk requests, several in flight, with retries and dead letters.

DuckDB makes the two lines of a bulk request for each document. Its text column is the request's
body, cut where documents end: no document becomes a Python object. The best size of a request is
found by doubling. What a busy or absent cluster did not accept is sent again until it does; sending
twice changes nothing, because each document has a version. A document that the cluster cannot index
becomes a dead letter with the reason.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from search.dead_letters import MOST, DeadLetters, Letter
from search.elastic.cluster import LINES, Cluster, Reply
from search.elastic.patience import Patience
from search.engine import Generation
from search.errors import ClusterAway, ClusterCrowded, NotIndexed

IN_FLIGHT = 4
"""Requests in flight at once: more did not make a node of two cores faster."""
SMALLEST = 500_000
LARGEST = 15_000_000
"""Bytes of a request. Elasticsearch advises to stay below some tens of megabytes."""
WINDOW = 8
"""Requests over which the rate of a size is measured."""
FASTER = 1.05
ANSWERED = "errors,items.*.status,items.*.error"
ALREADY_THERE = 409
PASSES = frozenset({429, 500, 502, 503, 504})
"""Statuses of a document for which it is sent again."""
GONE = re.compile(r"index_not_found|index_closed|cluster_block|security_exception")
"""Types of errors of a document that stop the whole load."""

Rejected = Callable[[bytes, bytes, str], None]
"""Called with the action line, the source and the reason of a rejected document."""


def lines(source: str, version: str = "sequence") -> str:
    """The SQL that makes of ``id``, ``sequence`` and ``source`` the lines of a bulk request.

    ``version`` is the SQL of a document's version, by default its own sequence.
    """
    return (
        f'SELECT concat(\'{{"index":{{"_id":\', to_json(id), \',"version":\', {version},'
        f" ',\"version_type\":\"external\"}}}}\n', source, '\n') AS lines FROM ({source})"
    )


def deletions(keys: Sequence[str], version: int) -> pa.Table:
    """The lines of a bulk request that delete documents, as of a version."""
    versioned = {"version": version, "version_type": "external"}
    actions = [{"delete": {"_id": key, **versioned}} for key in keys]
    return _table(orjson.dumps(action).decode() + "\n" for action in actions)


def letter_lines(letters: Iterable[Letter]) -> pa.Table:
    """The lines of a bulk request that index dead letters, as they were sent before."""

    def action(letter: Letter) -> str:
        version = {"version": letter.sequence, "version_type": "external"}
        return orjson.dumps({"index": {"_id": letter.key, **version}}).decode()

    return _table(f"{action(letter)}\n{letter.document}\n" for letter in letters)


def _table(lines: Iterable[str]) -> pa.Table:
    return pa.table({"lines": pa.array(list(lines), pa.string())})


class Rejects:
    """Makes dead letters of the documents that a load of one generation could not index."""

    def __init__(self, letters: DeadLetters, metadata: Generation) -> None:
        self._letters = letters
        self._metadata = metadata

    def __call__(self, action: bytes, document: bytes, reason: str) -> None:
        """Add a dead letter; raises ``NotIndexed`` when there are too many."""
        (fields,) = orjson.loads(action).values()
        text = document.decode().rstrip("\n")
        count = self._letters.add(self._metadata, fields["_id"], fields["version"], text, reason)
        if count > MOST:
            raise NotIndexed(
                f"more than {MOST:,} documents of {self._metadata.view} were rejected, the last"
                f" one with: {reason}; see: stet dead-letters list"
            )


@dataclass(frozen=True)
class Batch:
    """The body of a bulk request, and the number of its documents."""

    body: bytes
    documents: int


@dataclass
class Size:
    """The size of requests in bytes: doubled until the rate no longer grows."""

    bytes: int = SMALLEST
    settled: bool = False
    _best: tuple[float, int] = (0.0, SMALLEST)
    _since: float = field(default_factory=lambda: time.perf_counter())
    _taken: list[int] = field(default_factory=list)

    def taken(self, size: int) -> None:
        """Count a request of so many bytes that the cluster accepted."""
        if self.settled:
            return
        if size < 0.5 * self.bytes:  # made before the last doubling, or the last of a file
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
        """Make requests smaller from now on, at most ``to`` bytes."""
        self.bytes, self.settled = max(SMALLEST // 4, min(self.bytes, to)), True


def batches(tables: Iterator[pa.Table], size: Size) -> Iterator[Batch]:
    """The lines of tables as bodies of about a size; a larger document is a batch of its own."""
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
    """The bytes of a column of text, and the offsets of its texts, with the end of the last."""
    for chunk in column.chunks:
        array = chunk.cast(pa.large_string())
        _, offsets, data = array.buffers()
        ends = memoryview(offsets).cast("q")[array.offset : array.offset + len(array) + 1]
        if len(array):
            yield ends, memoryview(data)


class Loader:
    """Sends documents to one index of a cluster in bulk requests."""

    def __init__(
        self, cluster: Cluster, target: str, patience: Patience, rejected: Rejected
    ) -> None:
        # The target is an alias of the index: if somebody deletes the index, the request fails
        # instead of creating a new one without mappings.
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
        """Send all lines; returns the number of documents, rejected ones included.

        Returns when all are accepted or rejected. After an exception, such as an interruption,
        nothing more is sent, and requests in flight are not waited for.
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
        """Send lines until each of their documents is accepted or rejected.

        A request that is too large for a node's queue is halved, because a node accepts a request
        only as a whole.
        """
        parts = [body]

        def send_parts() -> None:
            while parts:
                try:
                    rest, busy = self._send_once(parts[0])
                except ClusterCrowded:
                    parts[:1] = _halves(parts[0])
                    if size:
                        size.shrink(len(body) // 2)
                    raise
                parts[:1] = [rest] if rest else []
                if busy is not None:
                    raise busy

        self._patience.retry(send_parts)

    def _send_once(self, body: bytes) -> tuple[bytes, ClusterAway | None]:
        """Send lines once; returns those that must be sent again, and the error they met."""
        reply = self._cluster.send("POST", self._path, body, kind=LINES)
        if reply.status in (400, 413):
            self._send_halves(body, reply)
            return b"", None
        self._cluster.check(reply)
        if b'"errors":true' not in reply.body[:40]:
            return b"", None
        again: list[bytes] = []
        busy: ClusterAway | None = None
        items = orjson.loads(reply.body)["items"]
        for (action, document), item in zip(_documents(body), items, strict=True):
            ((_, result),) = item.items()
            if failure := self._passing_failure(action, document, result):
                busy = failure
                again += (action, document)
        return b"".join(again), busy

    def _passing_failure(
        self, action: bytes, document: bytes, result: dict[str, Any]
    ) -> ClusterAway | None:
        """The error for which to send a document again; None if it was accepted or rejected."""
        status = int(result["status"])
        error = result.get("error")
        if error is None or status == ALREADY_THERE:
            return None
        failure = self._cluster.failure(status, error)
        if isinstance(failure, ClusterAway):
            return failure
        if GONE.search(str(error.get("type"))):
            raise failure
        if status in PASSES:
            return ClusterAway(str(failure))
        self._rejected(action, document, f"{error.get('type')}: {_reason(error)}")
        return None

    def _send_halves(self, body: bytes, reply: Reply) -> None:
        """Send a request that was refused as a whole in halves, until the bad document is alone."""
        documents = list(_documents(body))
        if len(documents) == 1:
            content = orjson.loads(reply.body) if reply.body[:1] == b"{" else {}
            error = content.get("error")
            reason = _reason(error) if isinstance(error, dict) else ""
            reason = reason or "the document is too large for a request"
            self._rejected(*documents[0], f"{reply.status}: {reason}")
            return
        for part in _halves(body):
            self._send_all(part)


def _halves(body: bytes) -> list[bytes]:
    """The lines in two bodies of as many documents; in one if there is one document."""
    documents = list(_documents(body))
    middle = len(documents) // 2
    parts = (documents[:middle], documents[middle:])
    return [b"".join(line for pair in part for line in pair) for part in parts if part]


def _documents(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The action line and the source of each document; the source of a deletion is empty."""
    lines = iter(body.splitlines(keepends=True))
    for action in lines:
        yield action, b"" if action.startswith(b'{"delete"') else next(lines)


def _settle(ended: set[Future[Batch]], size: Size) -> int:
    done = 0
    for future in ended:
        batch = future.result()
        size.taken(len(batch.body))
        done += batch.documents
    return done


def _reason(error: dict[str, Any]) -> str:
    cause = error.get("caused_by") or {}
    reasons = [str(error.get("reason") or ""), str(cause.get("reason") or "")]
    return " ".join(" ".join(reason for reason in reasons if reason).split())
