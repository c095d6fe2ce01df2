"""Holding a subscription: a file that one process at a time has locked, and that says who.

The kernel lets go of the lock when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import weakref
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from event_log.checkpoint import refused
from event_log.errors import EventLogError

SUFFIX = ".lock"
TRIES = 5
PAUSE = 0.02
"""Seconds between tries: one who only asks who holds a lock may have it for a moment."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a subscription: a process id on a host, since an instant in UTC."""

    process: int
    host: str
    since: str


class SubscriptionHeld(EventLogError):
    """Another holds the subscription; ``holder`` says who, None when it did not say yet."""

    def __init__(self, name: str, holder: Holder | None) -> None:
        who = (
            f"process {holder.process} on {holder.host} since {holder.since}"
            if holder
            else "another process"
        )
        super().__init__(
            f"subscription {name!r} is held by {who}; stop that one, or take another name"
        )
        self.name = name
        self.holder = holder


class Hold:
    """A subscription's lock file, held from ``take`` until ``release`` or the process's end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._descriptor >= 0

    def take(self) -> None:
        """Hold the file; raises ``SubscriptionHeld`` when another does."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise refused(f"cannot open {self._path}", error) from error
        try:
            if not _locked(descriptor):
                raise SubscriptionHeld(self._path.stem, _named(self._path))
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder = Holder(os.getpid(), socket.gethostname(), since)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(holder)).encode() + b"\n", 0)
        except OSError as error:
            os.close(descriptor)
            raise refused(f"cannot lock {self._path}", error) from error
        except SubscriptionHeld:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _holds.add(self)

    def release(self) -> None:
        """Let go."""
        if self.held:
            os.ftruncate(self._descriptor, 0)
            self.forget()

    def forget(self) -> None:
        """Close the file: a forked process must not hold it longer than the one that took it."""
        if self.held:
            os.close(self._descriptor)
            self._descriptor = -1


def holder(path: Path) -> Holder | None:
    """Who holds a lock file now; None when nobody does."""
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


def _locked(descriptor: int) -> bool:
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def _named(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):  # it has just been taken, and says nothing yet
        return None


_holds: weakref.WeakSet[Hold] = weakref.WeakSet()


def _forked() -> None:
    for hold in _holds:
        hold.forget()


os.register_at_fork(after_in_child=_forked)
