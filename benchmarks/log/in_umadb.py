"""What is measured of UmaDB, each step in a process of its own, with a server of its own.

The server comes with the Python package; it syncs its file before it acknowledges. It gets and
gives the events' data as JSON that is ready-made, and their stream as a tag.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from umadb import Client, Event, TransportError

from benchmarks.log import events
from benchmarks.log.clock import THREADS, Clock, at_once, measured
from benchmarks.measuring import Measured, ended

SERVER = Path(sys.executable).parent / "umadb"
STARTING_SECONDS = 30


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[Measured]]]:
    """A server for a folder: its URL, and a list that has what it took when it has ended."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    taken: list[Measured] = []
    folder.mkdir(exist_ok=True)
    begun = time.perf_counter()
    command: list[str | Path] = [SERVER, "--listen", address, "--db-path", folder / "events.uma"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://{address}")
        yield f"http://{address}", taken
    finally:
        server.send_signal(signal.SIGINT)
        taken.append(ended(server, begun))


def _wait(url: str) -> None:
    """Until the server answers."""
    for _ in range(STARTING_SECONDS * 20):
        try:
            Client(url).head()
        except TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"UmaDB's server does not answer at {url}")


def _events(count: int) -> list[Event]:
    return [Event(kind, data, [stream]) for stream, kind, _, data in events.as_json(count)]


def _append(client: Client, event: Event) -> None:
    client.append([event])


def single(url: str, count: str) -> dict[str, float]:
    """Append one event at a time from one client."""
    client, waiting, clock = Client(url), _events(int(count)), Clock()
    with clock:
        for event in waiting:
            client.append([event])
    return clock.of(len(waiting))


def threads(url: str, count: str) -> dict[str, float]:
    """Append one event at a time from many clients, each with a thread of its own."""
    waiting, clock = _events(int(count)), Clock()
    clients = [Client(url) for _ in range(THREADS)]
    with clock:
        at_once([partial(_append, client) for client in clients], waiting)
    assert clients[0].head() == len(waiting)
    return clock.of(len(waiting))


def batches(url: str, count: str, size: str) -> dict[str, float]:
    """Append many events in one request."""
    client, waiting, clock = Client(url), _events(int(count)), Clock()
    for start in range(0, len(waiting), int(size)):
        with clock:
            client.append(waiting[start : start + int(size)])
    return clock.of(len(waiting))


def read(url: str) -> dict[str, float]:
    """Read all events."""
    client, found, clock = Client(url), 0, Clock()
    with clock:
        answer = client.read()
        while batch := answer.next_batch():
            found += len(batch)
    assert found == client.head()
    return clock.of(found)


if __name__ == "__main__":
    measured((single, threads, batches, read))
