"""Index mappings: which parts of a view's documents are searched, filtered and sorted by.

A generation keeps the mapping that it was built with and is searched by it. So a generation built
by older code, or one that is rolled back to, still answers correctly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay import Tally, View

_OF_BEFORE = frozenset({"embargoed_counts"})
"""What a generation's mapping may have that was built by code of before, and nothing reads."""
YEAR = "year"
MONTH_DAY = "month_day"
"""The field with the month and the day of a date, such as ``04-15``."""


@dataclass(frozen=True)
class IndexMapping:
    """The searchable paths of a view's documents, as its code declared them at build time."""

    title: str
    text: Mapping[str, Sequence[str]]
    filters: Mapping[str, str]
    date: str | None
    bulk: Sequence[str] = field(kw_only=True)
    """The texts that have no score of their own."""
    embargo: bool = field(default=True, kw_only=True)
    """Whether a document of a later date is hidden until then."""
    embargoed: Sequence[str] = field(default_factory=list, kw_only=True)
    """The paths of the instants by which parts of a document are hidden."""
    tally: Tally | None = field(default=None, kw_only=True)
    """What the documents count and list of another view's, which may be hidden."""
    of_entity: str | None = field(default=None, kw_only=True)
    """The filter that names the entity whose embargo holds for a document too."""
    layout: int = field(default=0, kw_only=True, compare=False)
    """The version of the engine's layout that an index was built with; 0 is the current one."""

    @classmethod
    def read(cls, content: Mapping[str, Any], version: str) -> IndexMapping:
        """The mapping of a built index, of its JSON and of ``Generation.mapping``."""
        layout = version.partition(":")[0]
        of_now = {name: value for name, value in content.items() if name not in _OF_BEFORE}
        if of_now.get("tally") is not None:
            from replay import Tally

            of_now["tally"] = Tally(**of_now["tally"])
        return cls(**of_now, layout=int(layout) if layout.isdecimal() else 0)

    @classmethod
    def of(cls, view: View) -> IndexMapping:
        """The mapping that a view's code declares now."""
        text = {name: list(paths) for name, paths in view.text.items()}
        return cls(
            view.title,
            text,
            dict(view.filters),
            view.date,
            bulk=list(view.bulk),
            embargo=view.embargo,
            embargoed=list(view.embargoed),
            tally=view.tally,
            of_entity=view.of_entity,
        )

    def as_json(self) -> dict[str, Any]:
        """The mapping as a JSON object."""
        return {name: value for name, value in asdict(self).items() if name != "layout"}

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the mapping."""
        content = json.dumps(self.as_json(), sort_keys=True).encode()
        return hashlib.sha256(content).hexdigest()[:16]

    @property
    def filter_names(self) -> list[str]:
        """The names of filters and facets: the view's own, and the year of its date."""
        return [*self.filters, *([YEAR] if self.date and YEAR not in self.filters else [])]

    @property
    def title_text(self) -> str | None:
        """The text that is the title alone, if there is one."""
        return next((name for name, paths in self.text.items() if [*paths] == [self.title]), None)

    def keyword(self, name: str) -> str:
        """The embedded index's field for a filter; a filter by id uses the field ``id``."""
        return "id" if self.filters.get(name) == "id" else f"filter_{name}"

    @property
    def scored(self) -> list[str]:
        """The texts that have a score of their own, added to the document's score."""
        return [name for name in self.text if name not in self.bulk]

    @property
    def whole_weight(self) -> float:
        """The weight of a match in the document as a whole.

        It includes ``FIELD_WEIGHT`` where a bulk text has no score of its own.
        """
        return 1.0 if len(self.scored) == len(self.text) else 1.0 + FIELD_WEIGHT


FIELD_WEIGHT = 0.3
"""The weight of a match in one of the texts, added to the document's score, which weighs 1.

The best of twenty constructions on judged collections, and equal to scoring all texts as one.
"""


def values(document: Any, path: str) -> Iterator[str]:
    """The values at a path of a document, as text: ``bylines.name`` is each byline's name.

    A document that was made before its view had the field has none there.

    >>> list(values({"bylines": [{"name": "Ana"}, {"name": None}]}, "bylines.name"))
    ['Ana']
    """
    if isinstance(document, list):
        for item in document:
            yield from values(item, path)
    elif document is not None and path:
        name, _, rest = path.partition(".")
        yield from values(document.get(name), rest)
    elif document is not None:
        yield str(document)
