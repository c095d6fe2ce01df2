"""``Tally``: which documents of another view count in a document, and where they are listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tally:
    """What a view's documents count and list of another view's documents, which have a date.

    A document there that is under embargo is taken out again of what readers see here: it counts
    no more, is in no list, and is found by no word, filter or facet. Its fields are paths, as those
    of a view: the first ones into the documents there, the others into the documents here.

    >>> tally = Tally("articles", by="bylines.id", count="article_count",
    ...               counts={"coauthors": "bylines"}, cards={"latest": ("id", "headline")})
    >>> tally.lists
    ('coauthors', 'latest')
    """

    of: str
    """The other view."""
    by: str
    """Where its documents name those in which they count; for a view of days, their instant."""
    ids: Sequence[str] = ("id",)
    """Where a document has what names it: its id, and the ids of others that it counts for too."""
    count: str | None = None
    """The number of documents that count."""
    counts: Mapping[str, str] = field(default_factory=dict)
    """By list of items with ``id`` and ``count``, the structs there that are counted.

    The most frequent come first, then those of the lower id.
    """
    cards: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By list of the documents themselves, the fields of each item, in order, as paths there."""
    oldest_first: bool = False
    """Whether such a list begins with the oldest, not with the newest."""
    most: Mapping[str, int] = field(default_factory=dict)
    """The most items of lists that are cut."""
    newest: Mapping[str, str] = field(default_factory=dict)
    """By field that has the date of the newest one, where the first item of a list has it."""
    together: int | None = None
    """How many of the structs at ``by`` count as being together: the first; all if ``None``."""
    days: bool = False
    """Whether the documents are days; the view says so itself."""

    def __post_init__(self) -> None:
        """Take one path for a list of one; lists become tuples, as they are read from JSON."""
        object.__setattr__(self, "ids", _as_tuple(self.ids))
        cards = {name: _as_tuple(fields) for name, fields in self.cards.items()}
        object.__setattr__(self, "cards", cards)

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists that another view's documents are counted or shown in."""
        return (*self.counts, *self.cards)

    @property
    def touched(self) -> frozenset[str]:
        """The fields of a document that say something of the other view's documents."""
        single = [] if self.count is None else [self.count]
        return frozenset((*self.lists, *self.newest, *single))

    def paths(self) -> Iterator[str]:
        """The paths into the documents of the view that declares it, which must be there."""
        yield from self.ids
        yield from () if self.count is None else (self.count,)
        for name in self.counts:
            yield from (f"{name}.id", f"{name}.count")
        for name, fields in self.cards.items():
            yield from (f"{name}.{path}" for path in fields)
        for name, path in self.newest.items():
            yield from (name, path)

    def wrong(self) -> str | None:
        """What is wrong with it that can be said without documents; ``None`` if nothing is."""
        texts = (self.of, self.by, *self.paths(), *self.counts.values())
        if not all(isinstance(text, str) and text for text in texts):
            return "names views, fields and paths by texts that are not empty"
        for name in self.most:
            if name not in self.lists:
                there = ", ".join(self.lists) or "none"
                return f"most: there is no list {name!r}; there is {there}"
        for name, path in self.newest.items():
            if path.partition(".")[0] not in self.cards:
                there = ", ".join(self.cards) or "none"
                return f"newest: {name} is of no list of cards; there is {there}"
        missing = [name for name, fields in self.cards.items() if "id" not in fields]
        return f"cards: {missing[0]} has no id among its fields" if missing else None


def _as_tuple(paths: Sequence[str]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else tuple(paths)
