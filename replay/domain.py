"""``Domain``: all that a business brings to an archive, in one object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.errors import ReplayError
from replay.view import DAY, EVENT, View

if TYPE_CHECKING:
    from event_log import Category, NewEvent
    from replay.rules import Entity

References = Mapping[str, Mapping[str, str]]
"""By category, the fields that refer to other entities, and the category they refer to."""
Rules = Callable[["Entity", "NewEvent"], None]
"""Validates an editor's event against the entity's current state; raises ``Refused``."""
NAME = re.compile(r"[a-z][a-z0-9_]*")


class InvalidDomain(ReplayError, ValueError):
    """The parts of a domain do not fit together; the message says which part, and why."""


class Domain:
    """All that a business brings: categories, references, views, rules, a sample, judged queries.

    - ``name`` identifies the domain; an archive remembers it;
    - ``categories`` are the typed kinds of entities, each with its event types;
    - ``views`` are the views by name, in the order in which they are shown: a sequence of
      ``View``, or a mapping whose values may also be ``"module:NAME"``, which is imported when the
      view is first used (Ibis takes a quarter of a second to import);
    - ``references`` says which fields refer to entities of which category;
    - ``parents`` says by category which of these references names an entity's parent: an editor
      cannot make an entity its own ancestor;
    - ``rules(entity, event)`` validates an editor's event by the rules of this business, and
      raises ``Refused``; for every domain it is checked that the entity exists, that the entities
      it refers to exist, and that a required text is not empty;
    - ``public`` names the annotations that readers may see; the others are for the desk alone;
    - ``sample`` is a folder of events to try the domain with: ``*.jsonl``, imported by name;
    - ``queries`` is a folder with judged queries for ``stet evaluate``: ``queries.tsv`` and
      ``qrels.txt``.

    ``categories``, ``references`` and ``rules`` may also be ``"module:NAME"``, as views may: a
    process that only searches then does not load Arrow.

    Raises ``InvalidDomain`` when the parts do not fit together: at once, or for categories given as
    ``"module:NAME"``, when they are first used.

    >>> import pyarrow as pa
    >>> from event_log import Category, Effect, EventType
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> Domain("tags", [tag], views={"history": "replay.history.view:HISTORY"}).views["history"].per
    'event'
    """

    def __init__(
        self,
        name: str,
        categories: Sequence[Category] | str,
        views: Sequence[View] | Mapping[str, View | str],
        references: References | str | None = None,
        rules: Rules | str | None = None,
        sample: Path | None = None,
        queries: Path | None = None,
        parents: Mapping[str, str] | None = None,
        public: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._categories, self._references, self._rules = categories, references, rules
        self.views: Mapping[str, View] = Views(views)
        self.sample = sample
        self.queries = queries
        self.parents: Mapping[str, str] = parents or {}
        self._public = (public,) if isinstance(public, str) else tuple(public)
        self._check_names()
        if not isinstance(categories, str):
            _ = self.categories  # parts that do not fit together are refused at once

    def __repr__(self) -> str:
        return f"Domain({self.name!r})"

    @cached_property
    def categories(self) -> tuple[Category, ...]:
        """The categories, checked to have all that the other parts name of them."""
        categories = tuple(_loaded(self._categories))
        by_name = {category.name: category for category in categories}
        for name, fields in self.references.items():
            for field, target in fields.items():
                self._check_reference(by_name, name, field, target)
        for name, field in self.parents.items():
            if self.references.get(name, {}).get(field) != name:
                raise InvalidDomain(
                    f"domain {self.name}: parents[{name!r}]: {field!r} is no reference of {name} to"
                    f" {name}; declare it in references"
                )
        self._check_public(categories)
        return categories

    @property
    def public(self) -> tuple[str, ...]:
        """The annotations that readers may see, checked to be annotations of the categories."""
        _ = self.categories
        return self._public

    @cached_property
    def references(self) -> References:
        """By category, the fields that refer to other entities, and the category they refer to."""
        references: References = _loaded(self._references) or {}
        return references

    @cached_property
    def rules(self) -> Rules | None:
        """The function that validates an editor's event by the rules of this business."""
        rules: Rules | None = _loaded(self._rules)
        return rules

    @property
    def sample_files(self) -> list[Path]:
        """The files of the sample, in the order in which they are imported."""
        return sorted(self.sample.glob("*.jsonl")) if self.sample else []

    def view_of(self, document: str) -> str | None:
        """The view that has a document, by the form of its id; ``None`` when that is not clear.

        A document for an event has the id ``stream@version``, for a day ``1912-04-15``, and for an
        entity the entity's stream.
        """
        category, slash, rest = document.partition("/")
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", document):
            per = DAY
        elif slash and re.fullmatch(r".+@[0-9]+", rest):
            per = EVENT
        else:
            per = category if slash else ""
        matching = [name for name, view in self.views.items() if view.per == per]
        return matching[0] if matching and per else None

    def _check_names(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InvalidDomain(
                f"{self.name!r} cannot name a domain; use lower case letters, digits and _"
            )
        for view in self.views:
            if not NAME.fullmatch(view):
                raise InvalidDomain(
                    f"domain {self.name}: {view!r} cannot name a view; use lower case letters,"
                    " digits and _"
                )

    def _check_reference(
        self, by_name: Mapping[str, Category], name: str, field: str, target: str
    ) -> None:
        import pyarrow as pa

        where = f"domain {self.name}: references[{name!r}][{field!r}]"
        for category in (name, target):
            if category not in by_name:
                names = ", ".join(by_name)
                raise InvalidDomain(f"{where}: there is no category {category!r}; there is {names}")
        fields = by_name[name].fields
        if field not in fields.names:
            raise InvalidDomain(f"{where}: {name} has no field {field!r}")
        kind = fields.field(field).type
        if kind not in (pa.string(), pa.list_(pa.string())):
            raise InvalidDomain(f"{where}: is {kind}; a reference is a string or a list of strings")

    def _check_public(self, categories: Sequence[Category]) -> None:
        annotations = [name for category in categories for name in category.annotations.names]
        for name in self._public:
            if name in annotations:
                continue
            having = [category.name for category in categories if name in category.fields.names]
            if having:
                why = f"is a field of {having[0]}, which readers see in its documents; leave it out"
            else:
                why = f"no category has this annotation; there is {_enumerated(annotations)}"
            raise InvalidDomain(f"domain {self.name}: public: {name!r}: {why}")


class Views(Mapping[str, View]):
    """Views by name; one that is given as ``"module:NAME"`` is imported when it is first read."""

    def __init__(self, views: Sequence[View] | Mapping[str, View | str]) -> None:
        if isinstance(views, Mapping):
            self._views: dict[str, View | str] = dict(views)
        else:
            self._views = {view.name: view for view in views}
            if len(self._views) != len(views):
                raise InvalidDomain("two views have the same name")

    def __getitem__(self, name: str) -> View:
        view = self._views[name]
        if isinstance(view, str):
            loaded: View = _loaded(view)
            if loaded.name != name:
                raise InvalidDomain(f"the view {view} is called {loaded.name!r}, not {name!r}")
            self._views[name] = view = loaded
        return view

    def __contains__(self, name: object) -> bool:
        return name in self._views

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return f"Views({', '.join(self._views)})"


def _enumerated(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def _loaded(part: Any) -> Any:
    """A part of a domain, imported if it is given as ``"module:NAME"``."""
    if not isinstance(part, str):
        return part
    module, _, attribute = part.partition(":")
    return getattr(import_module(module), attribute)
