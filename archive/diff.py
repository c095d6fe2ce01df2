"""Differences: how one document changed between two points of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from archive.export import export
from event_log import InvalidPoint
from replay import NoDocument, View

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point

NAMES = ("id", "field")
"""The fields that identify an item of a list: the first of them that the item has."""


@dataclass(frozen=True)
class FieldChange:
    """One change in a document.

    The path ``bylines[byline/1].name`` is the name in the list item of that id.
    """

    path: str
    kind: str
    """``changed``, ``added``, ``removed``, or ``moved``: the items of a list have another order."""
    old: Any
    new: Any


@dataclass(frozen=True)
class Difference:
    """How a document changed from one sequence of the log to another."""

    document: str
    view: str
    old_sequence: int
    new_sequence: int
    existed: bool
    exists: bool
    changes: tuple[FieldChange, ...]
    """In the order of the fields. All fields, when the document exists at one point only."""


def difference(
    archive: Archive, document: str, view: str | View, old: Point, new: Point = None
) -> Difference:
    """Compare a document as of two points of the log; the current code computes both.

    The field ``sequence``, the last event that changed the document, is not compared. Raises
    ``NoDocument`` when the document exists at neither point, ``InvalidPoint`` when the old point is
    after the new one.

    >>> import tempfile
    >>> from archive import Archive
    >>> archive = Archive(tempfile.mkdtemp())
    >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
    >>> difference(archive, "tag/sea", "topics", 1).changes
    (FieldChange(path='name', kind='changed', old='Sea', new='Ocean'),)
    """
    of_view = archive.view(view)
    points = [archive.log.at(old).sequence, archive.log.at(new).sequence]
    if points[0] > points[1]:
        raise InvalidPoint(f"{old} is after {'the head' if new is None else new}; exchange them")
    before, after = (_document(archive, document, of_view, point) for point in points)
    if before is None and after is None:
        raise NoDocument(
            f"there is no {document} in {of_view.name}, neither as of sequence {points[0]:,}"
            f" nor of {points[1]:,}"
        )
    changes = tuple(changed(before or {}, after or {}))
    existed, exists = before is not None, after is not None
    return Difference(document, of_view.name, points[0], points[1], existed, exists, changes)


def _document(archive: Archive, key: str, view: View, sequence: int) -> dict[str, Any] | None:
    for line in export(archive, view, sequence, [key]):
        document: dict[str, Any] = orjson.loads(line)
        document.pop("sequence", None)
        return document
    return None


def changed(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str = ""
) -> Iterator[FieldChange]:
    """Yield the changes from one structure to another, in the order of their fields.

    >>> [str(c.path) for c in changed({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})]
    ['a.b']
    """
    for name in [*new, *(name for name in old if name not in new)]:
        yield from _compared(old.get(name), new.get(name), f"{path}.{name}" if path else name)


def _compared(old: Any, new: Any, path: str) -> Iterator[FieldChange]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from changed(old, new, path)
    elif _is_named(old) and _is_named(new) and (old or new):
        yield from _items(old or [], new or [], path)
    elif _is_nothing(old) or _is_nothing(new):
        if _is_nothing(old) != _is_nothing(new):
            yield FieldChange(path, "added" if _is_nothing(old) else "removed", old, new)
    else:
        yield FieldChange(path, "changed", old, new)


def _items(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[FieldChange]:
    """Compare two lists item by item: items of the same name are the same, at any place."""
    before, after = _by_name(old), _by_name(new)
    for name, item in after.items():
        if name not in before:
            yield FieldChange(f"{path}[{name}]", "added", None, item)
        else:
            yield from _compared(before[name], item, f"{path}[{name}]")
    for name, item in before.items():
        if name not in after:
            yield FieldChange(f"{path}[{name}]", "removed", item, None)
    stayed = [name for name in before if name in after]
    order = [name for name in after if name in before]
    if stayed != order:
        yield FieldChange(path, "moved", stayed, order)


def _by_name(items: Sequence[Any]) -> dict[str, Any]:
    """The items by name; a repeated name gets a number."""
    seen: Counter[str] = Counter()
    by_name = {}
    for item in items:
        name = _name(item) or ""
        seen[name] += 1
        by_name[name if seen[name] == 1 else f"{name}#{seen[name]}"] = item
    return by_name


def _is_named(value: Any) -> bool:
    """Whether a value is ``None``, or a list whose items all have a name."""
    return value is None or (isinstance(value, list) and all(_name(item) for item in value))


def _name(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(item[name]) for name in NAMES if item.get(name) is not None), None)


def _is_nothing(value: Any) -> bool:
    return value is None or value in ([], "")
