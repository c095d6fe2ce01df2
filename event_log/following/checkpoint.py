"""Checkpoints: the last sequence that a subscription has handled, kept in a small file.

A checkpoint has the log's digest at its sequence. The digest detects a checkpoint of another log,
or of a log that was restored from an older backup and has grown differently since.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from event_log.errors import EventLogError
from event_log.storage.disk import durable_rename, fsync
from event_log.storage.store import StoreError, hint

SUFFIX = ".json"


class InvalidCheckpoint(EventLogError):
    """The checkpoint cannot be used: it is unreadable, of another log, or of fewer categories."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The events 1 to ``sequence`` of the categories (None: of all) are handled.

    ``digest`` is the log's at that sequence, hexadecimal; ``written_at`` an instant in UTC.
    """

    name: str
    sequence: int
    digest: str
    written_at: str
    categories: tuple[str, ...] | None


def read(path: Path) -> Checkpoint | None:
    """Read the checkpoint in a file; None when there is no file."""
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    fields = {"name": str, "sequence": int, "digest": str, "written_at": str}
    for name, kind in fields.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise _unreadable(path, f"it has no {name}")
    chosen = content.get("categories")
    if chosen is not None and not (
        isinstance(chosen, list) and all(isinstance(name, str) for name in chosen)
    ):
        raise _unreadable(path, "its categories are no list of names")
    categories = None if chosen is None else tuple(chosen)
    return Checkpoint(**{name: content[name] for name in fields}, categories=categories)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in a file; it survives power loss when this returns.

    Only one may write a file at a time: its holder.
    """
    unfinished = path.with_suffix(f"{SUFFIX}.new")
    try:
        unfinished.write_text(json.dumps(asdict(checkpoint), indent=2) + "\n")
        durable_rename(unfinished, path)
    except OSError as error:
        raise refused(f"cannot write the checkpoint {path}", error) from error


def make_folder(folder: Path) -> None:
    """Make the folder for checkpoints; it survives power loss when this returns."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in new:
            fsync(path.parent)
    except OSError as error:
        raise refused(f"cannot make the folder {folder}", error) from error


def refused(what: str, error: OSError) -> StoreError:
    """Return the error for a refusal of the file system, which loses no events."""
    return StoreError(f"{what}: {hint(error)}. Events handled since the last one will come again.")


def _unreadable(path: Path, reason: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"{path} is no checkpoint ({reason}); reset the subscription, or restore the file"
    )
