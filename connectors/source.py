"""``Source``: what an import reads, part by part; each format has a subclass of its own.

A part is what its file counts: a line of JSON Lines, a line of CSV, a document of a month. It is
read first, and turned into events only if the import has not covered it before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from event_log import NewEvent

Raw = TypeVar("Raw")


class Consumed(Protocol):
    """A file that is being read."""

    @property
    def consumed(self) -> int:
        """The bytes of the file that were read so far, before decompression; 0 if unknown."""


class Source(ABC, Generic[Raw]):
    """The numbered parts of a file, and the events that each part says."""

    part: ClassVar[str] = "line"
    """What a person calls a part of such a file."""

    def __init__(self, path: str, file: Consumed | None = None) -> None:
        """``file`` is what is read: it says how far that has come."""
        self.path = path
        self._file = file

    @property
    def size(self) -> int | None:
        """The size of the file in bytes; None for standard input."""
        return None if self.path == "-" else Path(self.path).stat().st_size

    @property
    def consumed(self) -> int:
        """The bytes of the file that were read so far, before decompression; 0 if unknown."""
        return 0 if self._file is None else self._file.consumed

    @abstractmethod
    def parts(self) -> Iterator[tuple[int, Raw]]:
        """The parts in order, each after its number; the numbers rise, from 1 or later.

        Raises ``UnreadableFile`` where the file cannot be read. What is wrong with one part only is
        told by ``events``.
        """

    @abstractmethod
    def events(self, part: Raw) -> Sequence[NewEvent]:
        """The events that a part says; raises ``InvalidEvent`` if it says none that is valid."""

    @abstractmethod
    def text(self, part: Raw) -> bytes:
        """A part as it stands in its file, to be set aside when it is bad."""

    def length(self, part: Raw) -> int:
        """About how many bytes of memory the events of a part take."""
        return len(self.text(part))

    def name(self, part: Raw) -> str | None:  # noqa: ARG002 - formats whose parts have names use it
        """What a part is called beside its number, for people; None if it has no name."""
        return None

    def settled(self, events: list[NewEvent]) -> list[NewEvent | None]:
        """The events as they are appended, in their order; None for one that says nothing new.

        It is given all events of the source, many at once. Here an event may get its id, or be
        compared with what the log has.
        """
        return list(events)
