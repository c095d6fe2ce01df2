"""A hit as a page shows it: what is marked, what is told of it, and where its page is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from app.pages.linking import day, instant
from app.pages.search_state import filter_label
from app.web.addresses import page_of

if TYPE_CHECKING:
    from replay import View
    from search import Hit

EXCERPT = 260
FRAGMENTS = 3
FACT_VALUES = 4


@dataclass(frozen=True)
class Shown:
    """A hit: ``title`` and ``fragments`` are markup that the engine has escaped."""

    id: str
    view: str
    address: str
    title: Markup
    fragments: Sequence[tuple[str, Markup]]
    excerpt: str
    """The beginning of its text, where no part of it has a match."""
    date: str | None
    embargoed: bool
    document: dict[str, Any]
    facts: Callable[[], Sequence[tuple[str, str]]]
    """What is told of it where no template of its own does: labels and values."""


def shown(view: View, hit: Hit) -> Shown:
    """Make a hit ready for a template."""
    from replay import DAY

    # The engine has escaped title and fragments: ``<mark>`` is the only markup in them.
    fragments = [
        (filter_label(name), Markup(marked))  # noqa: S704
        for name, marked in [*hit.fragments.items()][:FRAGMENTS]
    ]
    return Shown(
        id=hit.id,
        view=view.name,
        address=page_of(view, hit.id),
        title=Markup.escape(day(hit.id)) if view.per == DAY else Markup(hit.title),  # noqa: S704
        fragments=fragments,
        excerpt="" if fragments else excerpt(view, hit.document),
        date=None if view.per == DAY else hit.date,
        embargoed=is_later(hit.date),
        document=hit.document,
        facts=lambda: [*_facts(view, hit.document)],
    )


def excerpt(view: View, document: dict[str, Any], length: int = EXCERPT) -> str:
    """The beginning of a document's own text, beside its title; the short texts come first."""
    from search import values, without_markup

    names = [name for name in view.text if name not in view.bulk] + [*view.bulk]
    for path in [path for name in names for path in view.text[name]]:
        if path == view.title or "." in path:
            continue
        text = " ".join(without_markup(next(values(document, path), "")).split())
        if text and text != document["id"]:
            return _shortened(text, length)
    return ""


def _shortened(text: str, length: int) -> str:
    """The text up to the last word that fits.

    >>> _shortened("a whale was seen", 9)
    'a whale…'
    """
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut}…"


def is_later(date: object) -> bool:
    """Whether a document's date is in the future."""
    found = instant(date)
    if found is None:
        return False
    if not isinstance(found, datetime):
        return found > datetime.now(UTC).date()
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) > datetime.now(UTC)


def facet_names(view: View) -> list[str]:
    """The filters whose values a person reads: those that are no ids.

    >>> from newsroom import DOMAIN
    >>> facet_names(DOMAIN.views["articles"])
    ['section', 'byline', 'tag', 'language', 'source', 'news_desk', 'type_of_material']
    """
    return [name for name, path in view.filters.items() if not f"_{path}".endswith(("_id", ".id"))]


def _facts(view: View, document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from search import values

    for name in facet_names(view):
        found = [*dict.fromkeys(values(document, view.filters[name]))]
        if found:
            more = ", …" if len(found) > FACT_VALUES else ""
            yield filter_label(name), ", ".join(found[:FACT_VALUES]) + more
