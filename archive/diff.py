"""Differences: how one document changed between two points of the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from archive.export import export
from replay import NoDocument, View

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Point

NAMES = ("id", "field")
"""By which of its values an item of a list is the same item later: the first that there is."""


@dataclass(frozen=True)
class Change:
    """One change in a document. ``bylines[byline/1].name`` is the name in the item of that id."""

    path: str
    kind: str
    """``changed``, ``added``, ``removed``, or ``moved``: items of a list in another order."""
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
    changes: tuple[Change, ...]
    """In the order of the document's fields; of one that did not exist, or ceased, all fields."""


def difference(
    archive: Archive, document: str, view: str | View, old: Point, new: Point = None
) -> Difference:
    """Compare a document as of two points; both are computed by the code as it is now.

    ``sequence``, which says by which event the document was last written, is not compared. Raises
    ``NoDocument`` when it is there at neither point.

    >>> import tempfile
    >>> from archive import Archive
    >>> archive = Archive(tempfile.mkdtemp())
    >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
    >>> difference(archive, "tag/sea", "topics", 1).changes
    (Change(path='name', kind='changed', old='Sea', new='Ocean'),)
    """
    known = archive.view(view)
    points = [archive.log.at(old).sequence, archive.log.at(new).sequence]
    before, after = (_document(archive, document, known, point) for point in points)
    if before is None and after is None:
        raise NoDocument(
            f"there is no {document} in {known.name}, neither as of sequence {points[0]:,}"
            f" nor of {points[1]:,}"
        )
    changes = tuple(changed(before or {}, after or {}))
    existed, exists = before is not None, after is not None
    return Difference(document, known.name, points[0], points[1], existed, exists, changes)


def _document(archive: Archive, key: str, view: View, sequence: int) -> dict[str, Any] | None:
    for line in export(archive, view, sequence, [key]):
        found: dict[str, Any] = orjson.loads(line)
        found.pop("sequence", None)
        return found
    return None


def changed(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[Change]:
    """The changes from one structure to another, in the order of their fields.

    >>> [str(c.path) for c in changed({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})]
    ['a.b']
    """
    for name in [*new, *(name for name in old if name not in new)]:
        yield from _compared(old.get(name), new.get(name), f"{path}.{name}" if path else name)


def _compared(old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from changed(old, new, path)
    elif _is_named(old) and _is_named(new) and (old or new):
        yield from _items(old or [], new or [], path)
    elif _is_nothing(old) or _is_nothing(new):
        if _is_nothing(old) != _is_nothing(new):
            yield Change(path, "added" if _is_nothing(old) else "removed", old, new)
    else:
        yield Change(path, "changed", old, new)


def _items(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Change]:
    """Items are the same by their name, wherever they stand; what stands elsewhere has moved."""
    before, after = _by_name(old), _by_name(new)
    for name, item in after.items():
        if name not in before:
            yield Change(f"{path}[{name}]", "added", None, item)
        else:
            yield from _compared(before[name], item, f"{path}[{name}]")
    for name, item in before.items():
        if name not in after:
            yield Change(f"{path}[{name}]", "removed", item, None)
    stayed = [name for name in before if name in after]
    order = [name for name in after if name in before]
    if stayed != order:
        yield Change(path, "moved", stayed, order)


def _by_name(items: Sequence[Any]) -> dict[str, Any]:
    """The items by name; a name that comes again is told from the first by its number."""
    seen: Counter[str] = Counter()
    found = {}
    for item in items:
        name = _name(item) or ""
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = item
    return found


def _is_named(value: Any) -> bool:
    """Is it a list, or nothing, whose items all have a name?"""
    return value is None or (isinstance(value, list) and all(_name(item) for item in value))


def _name(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(item[name]) for name in NAMES if item.get(name) is not None), None)


def _is_nothing(value: Any) -> bool:
    return value is None or value in ([], "")
