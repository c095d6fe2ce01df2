"""``/search.atom``: any search as an Atom feed (RFC 4287).

Ids and dates of entries are those of documents, so a feed is the same after a rebuild, and a reader
shows no entry twice.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.pages.hits import excerpt
from app.pages.linking import instant
from app.pages.search_state import State
from app.pages.strings import text
from app.pages.templates import base_of
from app.web import reading
from app.web.addresses import page_of
from app.web.conditional import caching, conditional
from app.web.identity import Identity, Reader
from app.web.problems import Problem
from app.web.reading import readable_view
from app.web.site import Served, Site

if TYPE_CHECKING:
    from replay import View
    from search import Hit

router = APIRouter(include_in_schema=False)
ATOM = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"
ENTRIES = 20
SUMMARY = 500
UPDATED = "updated_at"
"""The field of a document that says when it last changed, where documents have one."""
NEVER = "1970-01-01T00:00:00Z"
"""When a feed without entries was updated: no other instant survives a rebuild."""
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@router.get("/search.atom")
async def feed(request: Request, site: Served, identity: Reader) -> Response:
    """Answer with the newest documents that a search finds, or those of another order."""
    state = State.of(request.query_params.multi_items(), site.archive.first_view)
    view = await site.work.run(readable_view, site, state.view, identity)
    if view.date is None:
        raise Problem(404, f"the documents of {view.name} have no date, which a feed needs")
    content = await site.work.run(_feed, site, view, state, identity, base_of(request))
    headers = {"X-Robots-Tag": "noindex", **caching(identity)}
    answer = Response(content, headers=headers, media_type=MEDIA_TYPE)
    return conditional(request, answer)  # feeds are asked for again and again


def _feed(site: Site, view: View, state: State, identity: Identity, base: str) -> bytes:
    asked = replace(state.asked, facets=(), facet_text={}, histogram=None, page=1)
    sort = "newest" if asked.sort == "relevance" else asked.sort
    query = replace(
        asked.query(view.name, identity.edits), size=ENTRIES, sort=sort, highlight=False
    )
    hits = reading.search(site, query, asked.at, identity).hits
    root = ET.Element("feed", xmlns=ATOM)
    title = text("feed_title", name=site.options.name, title=state.title)
    host = urlsplit(base).hostname or "localhost"
    own = state.address("/search.atom", without=("page", "size", "facet", "histogram"))
    _add(root, "id", _tag(host, own))
    _add(root, "title", title)
    _add(root, "updated", max((_updated(hit) for hit in hits), default=NEVER))
    _link(root, "self", base + own, MEDIA_TYPE)
    _link(root, "alternate", base + state.address(), "text/html")
    _add(ET.SubElement(root, "author"), "name", site.options.name or site.archive.domain.name)
    for hit in hits:
        root.append(_entry(view, hit, base, host))
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _entry(view: View, hit: Hit, base: str, host: str) -> ET.Element:
    entry = ET.Element("entry")
    _add(entry, "id", _tag(host, f"{view.name}/{hit.id}"))
    _add(entry, "title", unescape(hit.title))  # without highlighting it is escaped text
    _add(entry, "updated", _updated(hit))
    if published := _instant(hit.date):
        _add(entry, "published", published)
    _link(entry, "alternate", base + page_of(view, hit.id), "text/html")
    if summary := excerpt(view, hit.document, SUMMARY):
        _add(entry, "summary", summary)
    return entry


def _add(parent: ET.Element, name: str, content: str) -> None:
    ET.SubElement(parent, name).text = NOT_XML.sub("\ufffd", content)


def _link(parent: ET.Element, relation: str, address: str, media_type: str) -> None:
    ET.SubElement(parent, "link", rel=relation, href=address, type=media_type)


def _tag(host: str, path: str) -> str:
    """A tag URI (RFC 4151): the same for a document of a site for ever.

    >>> _tag("archive.example.org", "articles/article/titanic-1912")
    'tag:archive.example.org,2026:articles/article/titanic-1912'
    """
    return f"tag:{host},2026:{quote(path, safe='/?=&:@~')}"


def _updated(hit: Hit) -> str:
    """When a document last changed, as it says itself; else its date, which each has or none."""
    return _instant(hit.document.get(UPDATED)) or _instant(hit.date) or NEVER


def _instant(value: Any) -> str | None:
    """An instant of RFC 3339, in UTC and to the second; of a day its begin."""
    found = instant(value)
    if found is None:
        return None
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return f"{found.year:04}-{found:%m-%dT%H:%M:%SZ}"
