"""The state of a search page: all of it is in its address, and each change is another address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from app.pages.linking import day
from app.pages.strings import text, view_label
from app.web.asked import PARAMETERS, Asked

SIZE = 10
VIEW = "view"
RESERVED = frozenset({*PARAMETERS, VIEW})
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Chip:
    """One thing that is set: what it is called, and the address of the page without it."""

    label: str
    address: str


@dataclass(frozen=True)
class State:
    """What is asked of a view, as a page's address has it; ``first`` is the domain's first view.

    >>> State("articles", "articles", Asked("whales", {"section": ["World"]})).address()
    '/search?q=whales&section=World'
    """

    view: str
    first: str
    asked: Asked

    @classmethod
    def of(cls, parameters: Sequence[tuple[str, str]], first: str) -> State:
        """Read the parameters of an address; raises ``Problem`` 422 as ``Asked`` does."""
        views = [value for name, value in parameters if name == VIEW and value.strip()]
        return cls(views[-1] if views else first, first, Asked.of(parameters, (VIEW,), SIZE))

    def pairs(self, *without: str) -> Pairs:
        """The parameters of the address, without those of some names."""
        asked = self.asked
        plain = {
            VIEW: "" if self.view == self.first else self.view,
            "q": asked.text,
            "from": asked.date_from or "",
            "to": asked.date_to or "",
            "sort": "" if asked.sort == "relevance" else asked.sort,
            "histogram": asked.histogram or "",
            "size": "" if asked.size == SIZE else str(asked.size),
            "at": asked.at or "",
            "embargoed": "1" if asked.embargoed else "",
            "page": "" if asked.page == 1 else str(asked.page),
        }
        pairs = [(name, value) for name, value in plain.items() if value]
        pairs[2:2] = [*_filter_pairs(asked.filters, ""), *_filter_pairs(asked.excluded, "!")]
        pairs += [("facet", name) for name in asked.facets]
        pairs += [(f"{name}~", said) for name, said in asked.facet_text.items()]
        return [(name, value) for name, value in pairs if name not in without]

    def address(self, path: str = "/search", without: Sequence[str] = ()) -> str:
        """The address of this state."""
        return f"{path}?{urlencode(pairs)}" if (pairs := self.pairs(*without)) else path

    def changed(self, **changes: Any) -> State:
        """The state with other parts, on its first page."""
        return replace(self, asked=replace(self.asked, **{"page": 1, **changes}))

    def page(self, number: int) -> str:
        """The address of another page of the same hits."""
        return self.changed(page=number).address()

    def of_view(self, view: str) -> str:
        """The address of the same text in another view, whose filters are others."""
        asked = Asked(text=self.asked.text, at=self.asked.at, embargoed=self.asked.embargoed)
        return State(view, self.first, asked).address()

    def between(self, first: str, last: str) -> str:
        """The address that narrows the dates; finer periods are counted then."""
        return self.changed(date_from=first, date_to=last, histogram=None).address()

    def with_filter(self, name: str, value: str) -> str:
        """The address that has one more value of a filter."""
        values = [*self.asked.filters.get(name, ()), value]
        return self.changed(filters={**self.asked.filters, name: values}).address()

    @property
    def narrowed(self) -> bool:
        """Whether anything is set beside the view: no such page belongs into a search engine."""
        return any(name != VIEW for name, _ in self.pairs())

    def chips(self) -> Iterator[Chip]:
        """All that is set, each with the address of the page without it."""
        asked = self.asked
        if asked.text:
            yield Chip(text("chip_text", text=asked.text), self.changed(text="").address())
        for part, words in (("filters", "chip_filter"), ("excluded", "chip_excluded")):
            chosen: Mapping[str, list[str]] = getattr(asked, part)
            for name, values in chosen.items():
                for value in values:
                    less = self.changed(**{part: _less(chosen, name, value)})
                    said = text(words, name=filter_label(name), value=value)
                    yield Chip(said, less.address())
        for part, words in (
            ("date_from", "chip_from"),
            ("date_to", "chip_to"),
            ("at", "chip_at"),
        ):
            if value := getattr(asked, part):
                yield Chip(text(words, date=day(value)), self.changed(**{part: None}).address())
        if asked.embargoed:
            yield Chip(text("chip_embargoed"), self.changed(embargoed=False).address())

    @property
    def title(self) -> str:
        """What the page is called: the text, or the view."""
        if self.asked.text:
            return text("search_title", text=self.asked.text, view=view_label(self.view))
        return view_label(self.view)


def filter_label(name: str) -> str:
    """What a filter is called.

    >>> filter_label("byline_id"), filter_label("tag")
    ('Byline', 'Topic')
    """
    from app.pages.strings import TEXTS

    known = TEXTS.get(f"filter_{name}")
    return known or name.removesuffix("_id").replace("_", " ").capitalize()


def filter_field(name: str, sign: str = "") -> str | None:
    """The name of the form's field of a filter; ``None`` for one that is called as a parameter.

    >>> filter_field("section", "!"), filter_field("size")
    ('section!', None)
    """
    return None if name in RESERVED else f"{name}{sign}"


def filter_value(name: str, value: str, sign: str = "") -> tuple[str, str]:
    """The field of the form, and its value, that set a filter."""
    field = filter_field(name, sign)
    return (field, value) if field else ("filter", f"{name}{sign}={value}")


def _filter_pairs(filters: Mapping[str, Sequence[str]], sign: str) -> Pairs:
    return [filter_value(name, value, sign) for name in filters for value in filters[name]]


def _less(chosen: Mapping[str, list[str]], name: str, value: str) -> dict[str, list[str]]:
    """The values of the filters without one; a filter without any is none."""
    less = {
        each: [v for v in values if (each, v) != (name, value)] for each, values in chosen.items()
    }
    return {each: values for each, values in less.items() if values}
