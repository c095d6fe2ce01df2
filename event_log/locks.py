"""Locks on files, exclusive or shared. The file names the process that holds the lock.

The kernel releases a lock when its process ends, also when it is killed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
import weakref
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from event_log.errors import EventLogError
from event_log.storage.store import StoreError, hint

TRIES = 5
PAUSE = 0.02
"""Seconds between tries: ``lock_holder`` holds the lock for a moment while it looks."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a lock: a process id on a host, since an instant in UTC.

    >>> str(Holder(17, "desk", "2026-11-24T12:00:00+00:00"))
    'process 17 on desk since 2026-11-24T12:00:00+00:00'
    """

    process: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}"


class LockHeld(EventLogError):
    """Another process holds the lock. ``holder`` names it; None for a shared or very new lock.

    ``who`` is the holder as text for a message.
    """

    def __init__(self, path: Path, holder: Holder | None) -> None:
        self.who = str(holder) if holder else "another process"
        super().__init__(f"{path} is locked by {self.who}; wait for it, or stop it")
        self.holder = holder


class Lock:
    """A lock on a file, from ``take`` or the ``with`` until ``release`` or the process's end.

    An exclusive lock has one holder. A ``shared`` lock can be taken by several, if all share it.
    ``with`` waits for the lock; ``take`` waits only with ``wait``. The file stays when the lock is
    released, and its folder must exist. One object takes its lock once at a time, and a forked
    process does not inherit it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.lock"
    >>> with Lock(path):
    ...     lock_holder(path).process == os.getpid()
    True
    >>> with Lock(path, shared=True), Lock(path, shared=True):
    ...     Lock(path).take()
    Traceback (most recent call last):
    event_log.locks.LockHeld: ...state.lock is locked by another process; wait for it, or stop it
    """

    def __init__(self, path: Path, shared: bool = False) -> None:
        self._path = path
        self._shared = shared
        self._descriptor = -1

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor >= 0

    def take(self, wait: bool = False) -> None:
        """Take the lock.

        A shared lock needs no permission to write, if the file is there. Raises ``LockHeld`` when
        another process holds it, unless ``wait`` is set; ``FileNotFoundError`` when the folder is
        missing; ``StoreError`` when the file system refuses.
        """
        try:
            descriptor = self._opened()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"cannot open {self._path}: {hint(error)}") from error
        try:
            if not _locked(descriptor, fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX, wait):
                raise LockHeld(self._path, _named(self._path))
            if not self._shared:
                _name_holder(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise StoreError(f"cannot lock {self._path}: {hint(error)}") from error
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _taken.add(self)

    def _opened(self) -> int:
        """The descriptor of the file, which is made if it is missing."""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if not self._shared or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            try:
                return os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                raise error from None

    def release(self) -> None:
        """Release the lock, if this object holds it."""
        if self.held:
            if not self._shared:
                os.ftruncate(self._descriptor, 0)
            self.forget()

    def forget(self) -> None:
        """Close the file. A forked process calls this, so that it does not keep the lock."""
        if self.held:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Lock:
        self.take(wait=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.forget()


def lock_holder(path: Path) -> Holder | None:
    """Return the process that holds an exclusive lock now; None when no process does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(path)
    finally:
        os.close(descriptor)
    return None


def _locked(descriptor: int, kind: int, wait: bool) -> bool:
    if wait:
        fcntl.flock(descriptor, kind)
        return True
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def _name_holder(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = Holder(os.getpid(), socket.gethostname(), since)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode() + b"\n", 0)


def _named(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (
        OSError,
        ValueError,
        TypeError,
    ):  # it has just been taken, and its holder is not written yet
        return None


_taken: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forked() -> None:
    for lock in _taken:
        lock.forget()


os.register_at_fork(after_in_child=_forked)
