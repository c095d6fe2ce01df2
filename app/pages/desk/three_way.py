"""Merging two versions of an entity that were made from the same one: field by field, and in a
long text or a list, part by part.

A part that only one of them changed is taken from it. Where both changed the same part, or parts
that touch, it is a conflict, which a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import chain
from typing import Any

MOST_PAIRS = 4_000_000
"""The product of the numbers of parts that are compared with each other, which bounds the time."""
Part = Any
"""A line of a text, or an item of a list."""
Replaced = tuple[int, int, Sequence[Part]]
"""The parts of the base from the first number up to the second, and what stands in their place."""


@dataclass(frozen=True)
class Conflict:
    """Parts of the base that both versions changed, each in its own way."""

    was: Sequence[Part]
    mine: Sequence[Part]
    theirs: Sequence[Part]


@dataclass(frozen=True)
class MergedFields:
    """The fields of both versions together, and those for which somebody must decide."""

    fields: dict[str, Any]
    """Of a field in conflict: mine, and of a long text the merged one, with mine where they meet.
    """
    conflicts: tuple[str, ...]
    theirs: tuple[str, ...]
    """The fields that have something of theirs without a conflict."""


def merge_fields(
    was: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    prose: Sequence[str] = (),
) -> MergedFields:
    """Merge two versions of fields; a field that is missing is empty. ``prose`` are long texts.

    >>> was = {"headline": "Ship", "kicker": "Sea"}
    >>> merge_fields(was, {"headline": "Lost Ship", "kicker": "Sea"}, {"headline": "Ship"}).fields
    {'headline': 'Lost Ship'}
    """
    merged: dict[str, Any] = {}
    conflicts, of_theirs = [], []
    for name in dict.fromkeys(chain(was, mine, theirs)):
        old, ours, other = (fields.get(name) for fields in (was, mine, theirs))
        value, is_clear = _merge_values(old, ours, other, name in prose)
        if not is_clear:
            conflicts.append(name)
        elif value != ours:
            of_theirs.append(name)
        if value is not None:
            merged[name] = value
    return MergedFields(merged, tuple(conflicts), tuple(of_theirs))


def _merge_values(was: Any, mine: Any, theirs: Any, is_prose: bool) -> tuple[Any, bool]:
    """One value of two, and whether they do not conflict."""
    if mine == theirs or theirs == was:
        return mine, True
    if mine == was:
        return theirs, True
    if is_prose and mine is not None and theirs is not None:
        lines = [str(value or "").split("\n") for value in (was, mine, theirs)]
        merged = merge_parts(*lines)
        return "\n".join(merged.parts()), not merged.conflicts
    if isinstance(mine, list) and isinstance(theirs, list):
        merged = merge_parts(was if isinstance(was, list) else [], mine, theirs)
        return merged.parts() if not merged.conflicts else mine, not merged.conflicts
    return mine, False


@dataclass(frozen=True)
class MergedParts:
    """Parts in their order: as they are to be, or a ``Conflict``."""

    pieces: list[Sequence[Part] | Conflict] = field(default_factory=list)

    @property
    def conflicts(self) -> list[Conflict]:
        """Where both changed the same."""
        return [piece for piece in self.pieces if isinstance(piece, Conflict)]

    def parts(self) -> list[Part]:
        """All parts; where there is a conflict, mine."""
        return [
            part
            for piece in self.pieces
            for part in (piece.mine if isinstance(piece, Conflict) else piece)
        ]


def merge_parts(was: Sequence[Part], mine: Sequence[Part], theirs: Sequence[Part]) -> MergedParts:
    """Merge two sequences that were made from the same one, as diff3 does.

    >>> merge_parts("abcd", "aBcd", "abcDe").parts()
    ['a', 'B', 'c', 'D', 'e']
    >>> merge_parts("abc", "aXc", "aYc").conflicts
    [Conflict(was='b', mine=['X'], theirs=['Y'])]
    """
    merged = MergedParts()
    done = 0
    for first, last, of_mine, of_theirs in _regions(_edits(was, mine), _edits(was, theirs)):
        merged.pieces.append(was[done:first])
        sides = [_applied(was, first, last, edits) for edits in (of_mine, of_theirs)]
        if not of_theirs or sides[0] == sides[1]:
            merged.pieces.append(sides[0])
        elif not of_mine:
            merged.pieces.append(sides[1])
        else:
            merged.pieces.append(Conflict(was[first:last], *sides))
        done = last
    merged.pieces.append(was[done:])
    return merged


def _edits(was: Sequence[Part], now: Sequence[Part]) -> list[Replaced]:
    """The edits that make one sequence of another; of what is too much to compare, one edit."""
    begin = _common(was, now)
    end = _common(was[begin:][::-1], now[begin:][::-1])
    one, other = was[begin : len(was) - end], now[begin : len(now) - end]
    if not one and not other:
        return []
    if len(one) * len(other) > MOST_PAIRS:
        return [(begin, len(was) - end, other)]
    codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return [(begin + a, begin + b, other[c:d]) for kind, a, b, c, d in codes if kind != "equal"]


def _common(one: Sequence[Part], other: Sequence[Part]) -> int:
    """How many parts both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _regions(
    mine: list[Replaced], theirs: list[Replaced]
) -> Iterator[tuple[int, int, list[Replaced], list[Replaced]]]:
    """The places of the base that are changed, with the edits of each side; those that touch are
    one place."""
    all_edits = sorted(
        [(*edit[:2], 0, edit) for edit in mine] + [(*edit[:2], 1, edit) for edit in theirs],
        key=lambda each: each[:3],
    )
    region: tuple[int, int, tuple[list[Replaced], list[Replaced]]] | None = None
    for first, last, side, edit in all_edits:
        if region is not None and first <= region[1]:
            region = (region[0], max(region[1], last), region[2])
        else:
            if region is not None:
                yield (region[0], region[1], *region[2])
            region = (first, last, ([], []))
        region[2][side].append(edit)
    if region is not None:
        yield (region[0], region[1], *region[2])


def _applied(was: Sequence[Part], first: int, last: int, edits: list[Replaced]) -> list[Part]:
    """The parts from one number up to another, with edits."""
    parts: list[Part] = []
    for begin, end, new in edits:
        parts += [*was[first:begin], *new]
        first = end
    return [*parts, *was[first:last]]
