"""Writers and sealers to be killed, forked from one process that has everything imported.

Run as a program it reads orders, a line of JSON each, forks a child for each and answers with its
process id. A child says what was acknowledged in a file of its own, which outlives it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from faults import StepDisk
from sealed import small_spans

from connectors import importing, jsonlines
from event_log import EventLog, NewEvent
from event_log.storage.folder import LocalStore
from newsroom.categories import CATEGORIES

ROOT = Path(__file__).parents[2]


@dataclass
class Fork:
    """A child of the server: its process id, and what it said so far."""

    pid: int
    told: Path

    def acknowledged(self) -> list[tuple[str, int]]:
        """Ids and sequences; a line that it did not live to end does not count."""
        if not self.told.exists():
            return []
        lines = self.told.read_text().split("\n")[:-1]
        return [(event_id, sequence) for event_id, sequence in map(json.loads, lines)]


class Forks:
    """The server, as a test sees it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder
        self._count = 0

    def start(self, act: str, log: Path, **rest: Any) -> Fork:
        """Fork a child that does something to a log until it is killed."""
        self._count += 1
        told = self._folder / f"told-{self._count}"
        order = {"act": act, "log": str(log), "told": str(told), "name": f"w{self._count}", **rest}
        return Fork(int(self._asked(order)), told)

    def kill(self, fork: Fork) -> None:
        """Kill it, and wait until it is dead."""
        os.kill(fork.pid, signal.SIGKILL)
        assert self.killed(fork)

    def killed(self, fork: Fork) -> bool:
        """Wait until it is dead; whether it was killed, and did not come to its end."""
        answer = self._asked({"act": "wait", "pid": fork.pid})
        assert answer in ("0", str(signal.SIGKILL.value))
        return answer != "0"

    def _asked(self, order: dict[str, Any]) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def forks(folder: Path) -> Iterator[Forks]:
    """A server that lives as long as it is needed; children do not outlive it."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield Forks(process, folder)
    finally:
        process.communicate(timeout=60)


# the server


def warm() -> None:
    """Do once what children do, so that none of them has to import or compile anything."""
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(folder, CATEGORIES)
        for number in range(3):
            log.append([tag("warm", number)])
            log.append_many(bulk(number * 50), positions={"bulk": number * 50 + 50})
            log.seal(grace_seconds=0)
        file = Path(folder) / "events.jsonl"
        file.write_text('{"stream": "tag/a", "type": "TagDefined", "data": {"name": "a"}}\n')
        jsonlines.import_events(log, str(file))


def answer(said: object) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


def serve() -> None:
    warm()
    children: set[int] = set()
    answer("ready")
    for line in sys.stdin:
        order = json.loads(line)
        if order["act"] == "wait":
            _, status = os.waitpid(order["pid"], 0)
            children.discard(order["pid"])
            answer(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -status)
            continue
        pid = os.fork()
        if pid == 0:
            try:
                act_on(order)
            except BaseException:  # noqa: BLE001 (told on stderr; nothing but a kill ends it)
                traceback.print_exc()
            os._exit(1)
        children.add(pid)
        answer(pid)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def act_on(order: dict[str, Any]) -> None:
    told = os.open(order["told"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(event_id: str, sequence: int) -> None:
        os.write(told, (json.dumps([event_id, sequence]) + "\n").encode())

    log = EventLog(order["log"], CATEGORIES)
    with small_spans():
        ACTS[order["act"]](log, order, tell)


def tag(name: str, number: int) -> NewEvent:
    return NewEvent(f"tag/{name}", "TagDefined", {"name": name}, event_id=f"{name}-{number}")


def bulk(at: int) -> pa.Table:
    """The fifty events after a position."""
    ids = [f"bulk-{n}" for n in range(at, at + 50)]
    return pa.table(
        {
            "stream": [f"tag/bulk-{n % 7}" for n in range(50)],
            "type": ["TagDefined"] * 50,
            "event_id": ids,
            "tag": [{"name": event_id} for event_id in ids],
        }
    )


def single(log: EventLog, order: dict[str, Any], tell: Any) -> None:
    """One event at a time, every other with one of a stream that all share."""
    for number in range(1_000_000):
        shared = NewEvent(
            "tag/shared", "TagDefined", {"name": "s"}, event_id=f"s-{order['name']}-{number}"
        )
        events = [shared, tag(order["name"], number)][number % 2 :]
        tell(events[-1].event_id or "", log.append(events).last)


def threads(log: EventLog, order: dict[str, Any], tell: Any) -> None:
    """Four threads that share commits."""

    def append(thread: int) -> None:
        single(log, {"name": f"{order['name']}.{thread}"}, tell)

    for thread in range(3):
        threading.Thread(target=append, args=(thread,)).start()
    append(3)


def many(log: EventLog, _: dict[str, Any], tell: Any) -> None:
    """Bulks of fifty, of one producer for all who do this: each goes on where the log is."""
    while True:
        at = log.position_of("bulk")
        receipt = log.append_many(bulk(at), positions={"bulk": at + 50})
        if receipt.added:
            tell(f"bulk-{at + 49}", receipt.last)


def imports(log: EventLog, order: dict[str, Any], _: Any) -> None:
    """A file, in commits of 40 events; when it is at its end, once more."""
    importing.COMMIT_EVENTS, importing.CHUNK = 40, 20
    while True:
        jsonlines.import_events(log, order["file"])


def seal(log: EventLog, order: dict[str, Any], tell: Any) -> None:
    """Seal again and again, and append an event in between."""
    for number in range(1_000_000):
        event = tag(order["name"], number)
        tell(event.event_id or "", log.append([event]).last)
        log.seal(grace_seconds=(0, 3600)[number % 3 == 2])


class DeadlyDisk(StepDisk):
    """Kills its own process before a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._at = step

    def _step(self, kind: str, path: Path, act: Callable[[], None]) -> None:
        if len(self.steps) >= self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        super()._step(kind, path, act)


def dies(log: EventLog, order: dict[str, Any], _: Any) -> None:
    """Seal once, and die before a step of that; or come to an end."""
    EventLog(LocalStore(log.path, DeadlyDisk(order["step"])), CATEGORIES).seal(grace_seconds=0)
    os._exit(0)


ACTS = {
    "dies": dies,
    "single": single,
    "threads": threads,
    "many": many,
    "import": imports,
    "seal": seal,
}

if __name__ == "__main__":
    serve()
