"""PGSync as its users run it: in an environment of its own, by its three commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pgsync.servers import Servers
from benchmarks.pgsync.watch import Failed, Watched, started, watched

HERE = Path(__file__).parent
SCHEMA = HERE / "schema.json"
SECONDS_TO_START = 120
SECONDS_TO_END = 10
SETTINGS = {
    # Loopback is faster than gzip, and Stet's loader does not use it there either.
    "ELASTICSEARCH_HTTP_COMPRESS": "false",
    # Ten seconds, the default, is too little for the largest batches on a small machine.
    "ELASTICSEARCH_TIMEOUT": "300",
}
"""What differs from PGSync's own defaults, in its favour."""


@dataclass(frozen=True)
class Tool:
    """An installed PGSync, the servers it reads, and the Elasticsearch it writes."""

    programs: Path
    servers: Servers
    url: str
    folder: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Its settings; it takes them from nowhere else."""
        return {
            **self.servers.environment,
            **SETTINGS,
            "ELASTICSEARCH_URL": self.url,
            "CHECKPOINT_PATH": str(self.folder),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
        }

    @property
    def behind(self) -> list[int]:
        """The servers that work for it."""
        return [self.servers.postgres_pid, self.servers.redis_pid]

    def bootstrap(self) -> Watched:
        """Forget what was synced; make triggers and the replication slot anew."""
        return self._run("bootstrap", "--config", SCHEMA)

    def load(self) -> Watched:
        """Sync all once, by ``pgsync``.

        Its ``parallel_sync`` is not measured: with more than one block of documents its modes
        with several processes, tried with 7.3.0, did not end (workers that were forked while
        threads ran wait for each other), and the one with threads took three times as long.
        """
        return self._run("pgsync", "--config", SCHEMA)

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """PGSync as it follows the tables, from when it listens until the end of the block."""
        with (self.folder / "daemon.log").open("w+b") as said:
            command: list[str | Path] = [self.programs / "pgsync", "--config", SCHEMA, "--daemon"]
            process = started(command, self.environment, self.folder, said)
            try:
                self._wait_until_it_follows(process)
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(SECONDS_TO_END)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _run(self, program: str, *arguments: str | Path) -> Watched:
        command: list[str | Path] = [self.programs / program, *arguments]
        return watched(command, self.environment, self.folder, self.behind)

    def _wait_until_it_follows(self, process: subprocess.Popen[bytes]) -> None:
        """It prints its counters from when all of its threads run."""
        until = time.monotonic() + SECONDS_TO_START
        while b"Redis: [" not in (said := (self.folder / "daemon.log").read_bytes()):
            if process.poll() is not None or time.monotonic() > until:
                raise Failed(f"pgsync --daemon does not follow: {said.decode()[-2000:]}")
            time.sleep(0.1)


def install(folder: Path) -> Path:
    """An environment with PGSync in a folder, unless it is there; returns where its programs lie.

    Its pins (Elasticsearch's client of version 7) conflict with Stet's.
    """
    programs = folder / "bin"
    if not (programs / "pgsync").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip: list[str | Path] = [programs / "python", "-m", "pip", "install", "--quiet"]
        options = ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, *options, "-r", HERE / "requirements.lock"], check=True)
    return programs
