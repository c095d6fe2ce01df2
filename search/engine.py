"""The engine's protocol, and the types that it takes and returns.

Outside ``search.embedded`` and ``search.elastic`` an engine is known only by this protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from search.errors import SearchError
from search.query import Query

if TYPE_CHECKING:
    from search.generations import Pointer

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
    """The metadata of one built index of a view: its number, and what it was built from."""

    view: str
    generation: int
    sequence: int
    documents: int
    bytes: int
    code_version: int
    mapping: str
    """The version of the engine's layout and the digest of the view's mapping."""
    built_at: str


@dataclass(frozen=True)
class Change:
    """The changes of one step in one generation."""

    view: str
    generation: int
    documents: Path | None = None
    """A Parquet file of the new and changed documents; None without any."""
    gone: Sequence[str] = ()
    """The ids of the documents to delete."""


@dataclass(frozen=True)
class Hit:
    """A document that matches a query. Title and fragments are HTML: escaped, matches marked."""

    id: str
    score: float | None
    """How well it matches; None when hits are sorted by date or the query has no text."""
    title: str
    fragments: dict[str, str]
    """By the name of the text, one piece of it with ``<mark>`` around the words that match."""
    document: dict[str, Any]
    date: str | None = None
    """The document's date, by which it is sorted; None when its view has no date."""


@dataclass(frozen=True)
class Answer:
    """The result of a query: the total number of hits, one page of them, and the facets of all."""

    total: int
    hits: list[Hit]
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By facet, its values and how many hits have each: most frequent first, at most 100."""
    histogram: list[tuple[str, int]] = field(default_factory=list)
    """The number of hits by decade, year or month (``1912-04``), oldest first; none is 0."""
    matching: str = "all"
    """``all``: each hit has all words. ``any``: hits have some; those with more come first."""
    note: str | None = None
    """How the query was understood, where that is not as it was written."""
    suggestion: str | None = None
    """The text with words that are in the index, where it has words that are not."""
    generation: int = 0
    sequence: int = 0
    """The sequence of the log that the answer is as of."""
    behind: int = 0
    """How many events the log has that the live index does not have yet, if that is known."""


@dataclass(frozen=True)
class Loading:
    """The progress of a load.

    >>> str(Loading("articles", 4_000, 10_000, 2.0))
    'articles: 4,000 of 10,000 documents indexed, 2,000 a second, about 3 s left'
    """

    view: str
    documents: int
    of: int
    seconds: float
    note: str = ""
    """The reason why the load waits, if it does."""

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        done = f"{self.view}: {self.documents:,} of {self.of:,} documents indexed"
        if self.note:
            return f"{done}; {self.note}"
        if not self.rate:
            return done
        left = (self.of - self.documents) / self.rate
        return f"{done}, {self.rate:,.0f} a second, about {left:,.0f} s left"


LoadProgress = Callable[[Loading], None]


class Engine(Protocol):
    """A search backend: it builds generations of views beside the live ones, and searches.

    A generation is created, loaded and refreshed, and becomes live when it is promoted. A
    promotion or roll-back of several views is visible to readers all at once.
    """

    folder: Path
    """The folder in the archive with the locks and checks of this engine's generations."""
    identity: str
    """The name that distinguishes this engine from others of the same archive."""

    def mapping(self, view: str) -> str:
        """The value that ``Generation.mapping`` has for a generation built now."""

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin an empty generation; what an unfinished attempt left of it is deleted."""

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file; returns how many they were.

        ``tell`` is called with the progress every few seconds.
        """

    def rejected(self, view: str, generation: int) -> set[str]:
        """The ids of documents that could not be indexed and are dead letters."""

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:
        """Index rejected documents again, all or those of ``keys``; returns how many succeeded."""

    def refresh(self, view: str, generation: int, merge: bool = False) -> Generation:
        """Make all loaded documents durable and searchable; ``merge`` makes one segment of them."""

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence in one step; returns them by view.

        ``changes`` belong to some of these views and none is empty. They are taken one by one:
        each is written while the next is computed. When computing one fails, so does the step.

        The changes are searchable when this returns. Repeating a step changes nothing, wherever
        it was killed before. A dead letter of an earlier sequence can no longer be replayed.
        ``documents`` and ``bytes`` of the generations returned may be those before the step;
        ``generations`` returns the current ones. What the next step needs stays open until
        ``close``.
        """

    def close(self) -> None:
        """Close what steps keep open between them; the engine can be used on, steps included."""

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its stored JSON, sorted by id."""

    def promote(self, generations: Mapping[str, int]) -> None:
        """Make these generations live at the same moment; other views stay as they are."""

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Undo the last promotion, or as many as it takes until generation ``to`` is live.

        Returns the live generations by view. All views change at the same moment, or none.
        """

    def drop(self, view: str, generation: int) -> None:
        """Delete a generation; ``SearchError`` while it is live or kept for roll-back."""

    def clear(self, keep: int | None = None) -> list[int]:
        """Delete generations that are not live, not kept for roll-back and not being built.

        ``keep`` stays in any case. Returns the numbers of those deleted.
        """

    def numbers(self) -> set[int]:
        """The numbers of all generations, finished or not."""

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""

    def pointer(self) -> Pointer:
        """Each view's live generation, and those that are kept to go back or forward to."""

    def serving(self) -> dict[str, Generation]:
        """The live generations by view."""

    def search(self, query: Query) -> Answer:
        """Answer a query from the live generation of its view."""
