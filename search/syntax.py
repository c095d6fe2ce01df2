"""The reader's query syntax: words, "phrases", -without, OR, prefix*, headline:word.

A text with an error of syntax is searched as plain words, and the answer has a note: a reader sees
no error page for a quote that is not closed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from search.english import only_stop_words, words

MOST_WORDS_THAT_ALL_MATCH = 4
"""With more words than this, requiring all of them finds nothing on judged collections."""

MOST_PARTS = 500
"""Words and phrases that are searched, and as many excluded; engines have limits.

Those after them are ignored, whether ``OR`` stands between them or not.
"""


@dataclass(frozen=True)
class Word:
    """A word, in any of its forms: ``election`` finds ``elections``."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Phrase:
    """Exact words, one after the other."""

    text: str
    field: str | None = None


@dataclass(frozen=True)
class Prefix:
    """The beginning of a word."""

    text: str
    field: str | None = None


Clause = Word | Phrase | Prefix


@dataclass(frozen=True)
class Group:
    """Clauses joined by ``OR``, of which one must match; mostly there is only one."""

    clauses: tuple[Clause, ...]

    @property
    def loose(self) -> bool:
        """Whether the group is only words, which need not all match; operators always count."""
        return all(isinstance(clause, Word) and clause.field is None for clause in self.clauses)


@dataclass(frozen=True)
class Parsed:
    """A parsed text: groups to match, clauses to exclude, and a note for the reader."""

    groups: tuple[Group, ...] = ()
    excluded: tuple[Clause, ...] = ()
    everything: bool = False
    note: str | None = None

    @property
    def loose(self) -> tuple[Group, ...]:
        """The groups of words, which need not all match."""
        return tuple(group for group in self.groups if group.loose)

    @property
    def required(self) -> tuple[Group, ...]:
        """The groups that must match."""
        return tuple(group for group in self.groups if not group.loose)

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses that a hit may match."""
        return tuple(clause for group in self.groups for clause in group.clauses)

    @property
    def all_may_match(self) -> bool:
        """Whether the words are few enough to require all of them at first."""
        return len(self.loose) <= MOST_WORDS_THAT_ALL_MATCH


class _SyntaxError(Exception):
    """The text has an error of syntax; the message says which."""


_ITEM = re.compile(
    r"""(?P<minus>-)?
        (?:(?P<field>\w+):(?=[^\s]))?
        (?:(?P<open>["“”])(?P<phrase>[^"“”]*)(?P<close>["“”])?|(?P<word>[^\s"“”]+))""",
    re.VERBOSE,
)


def parse(text: str, fields: Collection[str] = ()) -> Parsed:
    """Parse a text; ``fields`` are the names that may stand before a colon. It never fails.

    >>> parse('"south pole" -scott', ["headline"]).excluded
    (Word(text='scott', field=None),)
    >>> parse('"south pole').note
    'searched as plain words: a quote is not closed'
    """
    parsed = _parsed(text.encode(errors="replace").decode(), fields)
    groups, excluded = _first(parsed.groups), parsed.excluded[:MOST_PARTS]
    if (groups, excluded) == (parsed.groups, parsed.excluded):
        return parsed
    limit = f"searched by its first {MOST_PARTS} words"
    note = f"{parsed.note}; {limit}" if parsed.note else limit
    return replace(parsed, groups=groups, excluded=excluded, note=note)


def _first(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups that have the first ``MOST_PARTS`` clauses; the last of them may be cut."""
    first, left = [], MOST_PARTS
    for group in groups:
        if not left:
            break
        first.append(Group(group.clauses[:left]))
        left -= len(first[-1].clauses)
    return tuple(first)


def _parsed(text: str, fields: Collection[str]) -> Parsed:
    if text.strip() in ("", "*"):
        return Parsed(everything=True)
    try:
        groups, excluded = _read(text, fields)
    except _SyntaxError as reason:
        plain = tuple(Group((Word(word),)) for word in words(text))
        return Parsed(_without_stop_words(plain), note=f"searched as plain words: {reason}")
    everything = bool(excluded) and not groups
    note = None if groups or excluded else "there is no word in it to search for"
    return Parsed(_without_stop_words(groups), excluded, everything, note)


def _without_stop_words(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups without duplicates and stop words; with stop words if there is nothing else."""
    groups = tuple(dict.fromkeys(groups))
    significant = tuple(
        group
        for group in groups
        if not (group.loose and all(only_stop_words(clause.text) for clause in group.clauses))
    )
    return significant or groups


@dataclass(frozen=True)
class _Item:
    clause: Clause | None
    """The clause; None for ``OR``."""
    excluded: bool = False


def _read(text: str, fields: Collection[str]) -> tuple[tuple[Group, ...], tuple[Clause, ...]]:
    groups: list[Group] = []
    excluded: list[Clause] = []
    either = False
    for item in _items(text, {field.lower(): field for field in fields}):
        if item.clause is None:
            if either or not groups:
                raise _SyntaxError("OR needs something on both sides")
            either = True
            continue
        if item.excluded and either:
            raise _SyntaxError("OR and - cannot be combined")
        if item.excluded:
            excluded.append(item.clause)
        elif either:
            groups[-1] = Group((*groups[-1].clauses, item.clause))
        else:
            groups.append(Group((item.clause,)))
        either = False
    if either:
        raise _SyntaxError("OR needs something on both sides")
    return tuple(groups), tuple(excluded)


def _items(text: str, fields: dict[str, str]) -> Iterator[_Item]:
    for match in _ITEM.finditer(text):
        if match["open"] and not match["close"]:
            raise _SyntaxError("a quote is not closed")
        if match["word"] == "OR" and match[0] == "OR":
            yield _Item(None)
            continue
        named = match["field"] or ""
        field = fields.get(named.lower())
        if match["open"]:
            before = [] if field or not named else [Word(named)]
            last: Clause = Phrase(match["phrase"], field)
        else:
            before = []
            last = _word(match["word"] if field or not named else f"{named}:{match['word']}", field)
        for clause in (*before, last):
            if words(clause.text):
                yield _Item(clause, excluded=match["minus"] is not None)


def _word(text: str, field: str | None) -> Clause:
    """A word or a prefix; punctuation after it is ignored."""
    stripped = text.rstrip(".,;:!?)")
    if stripped.endswith("*") and words(stripped):
        return Prefix(stripped.rstrip("*"), field)
    return Word(text, field)
