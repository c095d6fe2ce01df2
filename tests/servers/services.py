"""The other systems, for the tests and for a try: `make services` starts them, without Docker.

PostgreSQL is the machine's own; Kafka, and Kafka Connect with Debezium, are fetched once. All
listen on the loopback address only, without a password. Variables set other ports:
``POSTGRES_PORT``, ``KAFKA_PORT``, ``KAFKA_CONTROLLER_PORT`` and ``CONNECT_PORT``. What they keep
stays when they stop; ``clear`` stops them and removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import connect_server
import kafka_server
import postgres_server
from connect_server import Connect
from kafka_server import Kafka
from local_server import LocalServer, NoServer, port_of
from postgres_server import Postgres


@dataclass(frozen=True)
class Services:
    """The three servers, in the order in which they start."""

    postgres: Postgres
    kafka: Kafka
    connect: Connect

    @classmethod
    def usual(cls) -> Services:
        """Those that `make services` starts."""
        kafka = Kafka(
            port_of("KAFKA_PORT", kafka_server.PORT),
            port_of("KAFKA_CONTROLLER_PORT", kafka_server.CONTROLLER_PORT),
        )
        return cls(
            Postgres(port_of("POSTGRES_PORT", postgres_server.PORT)),
            kafka,
            Connect(port_of("CONNECT_PORT", connect_server.PORT), kafka.port),
        )

    def __iter__(self) -> Iterator[LocalServer]:
        """One after the other."""
        return (getattr(self, field.name) for field in fields(self))

    def start(self) -> Iterator[tuple[LocalServer, bool]]:
        """Start each that does not run; says of each whether it was started."""
        yield self.postgres, self.postgres.start()
        yield self.kafka, self.kafka.start()
        self._forget_what_is_gone()
        yield self.connect, self.connect.start()

    def _forget_what_is_gone(self) -> None:
        """Positions in databases, or of topics, that have been made anew mean nothing any more."""
        if self.connect.pid is None and self.connect.offsets.exists():
            made = (self.postgres.data / "PG_VERSION", self.kafka.formatted)
            if max(path.stat().st_mtime for path in made) > self.connect.offsets.stat().st_mtime:
                self.connect.offsets.unlink()

    def stop(self) -> Iterator[tuple[LocalServer, bool]]:
        """Stop all, the last first; says of each whether it ran."""
        for server in reversed([*self]):
            yield server, server.stop()


def _start() -> None:
    for server, begun in Services.usual().start():
        print(
            f"{server.title}: {server.address}{'' if begun else ' (it runs already)'}", flush=True
        )


def _stop() -> None:
    for server, ran in Services.usual().stop():
        print(f"{server.title}: {'stopped' if ran else f'nothing runs on port {server.port}'}")


def _clear() -> None:
    for server, _ in Services.usual().stop():
        there = server.folder.exists()
        shutil.rmtree(server.folder, ignore_errors=True)
        print(f"{server.title}: {'removed' if there else 'nothing in'} {server.folder}")


def _status() -> None:
    for server in Services.usual():
        pid = server.pid
        state = f"runs, process {pid}, {_memory(pid)} MB" if pid else "does not run"
        print(f"{server.title}: {server.address} {state}; {server.folder}")


def _memory(pid: int) -> int:
    """The MB that a process has in memory; 0 when it has just ended."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") // 1_000_000
    return 0


def main(arguments: Sequence[str]) -> int:
    """Start or stop the services, remove what they keep, or say which of them run."""
    commands = {"start": _start, "stop": _stop, "clear": _clear, "status": _status}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: services.py start|stop|clear|status", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except NoServer as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
