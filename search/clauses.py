"""Clauses: what a parsed text asks of a document. Engines turn their tree into queries."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from search.analysis import pairs, words
from search.english import STOP_WORDS
from search.normalizing import is_unspaced

_APOSTROPHE = re.compile("['’‘`´]")
MOST_WORDS_THAT_ALL_MATCH = 4
"""With more words than this, requiring all of them finds nothing on judged collections."""


@dataclass(frozen=True)
class Word:
    """A word, in any of its forms: ``election`` finds ``elections``."""

    text: str
    field: str | None = None
    forms: tuple[Clause, ...] = dataclasses.field(default=(), compare=False, repr=False)
    """Other ways to write it, of which one is as good: ``women``, ``e-mail``."""
    times: int = dataclasses.field(default=1, compare=False, repr=False)
    """How often the text says it."""


@dataclass(frozen=True)
class Phrase:
    """Exact words, one after the other, with up to ``apart`` other words between them."""

    text: str
    field: str | None = None
    apart: int = 0


@dataclass(frozen=True)
class Prefix:
    """The beginning of a word."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Pattern:
    """A word with ``*`` for any letters and ``?`` for one letter."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Filter:
    """One of these values of a filter. Case and accents do not matter; ``*`` ends a beginning."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Dates:
    """A range of dates, in microseconds since 1970, both ends included; None is no end."""

    first: int | None
    last: int | None


@dataclass(frozen=True)
class Every:
    """All of these clauses."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Either:
    """One of these clauses at least."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Not:
    """All documents without this clause."""

    clause: Clause


TextClause = Word | Phrase | Prefix | Pattern
"""A clause about words of the texts."""
Clause = Word | Phrase | Prefix | Pattern | Filter | Dates | Every | Either | Not


@dataclass(frozen=True)
class Group:
    """Clauses joined by ``OR``, of which one must match; mostly there is only one."""

    clauses: tuple[Clause, ...]
    required: bool = False
    """Whether it must match in any case, because ``AND`` or ``+`` stands before it."""

    @property
    def loose(self) -> bool:
        """Whether the group is only words, which need not all match; operators always count."""
        return not self.required and all(
            isinstance(clause, Word) and clause.field is None for clause in self.clauses
        )

    @property
    def scores(self) -> bool:
        """Whether the group orders hits: filters and dates do not."""
        return any(scores(clause) for clause in self.clauses)


@dataclass(frozen=True)
class Parsed:
    """A parsed text: groups to match, clauses to exclude, and a note for the reader."""

    groups: tuple[Group, ...] = ()
    excluded: tuple[Clause, ...] = ()
    everything: bool = False
    note: str | None = None
    optional: tuple[Clause, ...] = ()
    """Clauses that only order hits: the quotations of a long text."""
    said: tuple[str, ...] = ()
    """The words that need not all match, as often as the text says them and in its order."""

    @property
    def loose(self) -> tuple[Group, ...]:
        """The groups of words, which need not all match."""
        return tuple(group for group in self.groups if group.loose)

    @property
    def required(self) -> tuple[Group, ...]:
        """The groups that must match."""
        return tuple(group for group in self.groups if not group.loose)

    @property
    def loose_words(self) -> tuple[Clause, ...]:
        """The words of which any may match, also those inside a compound or an unspaced run.

        A word that comes several times in them is there once, and knows how often.
        """
        found: dict[tuple[str, ...], Clause] = {}
        for group in self.loose:
            for clause in group.clauses:
                for part in parts_of(clause) if isinstance(clause, Word) else (clause,):
                    key = words(part.text) if isinstance(part, Word) else (repr(part),)
                    known = found.get(key)
                    if isinstance(known, Word) and isinstance(part, Word):
                        forms = tuple(dict.fromkeys((*known.forms, *part.forms)))
                        part = replace(known, forms=forms, times=known.times + part.times)
                    found[key] = part
        return tuple(found.values())

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses that a hit may match."""
        return (*(clause for group in self.groups for clause in group.clauses), *self.optional)

    @property
    def scored(self) -> bool:
        """Whether hits are ordered by how well they match."""
        return any(group.scores for group in self.groups)

    def with_leaves(self, change: Callable[[Clause], Clause]) -> Parsed:
        """The parsed text with each clause changed, also those inside ``Every`` and the like."""

        def changed(clause: Clause) -> Clause:
            if isinstance(clause, Every | Either):
                return replace(clause, clauses=tuple(map(changed, clause.clauses)))
            return Not(changed(clause.clause)) if isinstance(clause, Not) else change(clause)

        groups = (replace(g, clauses=tuple(map(changed, g.clauses))) for g in self.groups)
        excluded = tuple(map(changed, self.excluded))
        return replace(self, groups=tuple(groups), excluded=excluded)

    @property
    def all_may_match(self) -> bool:
        """Whether the words are few enough to require all of them at first."""
        return len(self.loose) <= MOST_WORDS_THAT_ALL_MATCH


def parts_of(word: Word) -> tuple[Word, ...]:
    """The word; those of a compound; a run of a language without spaces as pairs of its letters.

    What is written with a single letter or an apostrophe is no compound: ``X-ray``, ``O'Hara``.

    >>> [part.text for part in parts_of(Word("北京奥"))]
    ['北京', '京奥']
    >>> [part.text for part in parts_of(Word("audio-visual"))], len(parts_of(Word("X-ray")))
    (['audio', 'visual'], 1)
    """
    parts = pairs(word.text)
    if len(parts) > 1 and is_unspaced(parts[0]):
        return tuple(Word(part, word.field) for part in parts)
    if len(parts) < 2 or min(map(len, parts)) < 2 or _APOSTROPHE.search(word.text):
        return (word,)
    said = [part for part in parts if part not in STOP_WORDS] or parts
    first = replace(word, text=said[0])
    return first, *(Word(part, word.field, times=word.times) for part in said[1:])


def scores(clause: Clause) -> bool:
    """Whether a clause orders hits: filters, dates and exclusions only select them."""
    if isinstance(clause, Every | Either):
        return any(map(scores, clause.clauses))
    return not isinstance(clause, Filter | Dates | Not)


def leaves(clause: Clause) -> Iterator[TextClause]:
    """The clauses of a tree about words, except those that are excluded.

    >>> list(leaves(Every((Word("a"), Not(Word("b"))))))
    [Word(text='a', field=None)]
    """
    if isinstance(clause, Every | Either):
        for inner in clause.clauses:
            yield from leaves(inner)
    elif isinstance(clause, TextClause):
        yield clause
        if isinstance(clause, Word):
            for form in clause.forms:
                yield from leaves(form)
