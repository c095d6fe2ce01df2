"""What differs between the documents that the two tools make of one state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Document = Mapping[str, Any] | None
LOGS_OWN = ("sequence",)
"""What a document says of the log: a relational archive has no such thing."""
TOOLS_OWN = ("stet", "_meta")
"""What each tool keeps beside the document."""
WRITTEN = "written: "
"""What kinds begin with that are only another way to write the same."""


class Differences:
    """How many of the documents differ, by kind, with an example of each.

    >>> found = Differences()
    >>> found.add("1", {"tags": [], "on": "1851-09-18T05:00:00Z"},
    ...                {"tags": None, "on": "1851-09-18T05:00:00+00:00"})
    >>> found.content, len(found.kinds)
    (0, 2)
    >>> found.add("2", {"tags": [{"id": "a"}, {"id": "b"}]}, {"tags": [{"id": "b"}, {"id": "a"}]})
    >>> found.add("3", {"tags": [{"id": "a"}]}, {"tags": [{"id": "b"}]})
    >>> found.add("4", {"tags": []}, None)
    >>> [kind for kind in found.kinds if not kind.startswith(WRITTEN)]
    ['tags has another order', 'tags[].id has another value', "only in Stet's index"]
    """

    def __init__(self) -> None:
        self.compared = 0
        self.kinds: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(
        self, key: str, stet: Mapping[str, Any] | None, other: Mapping[str, Any] | None
    ) -> None:
        """Compare two documents of the same id; one that is not there is None."""
        self.compared += 1
        for kind, example in dict(_differences(stet, other)).items():
            self.kinds[kind] += 1
            self.examples.setdefault(kind, f"{key}: {example}")

    @property
    def content(self) -> int:
        """How many differences are more than another way to write the same."""
        return sum(times for kind, times in self.kinds.items() if not kind.startswith(WRITTEN))

    @property
    def summary(self) -> str:
        """One sentence on content, one on what is only written otherwise."""
        kinds = [kind for kind, _ in self.kinds.most_common()]
        alike = [kind for kind in kinds if kind.startswith(WRITTEN)]
        content = [kind for kind in kinds if kind not in alike] or ["no difference in content"]
        told = f"{self.compared:,} documents compared: {'; '.join(content)}."
        otherwise = "; ".join(kind.removeprefix(WRITTEN) for kind in alike)
        return f"{told} Written otherwise: {otherwise}." if alike else told

    def __str__(self) -> str:
        """A line for each kind; an example after it."""
        lines = [f"{self.compared:,} documents compared"]
        lines += [
            f"- {kind}: {times:,} documents, as in {self.examples[kind]}"
            for kind, times in self.kinds.most_common()
        ]
        return "\n".join(lines if self.kinds else [*lines, "- no difference"])


def _differences(stet: Document, other: Document) -> Iterator[tuple[str, str]]:
    if stet is None or other is None:
        if stet is not other:
            yield ("only in PGSync's index" if stet is None else "only in Stet's index"), "whole"
        return
    names = dict.fromkeys([*stet, *other])
    for name in names:
        if name in TOOLS_OWN:
            continue
        if name in LOGS_OWN:
            yield f"{WRITTEN}{name} is the log's, not the tables'", _short(stet.get(name))
            continue
        yield from _values(name, stet.get(name), other.get(name))


def _values(path: str, stet: Any, other: Any) -> Iterator[tuple[str, str]]:
    if stet == other:
        return
    if stet == [] and other is None:
        yield f"{WRITTEN}an empty list is [] in Stet's, null in PGSync's", path
    elif isinstance(stet, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*stet, *other]):
            yield from _values(f"{path}.{name}", stet.get(name), other.get(name))
    elif isinstance(stet, list) and isinstance(other, list):
        yield from _lists(path, stet, other)
    elif (instant := _instant(stet)) and instant == _instant(other):
        yield f"{WRITTEN}an instant ends in Z in Stet's, in +00:00 in PGSync's", path
    else:
        yield f"{path} has another value", f"{_short(stet)} / {_short(other)}"


def _lists(path: str, stet: list[Any], other: list[Any]) -> Iterator[tuple[str, str]]:
    if len(stet) != len(other):
        yield f"{path} has another length", f"{len(stet)} / {len(other)}"
    elif sorted(map(str, map(_sorted, stet))) == sorted(map(str, map(_sorted, other))) and any(
        _sorted(one) != _sorted(two) for one, two in zip(stet, other, strict=True)
    ):
        yield f"{path} has another order", f"{_short(stet)} / {_short(other)}"
    else:
        for one, two in zip(stet, other, strict=True):
            yield from _values(f"{path}[]", one, two)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return value


def _instant(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
