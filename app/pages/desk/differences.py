"""Differences as the desk's pages show them: field by field, and in texts word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.pages.desk.inputs import as_texts
from app.pages.desk.names import with_id
from app.pages.word_diff import excerpt, word_diff

if TYPE_CHECKING:
    from app.pages.desk.inputs import Input
    from app.pages.word_diff import Part
    from archive import Archive


@dataclass(frozen=True)
class FieldDifference:
    """A field that changes, and the parts of its text."""

    label: str
    parts: Sequence[Part]


def differences(
    archive: Archive, inputs: Sequence[Input], old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[FieldDifference]:
    """The fields that differ between two states of an entity."""
    changed = [each for each in inputs if old.get(each.name) != new.get(each.name)]
    return [
        FieldDifference(
            each.label,
            parts_of(*(text_of(archive, each, side.get(each.name)) for side in (old, new))),
        )
        for each in changed
    ]


def parts_of(old: str, new: str) -> Sequence[Part]:
    """The parts by which one text becomes another, with some of what stays around them."""
    return [*excerpt(word_diff(old, new))]


def text_of(archive: Archive, each: Input, value: Any) -> str:
    """A value as the one text that is compared; items of a list have a line each."""
    texts = as_texts(value)
    return "\n".join(with_id(archive, text) if each.target else text for text in texts)
