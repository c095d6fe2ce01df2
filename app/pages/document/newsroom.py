"""What the newsroom's own pages show beside their document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from app.pages.document import citation
from app.pages.document.fields import entity_page, paragraphs
from app.pages.document.linked import below, card, listed
from app.pages.document.prose import prose
from app.pages.document.structured_data import as_script, news_article

if TYPE_CHECKING:
    from app.pages.document.linked import Card, Linked
    from app.pages.document.page import Page
    from app.web.site import Site

SIMILAR = 6
PICTURES = 12


def article(site: Site, page: Page) -> dict[str, Any]:
    """An article: its text, how it is cited, what is similar, what programs read."""
    shown, asked = page.document, page.asked
    address = asked.address
    if page.times is not None and page.version is not None:
        address = page.times.address(page.version)
    authors = {
        each["id"]: asked.origin + path
        for each in shown["bylines"]
        if (path := entity_page(site, each["id"]))
    }
    said = news_article(shown, address, site.options.name, authors, page.corrections)
    return {
        "text_parts": prose(site, "article", "body", shown["body"]),
        "abstract": paragraphs(shown["abstract"]),
        "citations": _citations(site, page, address),
        "structured": as_script(said),
        "similar": _similar(site, page) if page.version is None else [],
        "withdrawn_pictures": _withdrawn(site, page),
        "address": address,
    }


def _citations(site: Site, page: Page, address: str) -> Mapping[str, str]:
    from app.pages.linking import instant

    published = instant(page.document["published_at"])
    cited = citation.Cited(
        page.asked.key.partition("/")[2],
        page.title,
        [each["name"] for each in page.document["bylines"] if each.get("name")],
        site.options.name,
        published,  # type: ignore[arg-type]  # the view has an instant
        address,
    )
    return {
        "apa": citation.apa(cited),
        "mla": citation.mla(cited),
        "bibtex": citation.bibtex(cited),
    }


def _similar(site: Site, page: Page) -> list[Card]:
    from archive import NoSuchDocument

    try:
        answer = site.archive.similar(page.asked.key, page.asked.view.name, SIMILAR)
    except NoSuchDocument:  # one under embargo, which an editor reads
        return []
    return [card(page.asked.view, hit) for hit in answer.hits]


def _withdrawn(site: Site, page: Page) -> list[str]:
    """The public notes of pictures that an earlier version had, and that were withdrawn."""
    notes = []
    for entity in page.withheld:
        event = site.archive.withdrawal(entity) if entity.startswith("image/") else None
        if event is not None:
            notes.append(" ".join(str(note) for note in event.annotations.values()))
    return notes


def _articles(site: Site, page: Page, name: str, keys: list[str] | None = None) -> Linked:
    view, asked = site.archive.view("articles"), page.asked
    return listed(site, view, name, keys or [asked.key], asked.identity, asked.page)


def byline(site: Site, page: Page) -> dict[str, Any]:
    """A byline: its articles, and its pictures if it has any."""
    if page.version is not None:
        return {"articles": None, "pictures": None, "bio": paragraphs(page.document["bio"])}
    images = site.archive.view("images")
    asked = page.asked
    pictures = listed(site, images, "photographer_id", [asked.key], asked.identity, 1, PICTURES)
    return {
        "articles": _articles(site, page, "byline_id"),
        "pictures": pictures,
        "bio": paragraphs(page.document["bio"]),
    }


def section(site: Site, page: Page) -> dict[str, Any]:
    """A section: the articles of it and of all sections below."""
    if page.version is not None:
        return {"articles": None}
    found = _articles(site, page, "section_id", below(site, page.asked.key))
    return {"articles": found}


def topic(site: Site, page: Page) -> dict[str, Any]:
    """A topic: its articles."""
    return {"articles": _articles(site, page, "tag_id") if page.version is None else None}


def day(site: Site, page: Page) -> dict[str, Any]:
    """A day: all its articles, and the days before and after that have any."""
    from search import Query

    asked = page.asked
    query = Query(
        "", "articles", date_from=asked.key, date_to=asked.key, sort="oldest", page=asked.page,
        size=50, highlight=False, embargoed=asked.identity.edits,
    )  # fmt: skip
    view = site.archive.view("articles")
    answer = site.archive.engine.search(query)
    return {
        "cards": [card(view, hit) for hit in answer.hits],
        "total": answer.total,
        "pages": -(-answer.total // 50),
        "before": _neighbour(site, page, -1),
        "after": _neighbour(site, page, 1),
    }


def _neighbour(site: Site, page: Page, step: int) -> Card | None:
    from search import Query

    this = date.fromisoformat(page.asked.key)
    if this in (date.min, date.max):
        return None
    beside = (this + timedelta(days=step)).isoformat()
    query = Query("", "timeline", size=1, highlight=False, embargoed=page.asked.identity.edits)
    if step < 0:
        query = replace(query, date_to=beside, sort="newest")
    else:
        query = replace(query, date_from=beside, sort="oldest")
    hits = site.archive.engine.search(query).hits
    return card(page.asked.view, hits[0]) if hits else None
