"""``View``: two Ibis expressions over entities, and the fields by which it is searched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from replay.errors import BrokenView
from replay.tally import Tally

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay.entities import Entities


EVENT = "event"
DAY = "day"
WORD = re.compile(r"[^\W\d]\w*")
"""The form of the names of texts and filters, which queries use."""


@dataclass(frozen=True)
class View:
    """A view: how its documents are computed from entities, and how they are searched.

    ``documents(state, keys)`` has one line per document: ``id`` first, then the view's fields.
    ``keys`` is ``None`` for all documents, or a table with one column ``id``. ``lineage(state,
    keys)`` has the pairs ``(id, entity)`` of these documents, and perhaps of others: the id of the
    document, and a stream that it is made from.

    The other fields declare the search, by paths into the documents (``bylines.name`` is the
    ``name`` of each of the structs in ``bylines``):

    - ``title``: the path of the title of a hit;
    - ``text``: the searchable texts by name, the title first; the query syntax uses these names
      (``headline:word``);
    - ``filters``: exact values by name, for filters and facets; ``year`` is made from ``date``;
    - ``date``: the path of the instant or day for date ranges and for sorting by date; one that has
      the name of a field of the entity is that field;
    - ``bulk``: the names of the texts that are most of a document, such as an article's body. A
      word in such a text is also in the document, and scores nearly the same there, so these texts
      are not indexed on their own: that would be a third of the time that indexing takes;
    - ``other_names``: the names of the texts that hold other names of what the title names, such as
      aliases. ``suggest`` finds documents by these and by their titles.

    ``per`` is what the view has one document for: a category, ``"event"`` (``article/1@3``) or
    ``"day"`` (``1912-04-15``). The document's id has that form.

    All entities that a document is made from must be reachable along references; see
    ``replay.kept.neighbourhood``. If the ids are not those of entities, ``roots(state, keys)`` has
    the entities that documents begin from, as a table with one column ``id``: ``explain`` shows
    them.

    What is dated in the future is under embargo: a search does not show it until then, unless it
    is asked to. ``embargo`` says whether ``date`` hides a document; a person's last article, for
    instance, does not hide the person. ``embargoed`` has the paths of instants that hide a part of
    a document: an item of a list (``latest.published_at``), or the instant itself.
    ``tally`` says what a document counts and lists of another view's documents (``Tally``): readers
    see it as if those that are under embargo were not there, and without its ``sequence``, which
    would tell of them. ``of_entity`` is the filter that has a document's entity, if the document is
    hidden as long as its entity is.

    If documents are long, ``documents_a_gigabyte`` is how many of them are made at a time, for each
    gigabyte of memory that DuckDB may use.

    Raise ``code_version`` with every change of the documents' content.

    One path may stand where several are meant: ``text={"title": "title"}``. Raises ``BrokenView``
    when the parts do not fit together; whether the paths fit the documents is checked when the view
    is rebuilt, exported or caught up.
    """

    name: str
    code_version: int
    documents: Callable[[Entities, ir.Table | None], ir.Table]
    lineage: Callable[[Entities, ir.Table | None], ir.Table]
    title: str
    text: Mapping[str, Sequence[str]]
    filters: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None
    bulk: Sequence[str] = ()
    other_names: Sequence[str] = ()
    per: str | None = None
    roots: Callable[[Entities, ir.Table], ir.Table] | None = None
    documents_a_gigabyte: int | None = None
    embargo: bool = True
    embargoed: Sequence[str] = ()
    tally: Tally | None = None
    of_entity: str | None = None

    def __post_init__(self) -> None:
        """Take one path for a list of one, and check what needs no documents."""
        for part in ("documents", "lineage", *(["roots"] if self.roots is not None else [])):
            if not callable(getattr(self, part)):
                kind = type(getattr(self, part)).__name__
                self._refuse(part, f"is a {kind}; it must be a function of state and keys")
        if type(self.code_version) is not int:
            self._refuse("code_version", f"is {self.code_version!r}; it must be a whole number")
        for part in ("text", "filters"):
            if not isinstance(getattr(self, part), Mapping):
                self._refuse(part, "must be a dictionary: paths by the name that queries use")
        texts = {name: _as_tuple(paths) for name, paths in self.text.items()}
        object.__setattr__(self, "text", texts)
        object.__setattr__(self, "bulk", _as_tuple(self.bulk))
        object.__setattr__(self, "other_names", _as_tuple(self.other_names))
        object.__setattr__(self, "embargoed", _as_tuple(self.embargoed))
        self._check_names()
        self._check_paths()
        self._check_tally()

    def _check_names(self) -> None:
        if not self.text:
            self._refuse("text", "is empty; name at least the title's text")
        for part in ("text", "filters"):
            for name in getattr(self, part):
                if not isinstance(name, str) or not WORD.fullmatch(name):
                    self._refuse(part, f"{name!r} cannot name one; use letters, digits and _")
        for part in ("bulk", "other_names"):
            for name in getattr(self, part):
                if name not in self.text:
                    there = ", ".join(self.text)
                    self._refuse(part, f"there is no text {name!r}; there is {there}")
        if self.of_entity is not None and self.of_entity not in self.filters:
            there = ", ".join(self.filters) or "none"
            self._refuse("of_entity", f"there is no filter {self.of_entity!r}; there is {there}")

    def _check_paths(self) -> None:
        paths = {
            "title": (self.title,),
            "date": () if self.date is None else (self.date,),
            "embargoed": self.embargoed,
            **{f"text[{name!r}]": paths for name, paths in self.text.items()},
            **{f"filters[{name!r}]": (path,) for name, path in self.filters.items()},
        }
        for part, some in paths.items():
            if not some and part not in ("date", "embargoed"):
                self._refuse(part, "has no path; give one, such as author.name")
            for path in some:
                if not isinstance(path, str) or not path:
                    self._refuse(part, f"{path!r} is no path; write one, such as author.name")

    def _check_tally(self) -> None:
        """What counts is named, and the view says itself whether its documents are days."""
        if self.tally is None:
            return
        if not isinstance(self.tally, Tally):
            kind = type(self.tally).__name__
            self._refuse("tally", f"is a {kind}; write Tally(view, by=...)")
        if (reason := self.tally.wrong()) is not None:
            self._refuse("tally", reason)
        for path in self.tally.ids:
            if path != "id" and path not in self.filters.values():
                self._refuse("tally", f"ids: there is no filter by {path}; give the view one")
        object.__setattr__(self, "tally", replace(self.tally, days=self.per == DAY))

    def _refuse(self, part: str, reason: str) -> NoReturn:
        raise BrokenView(self.name, part, reason)


def _as_tuple(paths: Sequence[str]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else tuple(paths)
