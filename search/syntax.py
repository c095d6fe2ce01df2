"""The reader's query syntax, read into clauses.

It takes what readers of web searches, Lucene and library catalogues write: words, "phrases",
``OR``, ``AND``, ``NOT``, ``-`` and ``+``, parentheses, ``prefix*`` and other patterns,
``headline:word``, ``section:Science``, ``date:1912..1914``, ``"south pole"~3`` and ``NEAR``.

No text is an error. What cannot be read is searched as plain words, and the answer has a note: a
reader sees no error page for a quote that is not closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from search.analysis import only_stop_words, words
from search.clauses import (
    Clause,
    Either,
    Every,
    Filter,
    Group,
    Not,
    Parsed,
    Pattern,
    Phrase,
    Prefix,
    Word,
    parts_of,
)
from search.forms import with_forms
from search.tokens import Fields, SyntaxFault, Token, tokens

MOST_PARTS = 500
"""Words and phrases that are searched, and as many excluded; engines have limits.

Those after them are ignored, whether ``OR`` stands between them or not.
"""
MOST_PATTERNS = 10
"""Words with ``*`` or ``?`` inside: each is compared with every word of the index."""
LONG = 6
"""A text with more words than this beside its operators was pasted: it requires no phrase."""
DEEPEST = 20
"""Parentheses in parentheses; those further inside are read as spaces."""


def parse(
    text: str,
    fields: Collection[str] = (),
    filters: Collection[str] = (),
    title: str | None = None,
    date: str | None = None,
) -> Parsed:
    """Parse a text. It never fails.

    ``fields`` and ``filters`` are the names that may stand before a colon, ``title`` the field
    that ``title:`` means, and ``date`` that of the documents' date, if they have one.

    >>> parse('"south pole" -scott', ["headline"]).excluded
    (Word(text='scott', field=None),)
    >>> parse('"south pole').note
    'searched as plain words: a quote is not closed'
    """
    text = text.encode(errors="replace").decode()
    known = Fields.of(fields, filters, title, date)
    parsed = _with_forms(_parsed(text, known))
    groups, excluded = _first(parsed.groups), parsed.excluded[:MOST_PARTS]
    if (groups, excluded) == (parsed.groups, parsed.excluded):
        return parsed
    limit = f"searched by its first {MOST_PARTS} words"
    note = f"{parsed.note}; {limit}" if parsed.note else limit
    return replace(parsed, groups=groups, excluded=excluded, note=note)


def plain(text: str, note: str | None = None) -> Parsed:
    """The text as plain words, without operators."""
    groups = tuple(Group((Word(word),)) for word in words(text))
    return _with_forms(_searched(groups, note=note))


def _first(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups that have the first ``MOST_PARTS`` clauses; the last of them may be cut."""
    first, left = [], MOST_PARTS
    for group in groups:
        if left <= 0:
            break
        clauses, left = _cut(group.clauses, left)
        first.append(replace(group, clauses=clauses))
    return tuple(first)


def _cut(clauses: tuple[Clause, ...], left: int) -> tuple[tuple[Clause, ...], int]:
    """The first clauses of which ``left`` have none in them, and how many are left after them."""
    first: list[Clause] = []
    for clause in clauses:
        if left <= 0:
            break
        if isinstance(clause, Every | Either):
            inner, left = _cut(clause.clauses, left)
            first.append(replace(clause, clauses=inner))
        elif isinstance(clause, Word) and (parts := len(parts_of(clause))) > 1:
            kept = clause if parts <= left else replace(clause, text=clause.text[: left + 1])
            first.append(kept)
            left -= parts
        else:
            first.append(clause)
            left -= 1
    return tuple(first), left


def _parsed(text: str, known: Fields) -> Parsed:
    if text.strip() in ("", "*"):
        return Parsed(everything=True)
    notes: list[str] = []
    try:
        found = list(tokens(text, known, notes.append))
        if _words_alone(found) > LONG:
            return _long(found, notes)
        if sum(isinstance(token.clause, Pattern) for token in found) > MOST_PATTERNS:
            raise SyntaxFault(f"it has more than {MOST_PATTERNS} words with * or ? in them")
        reading = _Reading(found, notes.append)
        groups, excluded = reading.all()
    except SyntaxFault as reason:
        return replace(plain(text), note=f"searched as plain words: {reason}")
    everything = bool(excluded) and not groups
    if not groups and not excluded:
        notes.append("there is no word in it to search for")
    note = "; ".join(dict.fromkeys(notes)) or None
    return _searched(groups, excluded, everything, note)


def _words_alone(found: list[Token]) -> int:
    """How many words stand without a sign, an operator beside them or parentheses around them."""
    alone = depth = 0
    for place, token in enumerate(found):
        depth = max(0, depth + (token.kind == "open") - (token.kind == "close"))
        beside = {other.kind for other in found[max(0, place - 1) : place + 2]}
        alone += token.is_bare_word and not depth and not beside & {"or", "and", "not"}
    return alone


def _long(found: list[Token], notes: list[str]) -> Parsed:
    """A long text: its words are searched, its quotations order the hits, nothing is required."""
    groups: list[Group] = []
    optional: list[Clause] = []
    softened = False
    for token in found:
        if token.clause is None:
            softened = softened or token.kind in ("or", "and", "not")
            continue
        clause = token.clause
        softened = softened or bool(token.sign) or not isinstance(clause, Word)
        if isinstance(clause, Phrase):
            optional.append(clause)
        if isinstance(clause, Filter):
            clause = Word(" ".join(clause.values))
        if text := getattr(clause, "text", ""):
            parts = [text] if isinstance(clause, Word) else words(text)
            groups += [Group((Word(part),)) for part in parts]
    if softened:
        notes.append("a long text: what its quotes and signs mark helps, and is not required")
    note = "; ".join(dict.fromkeys(notes)) or None
    return _searched(groups, note=note, optional=tuple(optional))


def _searched(
    groups: Iterable[Group],
    excluded: tuple[Clause, ...] = (),
    everything: bool = False,
    note: str | None = None,
    optional: tuple[Clause, ...] = (),
) -> Parsed:
    """The parsed text of these groups, each once and without stop words."""
    groups = tuple(groups)
    said = [
        words(clause.text)
        for g in groups
        if g.loose
        for clause in g.clauses[:1]
        if isinstance(clause, Word)
    ]
    significant = _significant(_counted(groups))
    return Parsed(
        significant, excluded, everything, note, optional, tuple(chain(*said))[:MOST_PARTS]
    )


def _counted(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The groups without duplicates; a word knows how often the text says it."""
    groups = tuple(groups)
    times = Counter(groups)

    def counted(group: Group) -> Group:
        first = group.clauses[0]
        if len(group.clauses) > 1 or not isinstance(first, Word) or times[group] == 1:
            return group
        return replace(group, clauses=(replace(first, times=times[group]),))

    return tuple(counted(group) for group in dict.fromkeys(groups))


def _significant(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups without stop words; with them if there is nothing else."""
    significant = tuple(
        group
        for group in groups
        if not (
            group.loose
            and all(isinstance(c, Word) and only_stop_words(c.text) for c in group.clauses)
        )
    )
    return significant or groups


def _with_forms(parsed: Parsed) -> Parsed:
    """The parsed text with the other forms of its words; of many words only the cheap forms."""
    split = parsed.all_may_match
    lonely = [
        group.clauses[0] if group.loose and len(group.clauses) == 1 else None
        for group in parsed.groups
    ]
    neighbours = [clause if isinstance(clause, Word) else None for clause in lonely]
    groups = []
    for before, group, after in zip(
        [None, *neighbours], parsed.groups, [*neighbours[1:], None], strict=False
    ):
        alone = split and isinstance(group.clauses[0], Word) and len(group.clauses) == 1
        alone = alone and group.loose
        clauses = tuple(
            _formed(clause, before if alone else None, after if alone else None, split)
            for clause in group.clauses
        )
        groups.append(replace(group, clauses=clauses))
    excluded = tuple(_formed(clause, None, None, split=False) for clause in parsed.excluded)
    return replace(parsed, groups=tuple(groups), excluded=excluded)


def _formed(clause: Clause, before: Word | None, after: Word | None, split: bool) -> Clause:
    if isinstance(clause, Word):
        return with_forms(clause, before, after, split)
    if isinstance(clause, Every | Either):
        inner = tuple(_formed(each, None, None, split) for each in clause.clauses)
        return replace(clause, clauses=inner)
    if isinstance(clause, Not):
        return Not(_formed(clause.clause, None, None, split=False))
    return clause


@dataclass
class _Unit:
    """What stands between two operators."""

    clauses: tuple[Clause, ...]
    excluded: bool = False
    required: bool = False


class _Reading:
    """Reads tokens into groups. ``OR`` binds closest, as in web searches; then ``AND``, a space."""

    def __init__(self, found: list[Token], note: Callable[[str], None]) -> None:
        self._tokens: list[Token] = found
        self._place = 0
        self._note = note
        self._depth = 0

    def all(self) -> tuple[tuple[Group, ...], tuple[Clause, ...]]:
        """The groups and the excluded clauses of the whole text."""
        groups: list[Group] = []
        excluded: list[Clause] = []
        while self._place < len(self._tokens):
            for unit in self._sequence():
                if unit.excluded:
                    excluded += unit.clauses
                else:
                    groups.append(Group(unit.clauses, unit.required))
            self._place += 1  # a closing parenthesis that none opens is read as a space
        return tuple(groups), tuple(excluded)

    def _sequence(self) -> list[_Unit]:
        """The units up to the parenthesis that closes this sequence, or to the end."""
        units: list[_Unit] = []
        either = both = negated = mixed = False
        for token in self._until_closed():
            if token.kind in ("or", "and"):
                if either or not units:
                    raise SyntaxFault(f"{token.kind.upper()} needs something on both sides")
                mixed = mixed or (token.kind == "and")
                either, both = token.kind == "or", token.kind == "and"
                if both:
                    units[-1].required = True
                continue
            if token.kind == "not":
                negated = not negated
                continue
            for unit in self._units(token, negated, either):
                if either:
                    _join(units[-1], unit)
                    if mixed:
                        self._note("OR binds closer than AND; parentheses say otherwise")
                else:
                    unit.required = unit.required or both
                    units.append(unit)
            either = both = negated = False
        if either or negated:
            raise SyntaxFault(f"{'OR' if either else 'NOT'} needs something on both sides")
        return units

    def _until_closed(self) -> Iterator[Token]:
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            if token.kind == "close":
                return
            self._place += 1
            yield token

    def _units(self, token: Token, negated: bool, either: bool) -> list[_Unit]:
        """The units of a word, a phrase, or what is in parentheses; ``either``: after ``OR``."""
        negated ^= token.sign == "-"
        if token.kind != "open":
            clauses = () if token.clause is None else (token.clause,)
            return [_Unit(clauses, negated, token.sign == "+")]
        self._depth += 1
        if self._depth > DEEPEST:
            raise SyntaxFault("its parentheses are too deep")
        inner = self._sequence()
        self._place += 1
        self._depth -= 1
        if not inner:
            return []
        after = self._tokens[self._place].kind if self._place < len(self._tokens) else ""
        if not (negated or token.sign or either or after == "or"):
            return inner  # parentheses around what stands alone change nothing
        return [_Unit((_tree(inner),), negated, token.sign == "+")]


def _join(unit: _Unit, other: _Unit) -> None:
    """Join two units by ``OR``; one that is excluded becomes a clause of its own."""
    unit.clauses = (*_positive(unit), *_positive(other))
    unit.excluded = False


def _positive(unit: _Unit) -> tuple[Clause, ...]:
    return tuple(Not(clause) for clause in unit.clauses) if unit.excluded else unit.clauses


def _tree(units: list[_Unit]) -> Clause:
    """What is in parentheses, as one clause."""
    parts: list[Clause] = []
    for unit in units:
        if unit.excluded:
            parts += [Not(clause) for clause in unit.clauses]
        else:
            parts.append(unit.clauses[0] if len(unit.clauses) == 1 else Either(unit.clauses))
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


__all__ = ["MOST_PARTS", "Group", "Parsed", "Pattern", "Phrase", "Prefix", "Word", "parse", "plain"]
