"""PostgreSQL and Redis for one measurement: in a temporary folder, on loopback, ended by pid.

Nothing is installed and nothing of the machine's own servers is touched. PostgreSQL refuses to
run as root; then it runs as ``nobody``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.pgsync.watch import Failed

DATABASE = "stet"
USER = "stet"
SECONDS_TO_START = 30
POSTGRES = {
    "wal_level": "logical",
    "max_replication_slots": "4",
    "max_connections": "200",
    # A quarter of the smallest machine that this is meant for, and what the joins want to sort in.
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Servers:
    """A running PostgreSQL and a running Redis, and how they are reached."""

    postgres_port: int
    redis_port: int
    password: str = field(repr=False)
    postgres_pid: int
    redis_pid: int
    programs: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What PGSync and psql read; the password is nowhere else."""
        return {
            "PG_HOST": "127.0.0.1",
            "PG_PORT": str(self.postgres_port),
            "PG_USER": USER,
            "PG_PASSWORD": self.password,
            "PGPASSWORD": self.password,
            "PG_DATABASE": "postgres",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.redis_port),
            "REDIS_AUTH": self.password,
        }

    def sql(self, *arguments: str, stdin: Path | None = None, database: str = DATABASE) -> str:
        """Let psql run commands or a file, and return what it prints, without decoration."""
        command = [
            *(str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", "127.0.0.1", "-p", str(self.postgres_port), "-U", USER, "-d", database),
            *arguments,
        ]
        with stdin.open("rb") if stdin else Path(os.devnull).open("rb") as source:
            done = subprocess.run(
                command, stdin=source, capture_output=True, env={**os.environ, **self.environment}
            )
        if done.returncode:
            raise Failed(f"psql {' '.join(arguments)}: {done.stderr.decode().strip()}")
        return done.stdout.decode().strip()


@contextmanager
def running() -> Iterator[Servers]:
    """Both servers, until the end of the block; what they wrote is removed."""
    programs, redis = _postgres_programs(), _redis_program()
    password = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        postgres_port, redis_port = _free_port(), _free_port()
        postgres = stack.enter_context(_postgres(programs, postgres_port, password))
        redis_process = stack.enter_context(_redis(redis, redis_port, password))
        servers = Servers(
            postgres_port, redis_port, password, postgres.pid, redis_process.pid, programs
        )
        _wait(lambda: servers.sql("-c", "SELECT 1", database="postgres"), postgres, "PostgreSQL")
        _wait(
            lambda: socket.create_connection(("127.0.0.1", redis_port)).close(),
            redis_process,
            "Redis",
        )
        servers.sql("-c", f"CREATE DATABASE {DATABASE}", database="postgres")
        yield servers


def _postgres_programs() -> Path:
    """The folder with initdb: the one on PATH, else the newest that Debian's packages lay."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if newest := max(packaged, key=lambda path: int(path.parts[-3]), default=None):
        return newest.parent
    raise Failed(
        "PostgreSQL's initdb is neither on PATH nor in /usr/lib/postgresql;"
        " install it (Debian: apt-get install postgresql)"
    )


def _redis_program() -> str:
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    raise Failed("redis-server is not on PATH; install it (Debian: apt-get install redis-server)")


def _as_nobody() -> dict[str, Any]:
    """How a process is started that must not be root's."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that belongs to whoever the server runs as."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        _give(Path(name))
        yield Path(name)


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", "nogroup")


@contextmanager
def _postgres(programs: Path, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    with _folder("stet-postgres-") as folder:
        data, said = folder / "data", folder / "password"
        said.touch(mode=0o600)
        said.write_text(password)
        _give(said)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                USER,
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--auth=scram-sha-256",
                f"--pwfile={said}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **_as_nobody(),
        )
        said.unlink()
        settings = {
            **POSTGRES,
            "port": port,
            "unix_socket_directories": folder,
            "listen_addresses": "127.0.0.1",
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with _process(
            [programs / "postgres", "-D", data, *given], folder, signal.SIGINT
        ) as process:
            yield process


@contextmanager
def _redis(program: str, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    with _folder("stet-redis-") as folder:
        settings = f'bind 127.0.0.1\nport {port}\nsave ""\ndir {folder}\nrequirepass {password}\n'
        with _process([program, "-"], folder, signal.SIGTERM, settings.encode()) as process:
            yield process


@contextmanager
def _process(
    command: list[object], folder: Path, ending: signal.Signals, stdin: bytes = b""
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, its output in a file of its folder, ended by its pid."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            **_as_nobody(),
        )
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        try:
            yield process
        finally:
            process.send_signal(ending)
            try:
                process.wait(SECONDS_TO_START)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(ready: Callable[[], object], process: subprocess.Popen[bytes], name: str) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            ready()
            return
        except (Failed, OSError) as error:
            if process.poll() is not None or time.monotonic() > until:
                raise Failed(f"{name} does not start: {error}") from error
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])
