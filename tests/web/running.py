"""A real `stet serve`, in processes of its own, and what a test asks and does to it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

STET = Path(sys.executable).with_name("stet")
SECONDS = 60.0
"""How long anything of a server may take before its test fails; a machine may be busy."""


class Running:
    """A server over an archive; ``with Running(home) as server`` ends it."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.errors = home.parent / f"{home.name}-{time.monotonic_ns()}.err"
        command = [
            str(Path(sys.executable).with_name("stet")),
            "serve",
            "--home",
            str(home),
            *options,
        ]
        if "--port" not in options:
            command += ["--port", "0"]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("STET_")}
        with self.errors.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**inherited, **environment},
                start_new_session=True,
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline().decode()
        found = re.search(r" at (\S+) \(", said)
        assert found, f"{said}{self.log()}"
        self.url = found[1].rstrip("/")
        self.port = urlsplit(self.url).port or 0
        until(self.answers, self.log)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        ended = [each for each in self.left() if each != self.process.pid]
        for each in ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def log(self) -> str:
        """What the server wrote to standard error."""
        return self.errors.read_text(errors="replace")

    def answers(self) -> bool:
        """Whether it answers already."""
        assert self.process.poll() is None, self.log()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5):
                pass
            return self.ask("/healthz").status_code == 200
        except (OSError, httpx2.TransportError):
            return False

    def ask(self, path: str, **options: object) -> httpx2.Response:
        """Get a path; certificates are not checked here."""
        with httpx2.Client(verify=False, timeout=SECONDS) as client:
            return client.get(f"{self.url}{path}", **options)  # type: ignore[arg-type]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Tell it to end; returns its exit code, and the seconds until it had ended."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(SECONDS), time.monotonic() - begun

    def kill(self) -> None:
        """End the process that was started, at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)

    def left(self) -> list[int]:
        """The processes of the server that run: they have a session of their own."""
        return [pid for pid, session in _sessions() if session == self.process.pid]

    def follower(self) -> int | None:
        """The process that follows the log, if there is one."""
        for pid in self.left():
            with contextlib.suppress(OSError):
                if b"app.server.follower" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None


def _sessions() -> Iterator[tuple[int, int]]:
    """Each process that has not ended, and the session it belongs to."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                yield int(path.parent.name), int(fields[3])


def until(
    true: Callable[[], object], why: Callable[[], str] = str, seconds: float = SECONDS
) -> None:
    """Wait until something is true; ``why`` says what was going on when it never is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not after {seconds:g} seconds: {why()}"
        time.sleep(0.05)
