"""Witnesses: a small file outside the log that remembers the head it was last verified at.

The log alone cannot tell that its last commits were taken away, or written anew with everything
made to fit: what is left agrees with itself. A witness can, when it lies where those who can write
the log cannot. It keeps the frontier of the tree at its head, so that it says about where a log
differs that was rewritten as a whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from event_log.appending.duplicates import receipt_at
from event_log.digests.merkle import Frontier
from event_log.errors import DamagedLog, EventLogError
from event_log.files.log_digest import frontier_at
from event_log.log import EventLog
from event_log.proving.verify import Verified
from event_log.storage.disk import Disk
from event_log.storage.store import StoreError, hint

FORMAT = "stet-witness-1"
UNFINISHED = ".new"
DISK = Disk()


class InvalidWitness(EventLogError):
    """A file that is no witness, or one that cannot be kept there."""


@dataclass(frozen=True, slots=True)
class Witness:
    """That the log had ``sequence`` events, with this digest (hexadecimal), at an instant in UTC.

    ``frontier`` has the roots of the subtrees that these events fall into.
    """

    sequence: int
    digest: str
    frontier: Frontier
    seen_at: str

    def to_json(self) -> str:
        """The witness as it stands in its file."""
        content = {
            "format": FORMAT,
            "sequence": self.sequence,
            "digest": self.digest,
            "frontier": self.frontier.to_hex(),
            "seen_at": self.seen_at,
        }
        return json.dumps(content, indent=2) + "\n"


def read_witness(path: Path) -> Witness | None:
    """The witness in a file; None when there is no file. Raises ``InvalidWitness`` for others."""
    try:
        content: Any = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        frontier = Frontier.from_hex(content["sequence"], content["frontier"])
        if frontier.root.hex() != content["digest"]:
            raise ValueError("its digest is not that of its frontier")
        datetime.fromisoformat(content["seen_at"])
        return Witness(content["sequence"], content["digest"], frontier, content["seen_at"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidWitness(f"cannot read the witness {path}: {hint(error)}") from None
    except KeyError as error:
        reason = f"it has no {error.args[0]!r}"
    except (AttributeError, TypeError):
        reason = "its parts are not a witness's"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    raise InvalidWitness(
        f"{path} is no witness ({reason}); restore it from a copy, or name another file"
    )


def verify_with_witness(log: EventLog, path: Path, disk: Disk = DISK) -> tuple[Verified, Witness]:
    """Verify a log as a whole and against the witness in a file, which then moves on to the head.

    The first time there is no file, and it is written. Of several that verify at once none moves
    it back. Raises ``DamagedLog`` when the log is not what it was or has less events than it had;
    the witness then stays as it is, as it does for every other error.

    >>> import tempfile
    >>> log = EventLog(tempfile.mkdtemp(), ())
    >>> verified, witness = verify_with_witness(log, Path(tempfile.mkdtemp()) / "witness.json")
    >>> witness.sequence == verified.last == log.head
    True
    """
    path = path.resolve()
    if path.is_relative_to(log.path.resolve()):
        raise InvalidWitness(
            f"{path} lies in the log that it is to witness; keep it on another disk or machine"
        )
    read_witness(path)
    with _next(path):
        pass  # what cannot be written is told before a long verification, not after it
    verified = log.verify()
    with _next(path):
        kept = read_witness(path)
        if kept is not None:
            check(log, kept, path)
            if kept.sequence >= verified.last:
                return verified, kept
        moved = _seen(log, verified)
        _replace(path, moved.to_json(), disk)
        return verified, moved


def _seen(log: EventLog, verified: Verified) -> Witness:
    """What was verified as a witness has it, once power loss cannot take it back."""
    last, commits = verified.last, log.at(verified.last).commits
    if last:
        receipt_at(commits, last)  # given for what is durable: its writer may still be at that
    frontier = frontier_at(commits, last)
    if frontier.root.hex() != verified.digest:
        raise DamagedLog("the log was changed while it was verified; restore it from a backup")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Witness(last, verified.digest, frontier, now)


def check(log: EventLog, kept: Witness, path: Path) -> None:
    """Raise ``DamagedLog`` unless the log has what a witness saw."""
    head = log.head
    saw = f"but the witness {path} saw {kept.sequence} at {kept.seen_at}"
    if head < kept.sequence:
        raise DamagedLog(
            f"the log has {head} events, {saw}: its end is missing; restore it from a backup",
            head + 1,
        )
    found = frontier_at(log.at(kept.sequence).commits, kept.sequence)
    if found != kept.frontier:
        first, last = _differing(found, kept.frontier)
        raise DamagedLog(
            f"through sequence {kept.sequence} the log has the digest {found.root.hex()}, where "
            f"the witness {path} saw {kept.digest} at {kept.seen_at}: it is another log, or was "
            f"rewritten, first among the sequences {first} to {last}; compare it with a backup"
        )


def _differing(found: Frontier, kept: Frontier) -> tuple[int, int]:
    """The first and last sequence below the first subtree that differs."""
    first, left = 1, kept.size
    for one, other in zip(found.subtrees, kept.subtrees, strict=True):
        size = 1 << (left.bit_length() - 1)
        if one != other:
            return first, first + size - 1
        first, left = first + size, left - size
    raise ValueError("the frontiers are equal")


@contextlib.contextmanager
def _next(path: Path) -> Iterator[None]:
    """Hold the file that is to replace a witness: one at a time does.

    Its name is fixed, so that one who was killed leaves nothing that the next does not take.
    """
    name = path.with_name(path.name + UNFINISHED)
    descriptor = _locked(name)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):  # renamed, or its folder was removed
            if os.path.samestat(os.fstat(descriptor), name.stat()):
                name.unlink()
        os.close(descriptor)


def _locked(name: Path) -> int:
    while True:
        with _hints(name):
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), name.stat()):
                return descriptor
        os.close(descriptor)  # who had it has renamed or removed it meanwhile


def _replace(path: Path, text: str, disk: Disk) -> None:
    """Durable when this returns; the file that is renamed is the one that is locked."""
    name = path.with_name(path.name + UNFINISHED)
    with _hints(name):
        disk.write(name, lambda file: _write(file, text))
        disk.sync(name)
        disk.rename(name, path)
        disk.sync(path.parent)


def _write(file: Path, text: str) -> None:
    file.write_text(text)


@contextlib.contextmanager
def _hints(path: Path) -> Iterator[None]:
    """Say what the file system refused."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidWitness(f"there is no folder {path.parent}; make it first") from None
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {hint(error)}. The witness was not moved on."
        ) from error
