"""A search as the parameters of an address: the same names in the API and on the pages.

``q`` is the text; ``from``, ``to``, ``sort``, ``facet`` (repeated), ``page``, ``size``, ``at`` and
``embargoed`` are as on the command line. Any other parameter is a filter by its name
(``section=World``), and excludes if its name ends in ``!`` (``section!=World``). ``filter`` takes
what the command line's ``--filter`` takes, for filters that are called like a parameter.
``histogram`` counts the hits by ``decade``, ``year`` or ``month``, and a parameter whose name ends
in ``~`` is the text that the values of a facet contain: ``tag~=steam``, or as on the command line
``facet=tag=steam``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.web.problems import Problem, WrongField

if TYPE_CHECKING:
    from search import Query

MOST_OF_A_TEXT = 1_000
MOST_HITS = 100
MOST_FILTERS = 200
MOST_PAGES_DEEP = 1_000_000
"""Hits before a page, at most."""
PARAMETERS = (
    "q",
    "from",
    "to",
    "sort",
    "facet",
    "histogram",
    "page",
    "size",
    "at",
    "embargoed",
    "filter",
)


def pages_of(total: int, size: int) -> int:
    """How many pages of hits can be asked for: at least one, which has no hits where none fits.

    >>> pages_of(21, 10), pages_of(0, 10), pages_of(21, 0)
    (3, 1, 1)
    """
    return max(1, min(-(-total // size), MOST_PAGES_DEEP // size)) if size else 1


@dataclass(frozen=True)
class Asked:
    """What somebody asks of a view, as it stands in an address.

    >>> asked = Asked.of([("q", "whales"), ("section", "World"), ("page", "2")], others=())
    >>> asked.text, asked.filters, asked.page
    ('whales', {'section': ['World']}, 2)
    """

    text: str = ""
    filters: Mapping[str, list[str]] = field(default_factory=dict)
    excluded: Mapping[str, list[str]] = field(default_factory=dict)
    date_from: str | None = None
    date_to: str | None = None
    sort: str = "relevance"
    facets: Sequence[str] = ()
    page: int = 1
    size: int = 10
    at: str | None = None
    embargoed: bool = False
    histogram: str | None = None
    facet_text: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, parameters: Iterable[tuple[str, str]], others: Sequence[str] = (), size: int = 10
    ) -> Asked:
        """Read the parameters of an address; ``others`` are those that are not about the search.

        Raises ``Problem`` 422 that names each parameter that is wrong. An empty one counts as not
        given, as forms send them.
        """
        given: dict[str, list[str]] = {}
        for name, value in parameters:
            if value.strip() and name not in others:
                given.setdefault(name, []).append(value)
        wrong: list[WrongField] = []
        facets, facet_text = _facets(given, wrong)
        plain = {name: values for name, values in given.items() if not name.endswith("~")}
        filters, excluded = _filters(plain, wrong)
        asked = cls(
            text=_one(given, "q", wrong) or "",
            filters=filters,
            excluded=excluded,
            date_from=_one(given, "from", wrong),
            date_to=_one(given, "to", wrong),
            sort=_one(given, "sort", wrong) or "relevance",
            facets=facets,
            page=_whole(given, "page", 1, 1, MOST_PAGES_DEEP, wrong),
            size=_whole(given, "size", size, 0, MOST_HITS, wrong),
            at=_one(given, "at", wrong),
            embargoed=_one(given, "embargoed", wrong) in ("1", "true", "on"),
            histogram=_one(given, "histogram", wrong),
            facet_text=facet_text,
        )
        if len(asked.text) > MOST_OF_A_TEXT:
            wrong.append(WrongField("q", f"has more than {MOST_OF_A_TEXT:,} characters"))
        if asked.page * asked.size > MOST_PAGES_DEEP:
            wrong.append(WrongField("page", f"is beyond the first {MOST_PAGES_DEEP:,} hits"))
        if wrong:
            said = "; ".join(f"{each.field} {each.reason}" for each in wrong)
            raise Problem(422, f"the address cannot be searched with: {said}", wrong)
        return asked

    def query(self, view: str, edits: bool = False) -> Query:
        """The query of a view; what is under embargo is found by who edits, and asks for it.

        Raises ``Problem`` 422 that names the parameter of a date which is none.
        """
        from search import Query

        self._check_dates()
        return Query(
            self.text,
            view,
            self.filters,
            self.date_from,
            self.date_to,
            self.sort,
            [*dict.fromkeys([*self.facets, *self.facet_text])],
            self.page,
            self.size,
            excluded=self.excluded,
            histogram=self.histogram,
            facet_text=self.facet_text,
            embargoed=self.embargoed and edits,
        )

    def _check_dates(self) -> None:
        from event_log import dates

        wrong = []
        for name, date in (("from", self.date_from), ("to", self.date_to)):
            try:
                dates.date_span(date or "today", datetime.now(UTC))
            except dates.InvalidDate as error:
                wrong.append(WrongField(name, str(error)))
        if wrong:
            raise Problem(422, "; ".join(f"{each.field}: {each.reason}" for each in wrong), wrong)


def _filters(
    given: Mapping[str, list[str]], wrong: list[WrongField]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    filters: dict[str, list[str]] = {}
    excluded: dict[str, list[str]] = {}
    pairs = [(name, value) for name in given if name not in PARAMETERS for value in given[name]]
    for item in given.get("filter", ()):
        name, sign, value = item.partition("=")
        if not sign:
            wrong.append(WrongField("filter", f"{item!r} is not field=value"))
        pairs.append((name, value))
    if len(pairs) > MOST_FILTERS:
        wrong.append(WrongField("filter", f"there are more than {MOST_FILTERS}"))
    for name, value in pairs[:MOST_FILTERS]:
        into = excluded if name.endswith("!") else filters
        into.setdefault(name.removesuffix("!"), []).append(value)
    return filters, excluded


def _facets(
    given: Mapping[str, list[str]], wrong: list[WrongField]
) -> tuple[list[str], dict[str, str]]:
    """The facets, and by facet the text that its values contain, as either form says it."""
    pairs = [facet.partition("=") for facet in given.get("facet", ())]
    said = [(name, text) for name, _, text in pairs if text.strip()]
    said += [(n.removesuffix("~"), text) for n in given if n.endswith("~") for text in given[n]]
    texts: dict[str, str] = {}
    for name, text in said:
        if texts.setdefault(name, text) != text:
            wrong.append(WrongField(f"{name}~", "is given more than once"))
    return [*dict.fromkeys(name for name, _, _ in pairs)], texts


def _one(given: Mapping[str, list[str]], name: str, wrong: list[WrongField]) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        wrong.append(WrongField(name, "is given more than once"))
    return values[0] if values else None


def _whole(
    given: Mapping[str, list[str]],
    name: str,
    default: int,
    least: int,
    most: int,
    wrong: list[WrongField],
) -> int:
    text = _one(given, name, wrong)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
        wrong.append(WrongField(name, f"{text!r} is no whole number from {least:,} to {most:,}"))
        return default
    return int(text)
