"""Moves: positions that producers reached without an event, each in a small file.

A move is no part of the log. It says that what a producer has read since its last commit gave no
event that the log lacks. It counts only while that commit is the producer's last, and in the log in
which it was made; so one that is lost, damaged or stale loses nothing: what gave no events is read
again. ``FORMAT.md`` describes the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import orjson

from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at

FOLDER = "positions"
SUFFIX = ".json"
LONGEST, KEPT = 200, 120
"""The most characters of a file's name before its suffix, and those kept of a longer one."""
KEYS = ("producer", "from", "position", "sequence", "digest")
"""The names in the file of what a move has."""
ENCODED = re.compile(rb"[^a-z0-9._-]|^\.")


@dataclass(frozen=True, slots=True)
class Move:
    """A producer came from the position of its last commit to another one.

    The log's digest at ``sequence``, its head then, was ``digest``.
    """

    producer: str
    begin: int
    position: int
    sequence: int
    digest: str

    def to_json(self) -> bytes:
        """Return the file's content."""
        content = dict(zip(KEYS, astuple(self), strict=True))
        return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, text: bytes) -> Move | None:
        """Parse a file's content; None when it is damaged or something else."""
        try:
            content: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(content, dict):
            return None
        values: list[Any] = [content.get(name) for name in KEYS]
        move = cls(*values)
        if not isinstance(move.producer, str) or not isinstance(move.digest, str):
            return None
        numbers = (move.begin, move.position, move.sequence)
        return move if all(type(value) is int and value >= 0 for value in numbers) else None


def name_of(producer: str) -> str:
    """Return the name of a producer's file: for every name another, on every file system.

    >>> name_of("import:sea"), name_of("Wire")
    ('positions/import=3asea.json', 'positions/=57ire.json')
    """
    encoded = ENCODED.sub(lambda found: b"=%02x" % found[0][0], producer.encode()).decode()
    if len(encoded) > LONGEST:
        encoded = f"{encoded[:KEPT]}=-{hashlib.sha256(producer.encode()).hexdigest()}"
    return f"{FOLDER}/{encoded}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where producers are, and what their files were when that was read.

    ``committed`` has the position of each one's last commit, and the last sequence of that.
    """

    positions: Mapping[str, int]
    committed: Mapping[str, tuple[int, int]]
    marks: Mapping[str, object]


class Moves:
    """The moves of a log's producers; safe among threads and processes."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._checked: dict[str, tuple[int, str]] = {}
        """By producer the sequence and digest of its last move, which the log has."""

    def standing(
        self, producers: Collection[str], committed: Mapping[str, tuple[int, int]]
    ) -> Standing:
        """Return where producers are: at what they committed, or where they moved from there."""
        names = {name: name_of(name) for name in producers}
        held = self._commits.store.contents(names.values()) if names else {}
        positions = {}
        for producer, name in names.items():
            begin = committed.get(producer, (0, 0))[0]
            move = Move.from_json(held[name][0]) if name in held else None
            counts = move and move.producer == producer and move.begin == begin
            moved = move.position if move and counts and self._belongs(move) else begin
            positions[producer] = max(begin, moved)
        return Standing(positions, committed, {name: mark for name, (_, mark) in held.items()})

    def move(self, positions: Mapping[str, int], standing: Standing, head: int) -> bool:
        """Move producers to positions, durably; False when a file is not what it was."""
        digest = digest_at(self._commits, head).hex()
        contents = {}
        for producer, position in positions.items():
            begin = standing.committed.get(producer, (0, 0))[0]
            move = Move(producer, begin, position, head, digest)
            contents[name_of(producer)] = move.to_json()
        seen = {name: mark for name, mark in standing.marks.items() if name in contents}
        return self._commits.store.replace(contents, seen)

    def _belongs(self, move: Move) -> bool:
        """Return whether the log is the one in which the move was made, and has not lost events."""
        made = (move.sequence, move.digest)
        if self._checked.get(move.producer) == made:
            return True
        if move.sequence > self._commits.last:
            return False
        if digest_at(self._commits, move.sequence).hex() != move.digest:
            return False
        self._checked[move.producer] = made
        return True
