"""What the next messages would become: a round that is turned and given up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors.capture.capture import Capture
from connectors.capture.kept import Kept
from connectors.capture.letters import Letter
from connectors.capture.source import Source
from connectors.mapping.declared import Mapping
from event_log import EventLog, NewEvent


@dataclass(frozen=True)
class Looked:
    """The messages that were looked at, and the events and dead letters that they would become."""

    messages: int
    events: list[NewEvent]
    letters: list[Letter]
    unmapped: int


def look(
    log: EventLog,
    mapping: Mapping,
    source: Source,
    folder: Path,
    count: int,
    tell: Callable[[str], None],
) -> Looked:
    """Turn the next messages into events, from where the connector is; nothing is kept.

    Fewer messages are looked at when the topics end before. It works on a copy of the connector's
    file, so the connector may run.
    """
    with tempfile.TemporaryDirectory(prefix="stet-look-") as scratch:
        kept = _copy(folder, Path(scratch), mapping.source)
        try:
            capture = Capture(log, mapping, source, kept, tell)
            round_ = capture.look(count)
            return Looked(
                capture.figures.messages,
                [event for event, _ in round_.events],
                list(round_.letters.values()),
                round_.unmapped,
            )
        finally:
            kept.close()


def _copy(folder: Path, scratch: Path, name: str) -> Kept:
    path, copied = Kept.path_of(folder, name), Kept.path_of(scratch, name)
    if path.exists():
        copied.parent.mkdir(parents=True)
        original = Kept(folder, name)
        try:
            original.copy_to(copied)
        finally:
            original.close()
    kept = Kept(scratch, name)
    kept.beside = path.parent
    return kept
