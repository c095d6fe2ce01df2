"""A real PostgreSQL for the tests: the machine's own programs, in a folder of the cache.

It knows logical replication, has a superuser ``postgres`` and a user ``cdc`` who may only follow
(both without a password: who is not on this machine cannot reach it), and forgets on purpose what
only a machine without power would need. Debian's package is ``postgresql``.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg
from local_server import HOST, LocalServer, NoServer, cache, give, without_root

PORT = 5433
OLDEST = 14
USER = "postgres"
FOLLOWER = "cdc"
TEST_DATABASES = "stet_test_"
"""What the names of databases begin with that a test made and removes."""
SLOTS = 32
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_replication_slots": SLOTS,
    "max_wal_senders": SLOTS,
    # A test that was killed leaves a slot, which must not fill the disk.
    "max_slot_wal_keep_size": "512MB",
    "wal_sender_timeout": "10s",
    "max_connections": 100,
    "shared_buffers": "32MB",
    "timezone": "UTC",
    # For tests only. (Without synchronous_commit a change would be seen 200 ms later.)
    "fsync": "off",
    "full_page_writes": "off",
}


def programs() -> Path:
    """The folder with initdb: the newest that Debian's packages laid, else the one on PATH."""
    packaged = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if newest := max(packaged, key=lambda path: int(path.parts[-3]), default=None):
        return newest.parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise NoServer(
        f"PostgreSQL, {OLDEST} or newer, is not installed;"
        " install it (Debian: apt-get install postgresql)"
    )


def _version(folder: Path) -> str:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True)
    version = said.stdout.decode().split()[2].partition(".")[0]
    if int(version) < OLDEST:
        raise NoServer(f"PostgreSQL in {folder} is {version}; install {OLDEST} or newer")
    return version


@dataclass(frozen=True)
class Postgres(LocalServer):
    """One PostgreSQL on one port."""

    title: ClassVar[str] = "PostgreSQL"
    port_variable: ClassVar[str] = "POSTGRES_PORT"
    ending: ClassVar[signal.Signals] = signal.SIGINT

    port: int = PORT

    @property
    def folder(self) -> Path:
        """What this server has for itself."""
        return cache() / f"postgres-{self.port}"

    @property
    def data(self) -> Path:
        """Where its databases lie."""
        return self.folder / "data"

    @property
    def mark(self) -> str:
        """Its data folder."""
        return str(self.data)

    @property
    def address(self) -> str:
        """How psql reaches it."""
        return f"postgresql://{USER}@{HOST}:{self.port}"

    def conninfo(self, database: str = "postgres") -> str:
        """How psycopg reaches a database."""
        return (
            f"host={HOST} port={self.port} user={USER} dbname={database}"
            " connect_timeout=5 gssencmode=disable sslmode=disable"
        )

    def answers(self) -> bool:
        """Whether it lets one in."""
        try:
            psycopg.connect(self.conninfo()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _launch(self) -> None:
        folder = programs()
        version = _version(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = self.data / "PG_VERSION"
        if self.data.exists() and (not kept.exists() or kept.read_text().strip() != version):
            print(f"the databases in {self.data} are of another PostgreSQL: made anew")
            shutil.rmtree(self.data)
        if not self.data.exists():
            self._make(folder)
        # It names a process that was killed: none runs here, and an unreaped one looks alive.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, "port": self.port, "cluster_name": self.folder.name}
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._run_apart([folder / "postgres", "-D", self.data, *given], LC_ALL="C.UTF-8")

    def _make(self, folder: Path) -> None:
        """Make the databases' folder aside, so that one half made is not taken for whole."""
        aside = self.folder / "data-half-made"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        give(self.folder)
        aside.chmod(0o700)
        command = [folder / "initdb", "-D", aside, "-U", USER, "-E", "UTF8", "--no-sync"]
        command += ["-A", "trust", "--locale=C.UTF-8"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, **without_root())
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise NoServer(f"PostgreSQL's initdb fails: {said}")
        aside.replace(self.data)

    def _settle(self) -> None:
        """Make the user who follows."""
        asked = "select 1 from pg_roles where rolname = %s"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            if connection.execute(asked, [FOLLOWER]).fetchone() is None:
                connection.execute(f"create role {FOLLOWER} login replication")

    def clear(self) -> None:
        """Remove what tests that were killed have left."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            left = connection.execute(
                "select datname from pg_database where starts_with(datname, %s)", [TEST_DATABASES]
            ).fetchall()
        for (name,) in left:
            self.drop(name)

    def create(self, database: str) -> None:
        """Make an empty database."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(f'create database "{database}" template template0')

    def drop(self, database: str) -> None:
        """Remove a database, with all that follows it."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            slots = connection.execute(
                "select slot_name from pg_replication_slots where database = %s", [database]
            ).fetchall()
            for (slot,) in slots:
                self.drop_slot(slot)
            connection.execute(f'drop database if exists "{database}" with (force)')

    def drop_slot(self, slot: str) -> None:
        """Remove a replication slot; who reads from it is sent away."""
        until = time.monotonic() + 10
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            while time.monotonic() < until:
                found = connection.execute(
                    "select active_pid from pg_replication_slots where slot_name = %s", [slot]
                ).fetchone()
                if found is None:
                    return
                if found[0] is None:
                    connection.execute("select pg_drop_replication_slot(%s)", [slot])
                    return
                connection.execute("select pg_terminate_backend(%s)", [found[0]])
                time.sleep(0.05)
        raise NoServer(f"somebody reads from the replication slot {slot}, again and again")

    def kill(self) -> None:
        """End it at once, as a crash does, and wait for its children, who notice soon."""
        super().kill()
        title = f"postgres: {self.folder.name}:".encode()
        until = time.monotonic() + 30
        while any(_begins(path, title) for path in Path("/proc").glob("[0-9]*/cmdline")):
            if time.monotonic() > until:
                raise NoServer(f"children of PostgreSQL on port {self.port} do not end")
            time.sleep(0.05)


def _begins(path: Path, title: bytes) -> bool:
    try:
        return path.read_bytes().startswith(title)
    except OSError:
        return False  # it ended just now
