"""Manifests: which events are sealed, and in which files.

A manifest is a small JSON file that never changes. Its name has the first sequence that it seals
beyond the manifest before it, so its creator owns that step: of two that seal at once one wins. It
lists everything that is sealed, so only the last manifest is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from event_log.digests import checksum
from event_log.digests.merkle import Frontier
from event_log.errors import DamagedLog, EventLogError

FOLDER = "sealed"
PREFIX = "_manifest-"
SUFFIX = ".json"
FORMAT = 2
SPAN = 65_536
"""Events in a span: sequences ``k * SPAN + 1`` to ``(k + 1) * SPAN``. Within a span the events of
a sealed file are sorted by stream. So reading a log in order needs one span in memory."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One Parquet file of sealed events: of one category, month and schema version."""

    name: str
    """The path below the log's folder, with the partition."""
    category: str
    schema_version: int
    first: int
    last: int
    events: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive events that were sealed together, and the files that hold them."""

    first: int
    last: int
    recorded_from: int
    """When the first event was recorded, in microseconds since 1970."""
    recorded_to: int
    digest: str
    """The log's digest at ``last``, hexadecimal."""
    files: tuple[SealedFile, ...]

    @property
    def events(self) -> int:
        """The number of its events."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is sealed: the events 1 to ``through``."""

    since: int = 0
    """The first sequence that it seals beyond the manifest before it; part of its name."""
    through: int = 0
    sealed_at: float = 0.0
    """Seconds since 1970 by the sealing process's clock; used for the grace period only."""
    frontier: Frontier = field(default_factory=Frontier.empty)
    spans: tuple[bytes, ...] = ()
    """The Merkle roots of the whole spans, from the first."""
    groups: tuple[Group, ...] = ()
    producers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The last position of each producer, and the last sequence of the commit with it."""

    @property
    def name(self) -> str:
        """Its file's name below the log's folder."""
        return name_of(self.since)

    @property
    def recorded_to(self) -> int:
        """When the last sealed event was recorded; 0 when nothing is sealed."""
        return self.groups[-1].recorded_to if self.groups else 0

    def files(self) -> set[str]:
        """Return the names of all files that it lists."""
        return {file.name for group in self.groups for file in group.files}

    def frontier_at_span(self, span: int) -> Frontier:
        """Return the frontier of the events before a span, from the roots of the spans."""
        above = Frontier.empty().append(b"".join(self.spans[:span]))
        return Frontier.from_hex(span * SPAN, above.to_hex())

    def to_json(self) -> bytes:
        """Return the manifest as the content of its file."""
        content = {
            "format": FORMAT,
            "since": self.since,
            "through": self.through,
            "sealed_at": self.sealed_at,
            "digest": self.frontier.root.hex(),
            "frontier": self.frontier.to_hex(),
            "spans": [root.hex() for root in self.spans],
            "groups": [asdict(group) for group in self.groups],
            "producers": dict(self.producers),
        }
        content[checksum.KEY] = checksum.EMPTY
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        return checksum.stamped(text)

    @classmethod
    def from_json(cls, text: bytes, name: str) -> Manifest:
        """Parse the manifest in a file; raises ``DamagedLog`` when it is not whole."""
        try:
            content = orjson.loads(text)
            if content["format"] > FORMAT:
                raise EventLogError(
                    f"{FOLDER}/{name} has the format {content['format']}, which is newer than this "
                    "version of Stet; install a newer one"
                )
            parsed = _read(content)
            if parsed.name != f"{FOLDER}/{name}":
                raise ValueError("the manifest has another name")
            if checksum.stamped(text) != text:
                raise ValueError("it is not as it was written")
            if parsed.frontier.root.hex() != content["digest"]:
                raise ValueError("the frontier is not that of the digest")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedLog(
                f"{FOLDER}/{name} is not a whole manifest ({error}); restore it from a backup", 1
            ) from None
        _check(parsed, name)
        return parsed


def _read(content: Mapping[str, Any]) -> Manifest:
    return Manifest(
        since=content["since"],
        through=content["through"],
        sealed_at=content["sealed_at"],
        frontier=Frontier.from_hex(content["through"], content["frontier"]),
        spans=tuple(bytes.fromhex(root) for root in content["spans"]),
        groups=tuple(
            Group(**{**group, "files": tuple(SealedFile(**file) for file in group["files"])})
            for group in content["groups"]
        ),
        producers={name: (place[0], place[1]) for name, place in content["producers"].items()},
    )


def _check(parsed: Manifest, name: str) -> None:
    """Raise ``DamagedLog`` unless the groups follow one another from 1 to ``through``."""
    expected = 1
    for group in parsed.groups:
        if group.first != expected or group.last < group.first:
            raise DamagedLog(
                f"{FOLDER}/{name} has no group that begins there; restore it from a backup",
                expected,
            )
        expected = group.last + 1
    if expected != parsed.through + 1 or len(parsed.spans) != parsed.through // SPAN:
        raise DamagedLog(
            f"{FOLDER}/{name} does not list what it says is sealed; restore it from a backup",
            expected,
        )
    if parsed.groups and parsed.groups[-1].digest != parsed.frontier.root.hex():
        raise DamagedLog(
            f"{FOLDER}/{name} has two digests of what is sealed; restore it from a backup",
            parsed.groups[-1].first,
        )


def name_of(since: int) -> str:
    """Return the name of the manifest that seals from a sequence on."""
    return f"{FOLDER}/{PREFIX}{since:020d}{SUFFIX}"


def last_of(names: Iterable[str]) -> str | None:
    """Return the last manifest among the names of files in the folder."""
    return max((n for n in names if n.startswith(PREFIX) and n.endswith(SUFFIX)), default=None)


def span_of(sequence: int) -> int:
    """Return the number of the span that holds a sequence, from 0."""
    return (sequence - 1) // SPAN
