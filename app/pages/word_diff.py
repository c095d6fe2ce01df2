"""The difference of two texts, word by word, for people.

Long texts are compared by paragraphs first, then what differs by sentences, then by words: the
time grows with the product of the numbers compared. What is still too much to compare is shown as
removed and added in whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

SAME, ADDED, REMOVED, LEFT_OUT = "same", "added", "removed", "left_out"
LEVELS = (
    re.compile(r"[^\n]*\n+|[^\n]+"),
    re.compile(r".+?(?:[.!?]\W*(?=\s)\s+|\Z)", re.DOTALL),
    re.compile(r"\w+(?:['\u2019]\w+)*|\s+|[^\w\s]"),
)
"""What is compared, from coarse to fine; each text is all its parts together."""
MOST_PAIRS = 1_000_000
"""The product of the numbers of parts that are compared with each other."""
ALIKE = 0.3
"""Of two sentences with fewer words in common one is removed, and the other is added."""
AROUND = 160
"""Characters of unchanged text that are shown before and after a change."""
MOST_SHOWN = 4_000
"""Characters of one change that are shown."""


@dataclass(frozen=True)
class Part:
    """A part of a difference: a text that is the same, added, removed, or left out."""

    kind: str
    text: str


def word_diff(old: str, new: str) -> list[Part]:
    """The parts by which one text becomes another: words that changed stand together.

    >>> [(part.kind, part.text) for part in word_diff("Few are lost.", "Many are lost.")]
    [('removed', 'Few'), ('added', 'Many'), ('same', ' are lost.')]
    """
    return [*_ordered(_joined(_compared(old, new, 0)))]


def excerpt(parts: Sequence[Part]) -> Iterator[Part]:
    """The parts with what changed, and some of what is the same around it."""
    for place, part in enumerate(parts):
        if part.kind != SAME:
            long = len(part.text) > MOST_SHOWN
            yield Part(part.kind, part.text[: MOST_SHOWN - 1] + "…") if long else part
            continue
        before = part.text[:AROUND] if place else ""
        after = part.text[-AROUND:] if place < len(parts) - 1 else ""
        if len(part.text) <= len(before) + len(after) + AROUND // 4:
            yield part
            continue
        if before:
            yield Part(SAME, before.rpartition(" ")[0] or before)
        yield Part(LEFT_OUT, "…")
        if after:
            yield Part(SAME, after.partition(" ")[2] or after)


def _compared(old: str, new: str, level: int) -> Iterator[Part]:
    if old == new:
        yield Part(SAME, old)
        return
    before, after = LEVELS[level].findall(old), LEVELS[level].findall(new)
    first = _common(before, after)
    last = _common(before[first:][::-1], after[first:][::-1])
    yield Part(SAME, "".join(before[:first]))
    one, other = before[first : len(before) - last], after[first : len(after) - last]
    yield from _middle(one, other, level)
    yield Part(SAME, "".join(before[len(before) - last :]))


def _middle(before: Sequence[str], after: Sequence[str], level: int) -> Iterator[Part]:
    """Compare what differs; what is too much is compared in finer parts only if it is one."""
    if len(before) * len(after) > MOST_PAIRS:
        yield from _whole("".join(before), "".join(after))
        return
    matcher = SequenceMatcher(str.isspace, before, after, autojunk=False)  # spaces match anywhere
    if level == len(LEVELS) - 1 and _alike(matcher, before, after) < ALIKE:
        yield from _whole("".join(before), "".join(after))
        return
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        old, new = "".join(before[i1:i2]), "".join(after[j1:j2])
        if what == "equal":
            yield Part(SAME, old)
        elif what == "replace" and level + 1 < len(LEVELS):
            yield from _compared(old, new, level + 1)
        else:
            yield from _whole(old, new)


def _alike(matcher: SequenceMatcher[str], before: Sequence[str], after: Sequence[str]) -> float:
    """The share of the longer text's words that the other one has as well, in the same order."""
    same = (before[i : i + size] for i, _, size in matcher.get_matching_blocks())
    words = max(sum(map(_is_word, before)), sum(map(_is_word, after)))
    return sum(_is_word(part) for block in same for part in block) / words if words else 1.0


def _is_word(part: str) -> bool:
    return part[:1].isalnum()


def _whole(old: str, new: str) -> Iterator[Part]:
    yield Part(REMOVED, old)
    yield Part(ADDED, new)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Leave out empty parts, and take space between two changes for a part of both."""
    full = [part for part in parts if part.text]
    last = len(full) - 1
    for place, part in enumerate(full):
        between = part.kind == SAME and 0 < place < last and not part.text.strip()
        if between and SAME not in (full[place - 1].kind, full[place + 1].kind):
            yield from _whole(part.text, part.text)
        else:
            yield part


def _ordered(parts: Iterable[Part]) -> Iterator[Part]:
    """Join neighbours: between two unchanged parts one removed part, then one added."""
    texts = {SAME: "", REMOVED: "", ADDED: ""}
    for part in parts:
        if part.kind == SAME:
            yield from _taken(texts, (REMOVED, ADDED))
        elif texts[SAME]:
            yield from _taken(texts, (SAME,))
        texts[part.kind] += part.text
    yield from _taken(texts, (SAME, REMOVED, ADDED))


def _taken(texts: dict[str, str], kinds: Iterable[str]) -> Iterator[Part]:
    for kind in kinds:
        if texts[kind]:
            yield Part(kind, texts[kind])
            texts[kind] = ""
