"""What programs read that go through the site: robots.txt, sitemaps, the OpenSearch description."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from app.pages.strings import text
from app.pages.templates import base_of
from app.web.addresses import page_of
from app.web.identity import Reader
from app.web.problems import Problem
from app.web.site import Served, Site

if TYPE_CHECKING:
    from replay import View

router = APIRouter(include_in_schema=False)
ADDRESSES = 50_000
"""The addresses of one part, at most: the protocol of sitemaps allows no more."""
AT_ONCE = 1_000
SORTING_SECONDS = 60.0
"""How long it may take until the first address is known: a view of a million documents needs it."""
XML = "application/xml"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
SPECIFICATION = "http://a9.com/-/spec/opensearch/1.1/"
KEPT_OUT = ("/api/", "/desk", "/operations", "/login", "/search?", "/search.atom")
"""What a search engine has no use for: each address of a search is one of endlessly many."""


@router.get("/robots.txt")
async def robots(request: Request, site: Served) -> Response:
    """Tell crawlers where to go: to the pages of documents, never through searches."""
    if not site.options.open_reading:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in KEPT_OUT)]
    return PlainTextResponse(
        "\n".join([*lines, "", f"Sitemap: {base_of(request)}/sitemap.xml", ""])
    )


@router.get("/sitemap.xml")
async def sitemap(request: Request, site: Served, _: Reader) -> Response:
    """List the parts of the sitemap."""
    base = base_of(request)
    lines = [
        f"<sitemap><loc>{escape(f'{base}/sitemap/{view}-{part}.xml')}</loc></sitemap>"
        for view, parts in await site.work.run(_parts, site)
        for part in range(1, parts + 1)
    ]
    lines = [f'<sitemapindex xmlns="{NAMESPACE}">', *lines, "</sitemapindex>", ""]
    return Response(HEAD + "\n".join(lines), media_type=XML)


@router.get("/sitemap/{name}-{part}.xml")
async def sitemap_part(request: Request, site: Served, _: Reader, name: str, part: int) -> Response:
    """List the pages of documents of a view, a part of them, a thousand at a time."""
    view = next((each for each in entity_views(site) if each.name == name), None)
    ids = None if view is None or part < 1 else _ids(site, view, part)
    # the ids are sorted before the first is known
    first = [] if ids is None else await site.work.within(SORTING_SECONDS, _some, ids)
    if view is None or ids is None or not first:
        raise Problem(404, f"there is no part {part} of the sitemap of {name}")
    return StreamingResponse(_addresses(site, view, base_of(request), first, ids), media_type=XML)


async def _addresses(
    site: Site, view: View, base: str, some: Sequence[str], ids: Iterator[str]
) -> AsyncIterator[str]:
    yield f'{HEAD}<urlset xmlns="{NAMESPACE}">\n'
    while some:
        yield "".join(
            f"<url><loc>{escape(base + page_of(view, each))}</loc></url>\n" for each in some
        )
        some = await site.work.run(_some, ids)
    yield "</urlset>\n"


def entity_views(site: Site) -> list[View]:
    """The views whose documents are entities, and hidden by their own date alone."""
    categories = {category.name for category in site.archive.domain.categories}
    views = site.archive.views.values()
    return [view for view in views if view.per in categories and view.of_entity is None]


def _parts(site: Site) -> list[tuple[str, int]]:
    """The views of entities, and how many parts the sitemap of each has."""
    from search import NothingServes, Query

    parts = []
    for view in entity_views(site):
        try:
            total = site.archive.engine.search(Query("", view.name, size=0)).total
        except NothingServes:
            continue  # a view that is not built yet has no pages
        parts.append((view.name, -(-total // ADDRESSES)))
    return parts


def _some(ids: Iterator[str]) -> list[str]:
    return [*islice(ids, AT_ONCE)]


def _ids(site: Site, view: View, part: int) -> Iterator[str]:
    """The ids of a part, in their order; what is under embargo is not among them.

    They are read once and sorted, which takes less than pages of hits: a late page costs as much as
    all before it.
    """
    live = site.archive.engine.serving().get(view.name)
    if live is None:
        return
    hidden = _hidden(site, view)
    documents = site.archive.engine.digests(view.name, live.generation)
    shown = (key for key, _ in documents if key not in hidden)
    yield from islice(shown, (part - 1) * ADDRESSES, part * ADDRESSES)


def _hidden(site: Site, view: View) -> set[str]:
    """The ids of the documents of a view that are under embargo."""
    from search import Query, clock

    hidden: set[str] = set()
    if view.date is None or not view.embargo:
        return hidden
    now = clock()
    query = Query(
        "", view.name, date_from=now, size=AT_ONCE, highlight=False, embargoed=True, now=now
    )
    while hits := site.archive.engine.search(query).hits:
        hidden |= {hit.id for hit in hits}
        query = replace(query, page=query.page + 1)
    return hidden


@router.get("/opensearch.xml")
async def opensearch(request: Request, site: Served) -> Response:
    """Describe the search, so that a browser offers it."""
    base, name = base_of(request), site.options.name or site.archive.domain.name
    template = quoteattr(f"{base}/search?q={{searchTerms}}")
    content = (
        f'{HEAD}<OpenSearchDescription xmlns="{SPECIFICATION}">\n'
        f"<ShortName>{escape(name[:16])}</ShortName>\n"
        f"<Description>{escape(text('opensearch_description', name=name))}</Description>\n"
        f'<Url type="text/html" template={template}/>\n'
        "</OpenSearchDescription>\n"
    )
    return Response(content, media_type="application/opensearchdescription+xml")
