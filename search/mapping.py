"""How a view's documents are indexed: a generation keeps its own mapping, whatever the code says.

A generation is searched by the mapping that it was built with, so that one that was built by
older code, or that readers are rolled back to, still answers rightly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay import View

YEAR = "year"


@dataclass(frozen=True)
class IndexMapping:
    """What of a document is searched: the view's declarations, as they were when it was built."""

    title: str
    text: Mapping[str, Sequence[str]]
    filters: Mapping[str, str]
    date: str | None
    bulk: Sequence[str] = field(kw_only=True)
    """The texts that have no score of their own."""

    @classmethod
    def of(cls, view: View) -> IndexMapping:
        """The mapping of a view as its code declares it now."""
        text = {name: list(paths) for name, paths in view.text.items()}
        return cls(view.title, text, dict(view.filters), view.date, bulk=list(view.bulk))

    def plain(self) -> dict[str, Any]:
        """The mapping as JSON has it."""
        return asdict(self)

    @property
    def digest(self) -> str:
        """Tells this mapping from others."""
        said = json.dumps(self.plain(), sort_keys=True).encode()
        return hashlib.sha256(said).hexdigest()[:16]

    @property
    def filter_names(self) -> list[str]:
        """What can be filtered and counted by: the view's filters, and the year of its date."""
        return [*self.filters, *([YEAR] if self.date and YEAR not in self.filters else [])]

    def keyword(self, name: str) -> str:
        """The index's field for a filter: the id has one already."""
        return "id" if self.filters.get(name) == "id" else f"filter_{name}"

    @property
    def scored(self) -> list[str]:
        """The texts that count once more on their own."""
        return [name for name in self.text if name not in self.bulk]

    @property
    def whole_weight(self) -> float:
        """What a match anywhere weighs: where there is a bulk text, its own score is in it."""
        return 1.0 if len(self.scored) == len(self.text) else 1.0 + FIELD_WEIGHT


FIELD_WEIGHT = 0.3
"""What a match in one of the texts adds, beside 1 for the document as a whole.

The best of twenty constructions on judged collections, and equal to scoring all texts as one.
"""


def values(document: Any, path: str) -> Iterator[str]:
    """The values at a path of a document, as text: ``bylines.name`` is each byline's name.

    >>> list(values({"bylines": [{"name": "Ana"}, {"name": None}]}, "bylines.name"))
    ['Ana']
    """
    if isinstance(document, list):
        for item in document:
            yield from values(item, path)
    elif document is not None and path:
        name, _, rest = path.partition(".")
        yield from values(document[name], rest)
    elif document is not None:
        yield str(document)
