"""What an engine can do. Everything else in this room, and above it, knows engines only by this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from search.errors import SearchError
from search.query import Query

__all__ = [
    "Answer",
    "Change",
    "Engine",
    "Generation",
    "Hit",
    "LoadProgress",
    "Loading",
    "SearchError",
]


@dataclass(frozen=True)
class Generation:
    """One built index of a view, and what it was built from."""

    view: str
    generation: int
    sequence: int
    documents: int
    bytes: int
    code_version: int
    mapping: str
    """The digest of how the view was indexed."""
    built_at: str


@dataclass(frozen=True)
class Change:
    """What a step changes in one generation."""

    view: str
    generation: int
    documents: Path | None = None
    """Parquet of the documents that are new or different, if there are any."""
    gone: Sequence[str] = ()
    """The ids of those that ceased."""


@dataclass(frozen=True)
class Hit:
    """A document that was found. Title and fragments are HTML: text escaped, matches marked."""

    id: str
    score: float | None
    """How well it matches; none when the order is by date, or there was nothing to match."""
    title: str
    fragments: dict[str, str]
    """By the name of the text, what of it matched: one piece with ``<mark>`` around the words."""
    document: dict[str, Any]
    date: str | None = None
    """The document's date, by which it is sorted; none when its view has no date."""


@dataclass(frozen=True)
class Answer:
    """What a query found: how many in all, one page of hits, and the facets of all of them."""

    total: int
    hits: list[Hit]
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By name, values and how many documents have them: the most frequent first, at most 100."""
    matching: str = "all"
    """``all``: each hit has all words. ``any``: hits have some, and those with more come first."""
    note: str | None = None
    """What the reader should know about how the text was understood."""
    generation: int = 0
    sequence: int = 0
    """The log's sequence that the answer is as of."""


@dataclass(frozen=True)
class Loading:
    """How far a load has come.

    >>> str(Loading("articles", 4_000, 10_000, 2.0))
    'articles: 4,000 of 10,000 documents indexed, 2,000 a second, about 3 s left'
    """

    view: str
    documents: int
    of: int
    seconds: float
    note: str = ""
    """Why nothing comes forward just now, if nothing does."""

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        told = f"{self.view}: {self.documents:,} of {self.of:,} documents indexed"
        if self.note:
            return f"{told}; {self.note}"
        if not self.documents:
            return told
        left = (self.of - self.documents) / self.rate
        return f"{told}, {self.rate:,.0f} a second, about {left:,.0f} s left"


LoadProgress = Callable[[Loading], None]


class Engine(Protocol):
    """A search backend: it builds generations of views beside those that serve, and searches.

    A generation is created, loaded, and refreshed; it serves when it is promoted. Readers see
    promotions and roll backs of several views all at once.
    """

    folder: Path
    """Where, in the archive, this engine's generations have their locks and notes."""
    identity: str
    """Tells this engine from others with which the same archive may be searched."""

    def mapping(self, view: str) -> str:
        """How the view would be indexed now: what ``Generation.mapping`` would say."""

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin a generation, empty; what an unfinished attempt left of it goes away."""

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file, and say how many they were.

        ``tell`` is told every few seconds how far it is.
        """

    def rejected(self, view: str, generation: int) -> set[str]:
        """The ids of documents that could not be indexed: they are dead letters."""

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:
        """Try again to index documents that were rejected; returns how many were taken."""

    def refresh(self, view: str, generation: int, merge: bool = False) -> Generation:
        """Make all that was loaded durable and searchable, on request merged into one piece."""

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence, in one step; by view, what they are.

        ``changes`` are of some of these views and not empty. They are taken one by one: each is
        written while the next is made; when making one fails, so does the step.

        What changed is searchable when this returns. Doing the same step again changes nothing,
        wherever it was killed before. A dead letter of an earlier sequence can no longer be
        replayed. ``documents`` and ``bytes`` of what is returned may be those of before: who
        wants to know them asks ``generations``. What a next step needs stays open: see ``close``.
        """

    def close(self) -> None:
        """Let go of what steps keep open; the engine can be used, and steps again, as before."""

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its JSON as it is kept, sorted by id."""

    def promote(self, generations: Mapping[str, int]) -> None:
        """Let these generations serve, all from the same moment on; other views stay."""

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Let serve what served before the last promotion, or before that, until ``to`` serves.

        Returns what serves now. All of it changes at the same moment, or nothing.
        """

    def drop(self, view: str, generation: int) -> None:
        """Remove a generation; refused while it serves, or may be rolled back to."""

    def clear(self, keep: int | None = None) -> list[int]:
        """Remove generations that neither serve nor may be rolled back to, nor are being built."""

    def numbers(self) -> set[int]:
        """The numbers of all generations that there are, finished or not."""

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""

    def serving(self) -> dict[str, Generation]:
        """By view, the generation that serves."""

    def search(self, query: Query) -> Answer:
        """Answer a query from what serves now."""
