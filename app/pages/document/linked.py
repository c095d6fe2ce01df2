"""The documents that name one, as far as the filters of the views tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from app.pages.document.fields import label_of, title_of
from app.web.addresses import page_of
from app.web.asked import MOST_PAGES_DEEP, PARAMETERS
from app.web.identity import Identity
from app.web.reading import documents

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View
    from search import Hit

FIRST = 10
"""Documents of a list that is not paged."""
A_PAGE = 20
LEVELS = 6
"""How deep sections are in each other, at most: as the view ``sections`` counts them."""


@dataclass(frozen=True)
class Card:
    """A document in a list: what it is called, its page, its date, and the document itself."""

    title: str
    address: str
    date: str | None
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Linked:
    """The documents of a view that name another in a filter; a page of them."""

    view: str
    filter: str
    label: str
    total: int
    cards: Sequence[Card]
    search: str
    """The address of the search for all of them."""
    page: int = 1
    pages: int = 1


def card(view: View, hit: Hit) -> Card:
    """The card of a hit."""
    return Card(title_of(view, hit.document), page_of(view, hit.id), hit.date, hit.document)


def linked(site: Site, key: str, identity: Identity) -> Iterator[Linked]:
    """What names an entity, in the order of the views: the first documents by each filter."""
    from replay import EVENT

    for view in site.archive.views.values():
        if view.per == EVENT:
            continue
        for name, path in view.filters.items():
            if path.endswith(("_id", ".id")):
                found = listed(site, view, name, [key], identity, size=FIRST)
                if found.total:
                    yield found


def listed(
    site: Site,
    view: View,
    name: str,
    keys: Sequence[str],
    identity: Identity,
    page: int = 1,
    size: int = A_PAGE,
) -> Linked:
    """A page of the documents of a view that have one of these values of a filter."""
    from search import Query

    sort = "newest" if view.date else "relevance"
    query = Query(
        "", view.name, {name: keys}, sort=sort, page=page, size=size, highlight=False,
        embargoed=identity.edits,
    )  # fmt: skip
    answer = site.archive.engine.search(query)
    pages = -(-min(answer.total, MOST_PAGES_DEEP) // size)
    cards = [card(view, hit) for hit in answer.hits]
    label = label_of(view.filters[name].removesuffix(".id"))
    address = search_address(view, name, keys)
    return Linked(view.name, name, label, answer.total, cards, address, page, pages)


def search_address(view: View, name: str, keys: Sequence[str]) -> str:
    """The address of a search of a view by one filter."""
    pairs = [("filter", f"{name}={k}") if name in PARAMETERS else (name, k) for k in keys]
    return "/search?" + urlencode([("view", view.name), *pairs])


def below(site: Site, key: str) -> list[str]:
    """A section and all sections below it, level by level."""
    from search import Query

    found, level = [key], [key]
    for _ in range(LEVELS):
        query = Query("", "sections", {"parent_id": level}, size=1_000, highlight=False)
        level = [hit.id for hit in site.archive.engine.search(query).hits if hit.id not in found]
        if not level:
            break
        found += level
    return found


def titles(site: Site, keys: Sequence[str], identity: Identity) -> dict[str, str]:
    """What entities are called, as far as somebody may see them."""
    by_view: dict[str, list[str]] = {}
    for key in keys:
        name = site.archive.domain.view_of(key)
        if name is not None and site.archive.view(name).per in site.archive.log.registry:
            by_view.setdefault(name, []).append(key)
    return {
        hit.id: title_of(site.archive.view(name), hit.document)
        for name, some in by_view.items()
        for hit in documents(site, site.archive.view(name), some, identity).values()
    }
