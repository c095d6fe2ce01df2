"""A load generator: asks addresses at a steady rate, or as fast as they are answered.

    python -m benchmarks.web.load PORT SECONDS --rate 100 < requests.jsonl

Each line of standard input is a request: ``{"path": "/search?q=a"}``, with ``method``, ``headers``
and ``body`` where it needs them; they are asked in turn. Prints JSON: how many were answered, their
latencies in milliseconds, and the statuses. At a rate the clock of a request starts when it was
due, not when a connection was free for it: a server that is too slow is seen to be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from statistics import quantiles
from typing import Any

MOST_CONNECTIONS = 200
PATIENCE = 10.0
"""Seconds after which a request counts as not answered."""


@dataclass
class Found:
    """What came of the requests."""

    taken: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def told(self, seconds: float) -> dict[str, Any]:
        """As JSON; latencies are those of all requests, in milliseconds."""
        parts = quantiles(self.taken, n=100) if len(self.taken) > 1 else [0.0] * 99
        return {
            "requests": len(self.taken),
            "rate": len(self.taken) / seconds,
            "p50": parts[49] * 1000,
            "p95": parts[94] * 1000,
            "p99": parts[98] * 1000,
            "statuses": dict(self.statuses),
            "kilobytes": self.bytes / max(1, len(self.taken)) / 1000,
        }


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """Connections that are kept open and used in turn."""

    def __init__(self, port: int, found: Found) -> None:
        self._port, self._found = port, found
        self._free: list[Connection] = []
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def ask(self, request: bytes, due: float) -> None:
        """Send a request, read its whole answer, and note what it took since it was due."""
        try:
            async with asyncio.timeout(PATIENCE), self._places:
                status, size = await self._answered(request)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            status, size = type(error).__name__, 0
        self._found.taken.append(time.perf_counter() - due)
        self._found.statuses[status] += 1
        self._found.bytes += size

    async def _answered(self, request: bytes) -> tuple[str, int]:
        connection = self._free.pop() if self._free else await self._connected()
        reader, writer = connection
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = await _body(reader, head.lower())
        except BaseException:
            writer.close()
            raise
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self._free.append(connection)
        return head.split(b" ", 2)[1].decode(), size

    async def _connected(self) -> Connection:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)


async def _body(reader: asyncio.StreamReader, head: bytes) -> int:
    """Read a body by its length or by its chunks; returns its size."""
    if b"content-length:" in head:
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return len(await reader.readexactly(length))
    size = 0
    if b"transfer-encoding: chunked" in head:
        while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            size += len(await reader.readexactly(length + 2)) - 2
        await reader.readuntil(b"\r\n")
    return size


def as_bytes(request: dict[str, Any]) -> bytes:
    """A request as it is sent.

    >>> as_bytes({"path": "/a"})
    b'GET /a HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n'
    """
    body = request.get("body", "").encode()
    headers = {"Host": "localhost", **request.get("headers", {})}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [f"{request.get('method', 'GET')} {request['path']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def at_a_rate(
    client: Client, requests: list[bytes], rate: float, seconds: float, found: Found
) -> None:
    """Ask so many times a second, however long the answers take."""
    begun, tasks = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(asyncio.create_task(client.ask(requests[number % len(requests)], due)))
    await asyncio.gather(*tasks)
    assert len(found.taken) == len(tasks)


async def as_fast(client: Client, requests: list[bytes], clients: int, seconds: float) -> None:
    """Ask by so many clients, each of which asks again when it is answered."""
    turns, end = cycle(requests), time.perf_counter() + seconds

    async def one() -> None:
        while (now := time.perf_counter()) < end:
            await client.ask(next(turns), now)

    await asyncio.gather(*(one() for _ in range(clients)))


async def main() -> None:
    """Ask, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--clients", type=int, default=8)
    chosen = parser.parse_args()
    requests = [as_bytes(json.loads(line)) for line in sys.stdin]
    found = Found()
    client = Client(chosen.port, found)
    begun = time.perf_counter()
    if chosen.rate:
        await at_a_rate(client, requests, chosen.rate, chosen.seconds, found)
    else:
        await as_fast(client, requests, chosen.clients, chosen.seconds)
    print(json.dumps(found.told(time.perf_counter() - begun)))


if __name__ == "__main__":
    asyncio.run(main())
