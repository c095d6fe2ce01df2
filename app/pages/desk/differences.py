"""Differences as the desk's pages show them: field by field, and in texts word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from app.pages.desk.inputs import as_texts
from app.pages.desk.names import with_id

if TYPE_CHECKING:
    from app.pages.desk.inputs import Input
    from archive import Archive

MOST_WORDS = 3_000
"""Of longer texts sentences are compared: the work grows with the square of their number."""
AROUND = 20
"""Words that are shown before and after what changed."""
Piece = tuple[str, str]
"""``same``, ``old``, ``new`` or ``gap``, and the text."""


@dataclass(frozen=True)
class FieldDifference:
    """A field that changes, and its text in pieces."""

    label: str
    pieces: Sequence[Piece]


def differences(
    archive: Archive, inputs: Sequence[Input], old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[FieldDifference]:
    """The fields that differ between two states of an entity."""
    changed = [each for each in inputs if old.get(each.name) != new.get(each.name)]
    return [
        FieldDifference(
            each.label,
            [*pieces(*(text_of(archive, each, side.get(each.name)) for side in (old, new)))],
        )
        for each in changed
    ]


def text_of(archive: Archive, each: Input, value: Any) -> str:
    """A value as the one text that is compared; items of a list have a line each."""
    texts = as_texts(value)
    return "\n".join(with_id(archive, text) if each.target else text for text in texts)


def pieces(old: str, new: str) -> Iterator[Piece]:
    """The words of two texts: those of both, those of the old one, those of the new one.

    >>> list(pieces("The ship is safe", "The ship is lost"))
    [('same', 'The ship is '), ('old', 'safe'), ('new', 'lost')]
    """
    before, after = (re.findall(r"\s+|[^\s]+", text) for text in (old, new))
    if max(len(before), len(after)) > 2 * MOST_WORDS:
        before, after = (
            re.findall(r".+?(?:[.!?]\s+|\n+|\Z)", text, re.DOTALL) for text in (old, new)
        )
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for number, (kind, a, b, c, d) in enumerate(codes):
        if kind == "equal":
            yield from _unchanged(before[a:b], number == 0, number == len(codes) - 1)
            continue
        if b > a:
            yield "old", "".join(before[a:b])
        if d > c:
            yield "new", "".join(after[c:d])


def _unchanged(words: Sequence[str], is_first: bool, is_last: bool) -> Iterator[Piece]:
    """Words of both texts; of many only those beside a change."""
    head, tail = (0 if is_first else AROUND), (0 if is_last else AROUND)
    if len(words) <= 2 * AROUND + 4:
        yield "same", "".join(words)
        return
    if head:
        yield "same", "".join(words[:head])
    yield "gap", " … "
    if tail:
        yield "same", "".join(words[-tail:])
