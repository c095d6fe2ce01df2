"""Witnesses: a small file outside the log, with the head at its last verification.

A witness detects a truncated or rewritten log, which verification alone cannot: the rest of a
truncated log is consistent, and so is a log that was rewritten with new digests. Keep the witness
where those who can write the log cannot write. It has the frontier of the Merkle tree at its head,
which narrows down where a rewritten log differs.
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
    """The file is not a witness, or a witness cannot be kept there."""


@dataclass(frozen=True, slots=True)
class Witness:
    """The head of a log at an instant in UTC: ``sequence`` events with this digest (hexadecimal).

    ``frontier`` is the frontier of the Merkle tree over these events.
    """

    sequence: int
    digest: str
    frontier: Frontier
    seen_at: str

    def to_json(self) -> str:
        """Return the witness as the text of its file."""
        content = {
            "format": FORMAT,
            "sequence": self.sequence,
            "digest": self.digest,
            "frontier": self.frontier.to_hex(),
            "seen_at": self.seen_at,
        }
        return json.dumps(content, indent=2) + "\n"


def read_witness(path: Path) -> Witness | None:
    """Return the witness in a file, None without a file; raises ``InvalidWitness`` for others."""
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
    """Verify a whole log and compare it with a witness file, then move the witness to the head.

    The first time there is no file, and it is written. Processes that verify at the same time
    never move it back. Raises ``DamagedLog`` when the log is damaged, rewritten or truncated. After
    an error the witness is unchanged.

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
        pass  # fail before a long verification, not after it, if the file cannot be written
    verified = log.verify()
    with _next(path):
        kept = read_witness(path)
        if kept is not None:
            check(log, kept, path)
            if kept.sequence >= verified.last:
                return verified, kept
        moved = _witness_of(log, verified)
        _replace(path, moved.to_json(), disk)
        return verified, moved


def _witness_of(log: EventLog, verified: Verified) -> Witness:
    """Return the witness of a verified log, after making its last commit durable."""
    last, commits = verified.last, log.at(verified.last).commits
    if last:
        receipt_at(commits, last)  # makes it durable: its writer may not have come to that yet
    frontier = frontier_at(commits, last)
    if frontier.root.hex() != verified.digest:
        raise DamagedLog("the log was changed while it was verified; restore it from a backup")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Witness(last, verified.digest, frontier, now)


def check(log: EventLog, kept: Witness, path: Path) -> None:
    """Raise ``DamagedLog`` unless the log has the witness's head with the same digest."""
    head = log.head
    saw = f"but the witness {path} saw {kept.sequence} at {kept.seen_at}"
    if head < kept.sequence:
        raise DamagedLog(
            f"the log has {head} events, {saw}: its end is missing; restore it from a backup",
            head + 1,
        )
    frontier = frontier_at(log.at(kept.sequence).commits, kept.sequence)
    if frontier != kept.frontier:
        first, last = _differing(frontier, kept.frontier)
        raise DamagedLog(
            f"through sequence {kept.sequence} the log has the digest {frontier.root.hex()}, where "
            f"the witness {path} saw {kept.digest} at {kept.seen_at}: it is another log, or was "
            f"rewritten, first among the sequences {first} to {last}; compare it with a backup"
        )


def _differing(actual: Frontier, kept: Frontier) -> tuple[int, int]:
    """Return the first and last sequence below the first subtree that differs."""
    first, left = 1, kept.size
    for one, other in zip(actual.subtrees, kept.subtrees, strict=True):
        size = 1 << (left.bit_length() - 1)
        if one != other:
            return first, first + size - 1
        first, left = first + size, left - size
    raise ValueError("the frontiers are equal")


@contextlib.contextmanager
def _next(path: Path) -> Iterator[None]:
    """Hold the lock on the file that is to replace a witness.

    Its name is fixed, so that the next process reuses what a killed process left.
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
        os.close(descriptor)  # the previous holder has renamed or removed it meanwhile


def _replace(path: Path, text: str, disk: Disk) -> None:
    """Replace the witness durably, by renaming the locked file."""
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
    """Turn errors of the file system into ones that say what to do."""
    try:
        yield
    except FileNotFoundError:
        raise InvalidWitness(f"there is no folder {path.parent}; make it first") from None
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {hint(error)}. The witness was not moved on."
        ) from error
