"""What the tests' servers share: a cache, what is fetched once, and processes found again by name.

A server of the tests listens on the loopback address only, is never run as root, and everything it
writes lies in a cache outside the clone (``STET_CACHE``; else ``~/.cache/stet``, or
``/var/cache/stet`` for root). Nothing of it has to be kept: what is missing is made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypedDict

HOST = "127.0.0.1"


class NoServer(Exception):
    """The server cannot be had or started here; the message says why, and what to do."""


def cache() -> Path:
    """Where the servers and what they write lie."""
    if given := os.environ.get("STET_CACHE"):
        return Path(given)
    # Root's home is closed to the user that the servers run as.
    return Path("/var/cache/stet") if os.geteuid() == 0 else Path.home() / ".cache" / "stet"


def fetched_once(target: Path, fetch: Callable[[Path], Path]) -> Path:
    """A file or folder of the cache, fetched if it is not there yet.

    ``fetch`` is given a folder aside and returns what it made there, which is then renamed: a fetch
    that was killed leaves nothing that looks whole. Of two who fetch one thing, the second waits.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".fetching-{target.name}-"
    with locked(target.with_name(f".{target.name}.lock")):
        for left in target.parent.glob(f"{prefix}*"):
            shutil.rmtree(left)  # by one who was killed: who fetches now has the lock
        if not target.exists():
            with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as aside:
                made = fetch(Path(aside))
                for path in [made, *made.rglob("*")]:
                    path.chmod(0o755 if path.is_dir() else 0o644)
                made.replace(target)
    target.parent.chmod(0o755)
    return target


def maven(what: str, *arguments: str) -> None:
    """Let Maven fetch something; it checks each file against the checksum of its registry."""
    if shutil.which("mvn") is None:
        raise NoServer(f"Maven fetches {what} for the tests; install it (Debian: maven)")
    done = subprocess.run(["mvn", "-B", "-q", "-C", *arguments], capture_output=True)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise NoServer(f"Maven cannot fetch {what}: {said[0] if said else 'no reason given'}")


def java_home(
    program: str, oldest: int, modules: Sequence[str] = (), named: Sequence[str] = ("JAVA_HOME",)
) -> Path:
    """The home of a Java that can run a program; variables name one, else it is looked for."""
    homes = [Path(given) for name in named if (given := os.environ.get(name))]
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    if found := shutil.which("java"):
        homes.append(Path(found).resolve().parents[1])
    for home in homes:
        release = home / "release"
        if not release.exists() or not (home / "bin" / "java").exists():
            continue
        said = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
        version = int(said["JAVA_VERSION"].strip('"').split(".")[0])
        has = said.get("MODULES", "").strip('"').split()
        if version >= oldest and all(module in has for module in modules):
            return home.resolve()
    raise NoServer(
        f"{program} needs a{' whole' if modules else ''} JDK, {oldest} or newer; install one"
        f" (Debian: openjdk-{oldest}-jdk{'' if modules else '-headless'}) or set {named[0]}"
    )


class Identity(TypedDict, total=False):
    """Whom a process runs as, in the words of ``subprocess``."""

    user: int
    group: int
    extra_groups: list[int]


def without_root() -> Identity:
    """Whom a server is run as: nobody instead of root, else who starts it."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give(folder: Path) -> None:
    """Give a folder and all in it to whom servers run as, who must be able to reach it."""
    identity = without_root()
    if not identity:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, identity["user"], identity["group"], follow_symlinks=False)
    closed = [path for path in folder.resolve().parents if not path.stat().st_mode & 0o001]
    if closed:
        raise NoServer(
            f"servers run as nobody instead of root, and {closed[-1]} is closed to others;"
            " set STET_CACHE to a folder that they can reach"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait. A process that is killed lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pid_of(mark: str) -> int | None:
    """The process that has a word in its command line, but none of its own forks.

    No file with a process's id is asked: it goes with its folder, and a process stays.
    """
    found: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                stat = (path / "stat").read_text().rpartition(")")[2].split()
                found[int(path.name)] = int(stat[1])
        except OSError:
            continue  # it ended just now
    return next((pid for pid, parent in found.items() if parent not in found), None)


def wait_until_gone(pid: int) -> None:
    """Wait until a process has let go of its files, its locks among them."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            threads = len([*Path(f"/proc/{pid}/task").iterdir()])
        except OSError:
            return
        if state == "Z" and threads == 1:
            return  # ended with all its threads, and only its parent has not looked yet
        time.sleep(0.05)
    raise NoServer(f"process {pid} does not end; look at it, and end it with: kill -9 {pid}")


@dataclass(frozen=True)
class LocalServer(ABC):
    """One server on one port, with its own folder for settings, data and what it says."""

    title: ClassVar[str]
    port_variable: ClassVar[str]
    ending: ClassVar[signal.Signals] = signal.SIGTERM
    seconds_to_start: ClassVar[int] = 120

    port: int

    @property
    @abstractmethod
    def folder(self) -> Path:
        """What this server has for itself."""

    @property
    @abstractmethod
    def mark(self) -> str:
        """A word of its command line that no other process has."""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """Where what it says lies."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return pid_of(self.mark)

    @abstractmethod
    def answers(self) -> bool:
        """Whether it answers: an open port is not yet a server."""

    @abstractmethod
    def _launch(self) -> None:
        """Lay out what it needs, and begin it."""

    def _settle(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what is to be done once it answers, before others use it."""

    def clear(self) -> None:  # noqa: B027 - as above
        """Remove what tests that were killed have left in it; only where no test runs."""

    def start(self) -> bool:
        """Start it, unless it runs, and wait until it answers; says whether it was started."""
        with locked(self.folder.with_suffix(".starting")):
            begun = self.pid is None
            if begun:
                self._check_port()
                self._launch()
            self._wait()
            if begun:
                self._settle()
        return begun

    def _check_port(self) -> None:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, self.port))
            except OSError as error:
                raise NoServer(
                    f"{self.title} cannot listen on port {self.port}: another program does;"
                    f" end that one, or set {self.port_variable}"
                ) from error

    def _wait(self) -> None:
        until = time.monotonic() + self.seconds_to_start
        begun = time.monotonic() + 2  # a process that was begun just now may not be seen yet
        while not self.answers():
            now = time.monotonic()
            if now > until or (now > begun and self.pid is None):
                raise NoServer(
                    f"{self.title} does not answer on {self.address}{self._last_words()};"
                    f" see {self.log}"
                )
            time.sleep(0.1)

    def _last_words(self) -> str:
        said = self.log.read_text(errors="replace").strip() if self.log.is_file() else ""
        return f": {said.splitlines()[-1]}" if said else ""

    def _run_apart(self, command: Sequence[str | Path], **environment: str) -> None:
        """Begin a process that stays when this one ends, and needs nobody to wait for it."""
        with self.log.open("wb") as log:
            subprocess.run(
                ["setsid", "--fork", *map(str, command)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
                **without_root(),
            )

    def stop(self) -> bool:
        """Stop it in good order; says whether it ran."""
        return self._end(self.ending)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> bool:
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, how)
        wait_until_gone(pid)
        return True


def port_of(variable: str, default: int) -> int:
    """A port that a variable may set."""
    given = os.environ.get(variable, "")
    if given and not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise NoServer(f"{variable} is {given!r}; give a port, 1 to 65535, such as {default}")
    return int(given or default)


def write_properties(path: Path, settings: Mapping[str, str | int]) -> None:
    """A file of settings in the form that Java's programs read."""
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
