"""The reader's query syntax: words, "phrases", -without, OR, prefix*, headline:word.

A text that does not fit the syntax is searched as plain words, and the answer says so: a reader
never sees an error page for a quote that was not closed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from search.english import says_nothing, words

MOST_WORDS_THAT_ALL_MATCH = 4
"""Beyond that many words, to require them all finds nothing on judged collections."""

MOST_PARTS = 500
"""A text of more words and phrases is searched by its first ones: engines have limits."""


@dataclass(frozen=True)
class Word:
    """A word, in any of its forms: ``election`` finds ``elections``."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Phrase:
    """These very words, one after the other."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Prefix:
    """A word that begins so."""

    text: str
    field: str | None = None


Clause = Word | Phrase | Prefix


@dataclass(frozen=True)
class Group:
    """Clauses of which one is enough; mostly there is only one."""

    clauses: tuple[Clause, ...]

    @property
    def loose(self) -> bool:
        """Words only: those that need not all match. Operators are always meant."""
        return all(isinstance(clause, Word) and clause.field is None for clause in self.clauses)


@dataclass(frozen=True)
class Parsed:
    """What a text asks for: groups to match, clauses to exclude, and a note for the reader."""

    groups: tuple[Group, ...] = ()
    excluded: tuple[Clause, ...] = ()
    everything: bool = False
    note: str | None = None

    @property
    def loose(self) -> tuple[Group, ...]:
        """The groups that are only words."""
        return tuple(group for group in self.groups if group.loose)

    @property
    def required(self) -> tuple[Group, ...]:
        """The groups that must match in any case."""
        return tuple(group for group in self.groups if not group.loose)

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses that a hit may match."""
        return tuple(clause for group in self.groups for clause in group.clauses)

    @property
    def all_may_match(self) -> bool:
        """Are the words few enough to require them all?"""
        return len(self.loose) <= MOST_WORDS_THAT_ALL_MATCH


class _Unreadable(Exception):
    """The text does not fit the syntax."""


_ITEM = re.compile(
    r"""(?P<minus>-)?
        (?:(?P<field>\w+):(?=[^\s]))?
        (?:(?P<open>["“”])(?P<phrase>[^"“”]*)(?P<close>["“”])?|(?P<word>[^\s"“”]+))""",
    re.VERBOSE,
)


def parse(text: str, fields: Collection[str] = ()) -> Parsed:
    """Read a text; ``fields`` are the names that may stand before a colon. Never fails.

    >>> parse('"south pole" -scott', ["headline"]).excluded
    (Word(text='scott', field=None),)
    >>> parse('"south pole').note
    'searched as plain words: a quote is not closed'
    """
    parsed = _parsed(text.encode(errors="replace").decode(), fields)
    if len(parsed.groups) <= MOST_PARTS:
        return parsed
    told = f"searched by its first {MOST_PARTS} words"
    note = f"{parsed.note}; {told}" if parsed.note else told
    return replace(parsed, groups=parsed.groups[:MOST_PARTS], note=note)


def _parsed(text: str, fields: Collection[str]) -> Parsed:
    if text.strip() in ("", "*"):
        return Parsed(everything=True)
    try:
        groups, excluded = _read(text, fields)
    except _Unreadable as reason:
        plain = tuple(Group((Word(word),)) for word in words(text))
        return Parsed(_said(plain), note=f"searched as plain words: {reason}")
    everything = bool(excluded) and not groups
    note = None if groups or excluded else "there is no word in it to search for"
    return Parsed(_said(groups), excluded, everything, note)


def _said(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """Each group once, and without words that say nothing, unless there is nothing else."""
    groups = tuple(dict.fromkeys(groups))
    telling = tuple(
        group
        for group in groups
        if not (group.loose and all(says_nothing(clause.text) for clause in group.clauses))
    )
    return telling or groups


@dataclass(frozen=True)
class _Item:
    clause: Clause | None
    """What was read; nothing for ``OR``."""
    without: bool = False


def _read(text: str, fields: Collection[str]) -> tuple[tuple[Group, ...], tuple[Clause, ...]]:
    groups: list[Group] = []
    excluded: list[Clause] = []
    either = False
    for item in _items(text, {field.lower(): field for field in fields}):
        if item.clause is None:
            if either or not groups:
                raise _Unreadable("OR needs something on both sides")
            either = True
            continue
        if item.without and either:
            raise _Unreadable("OR and - cannot be combined")
        if item.without:
            excluded.append(item.clause)
        elif either:
            groups[-1] = Group((*groups[-1].clauses, item.clause))
        else:
            groups.append(Group((item.clause,)))
        either = False
    if either:
        raise _Unreadable("OR needs something on both sides")
    return tuple(groups), tuple(excluded)


def _items(text: str, fields: dict[str, str]) -> Iterator[_Item]:
    for match in _ITEM.finditer(text):
        if match["open"] and not match["close"]:
            raise _Unreadable("a quote is not closed")
        if match["word"] == "OR" and match[0] == "OR":
            yield _Item(None)
            continue
        named = match["field"] or ""
        field = fields.get(named.lower())
        if match["open"]:
            clauses = [] if field or not named else [Word(named)]
            clause: Clause = Phrase(match["phrase"], field)
        else:
            clauses = []
            clause = _word(
                match["word"] if field or not named else f"{named}:{match['word']}", field
            )
        for found in (*clauses, clause):
            if words(found.text):
                yield _Item(found, without=match["minus"] is not None)


def _word(text: str, field: str | None) -> Clause:
    """A word or a prefix; punctuation around it does not count."""
    stripped = text.rstrip(".,;:!?)")
    if stripped.endswith("*") and words(stripped):
        return Prefix(stripped.rstrip("*"), field)
    return Word(text, field)
