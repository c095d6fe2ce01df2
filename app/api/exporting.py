"""``GET /{view}/export``: the whole result of a search, streamed page by page."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse

from app.api.answers import SEQUENCE, ViewName, errors, json_bytes
from app.api.parameters import EXPORTING
from app.api.searching import answered, query_of
from app.web.identity import Identity, Reader
from app.web.problems import Problem, WrongField
from app.web.reading import readable_view
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.asked import Asked
    from app.web.site import Site
    from search import Answer, Query

PAGE = 500
"""Documents that are in memory at a time."""
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet takes for a formula (OWASP, CSV injection)."""
Format = Literal["jsonl", "csv"]
router = APIRouter(tags=["search"])


@router.get(
    "/{view}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": (
                "The documents. `Stet-Total` is how many there are. If they are more than the"
                " server exports at once, `Stet-Truncated` is `true`, and the last line says so:"
                " in JSON Lines an object with the one member `truncated`, in CSV a line that"
                " begins with `# truncated`. A connection that breaks was not complete."
            ),
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
            },
        },
        **errors(404),
    },
    operation_id="export",
    summary="The whole result of a search",
    openapi_extra={"parameters": EXPORTING},
)
async def export(site: Served, identity: Reader, request: Request, view: ViewName) -> Response:
    """Stream every document that matches, without what is under embargo.

    In CSV lists and structures are JSON, and a text that a spreadsheet would take for a formula has
    an apostrophe before it.
    """
    begun = await site.work.run(_begin, site, identity, view, request.query_params)
    headers = {
        SEQUENCE: str(begun.first.sequence),
        "Stet-Total": str(begun.first.total),
        "Content-Disposition": f'attachment; filename="{begun.query.view}.{begun.format}"',
        "Cache-Control": "private, no-cache",
    }
    if begun.first.total > begun.most:
        headers["Stet-Truncated"] = "true"
    return StreamingResponse(
        _streamed(site, begun), headers=headers, media_type=FORMATS[begun.format]
    )


@dataclass(frozen=True)
class Begun:
    """An export whose first page is found: what is wrong with it is known before it is sent."""

    query: Query
    asked: Asked
    identity: Identity
    format: str
    most: int
    first: Answer
    columns: Sequence[str]
    """The fields of the view's documents, which an export without any has as its headings too."""


def _begin(site: Site, identity: Identity, view: str, parameters: QueryParams) -> Begun:
    named = readable_view(site, view, identity).name
    form = parameters.get("format") or "jsonl"
    if form not in FORMATS:
        said = f"{form!r} is none of: {', '.join(FORMATS)}"
        raise Problem(422, f"format: {said}", [WrongField("format", said)])
    others = ("format", "page", "size", "facet")
    asked, query = query_of(parameters, named, identity.edits, others)
    most = site.options.export_documents
    query = replace(query, size=min(PAGE, most), histogram=None, highlight=False)
    first = answered(site, query, asked, identity)
    columns = _columns(site, named, identity, first)
    return Begun(query, asked, identity, form, most, first, columns)


def _columns(site: Site, view: str, identity: Identity, first: Answer) -> Sequence[str]:
    """The names of the fields; those that any document has, where the export itself has none.

    Any may be one that is under embargo, which has the ``sequence`` that readers are not shown.
    """
    from search import Query as SearchQuery

    hits = first.hits
    if not hits:
        any_one = SearchQuery("", view, size=1, highlight=False, embargoed=True)
        hits = site.archive.engine.search(any_one).hits
    names = [*hits[0].document] if hits else ["id"]
    tells = identity.edits or site.archive.views[view].tally is None
    return [name for name in names if tells or name != "sequence"]


async def _streamed(site: Site, begun: Begun) -> AsyncIterator[bytes]:
    """The pages, one in memory at a time; a document that moves to a later page is sent once."""
    lines = _writer(begun)
    page, found = 1, begun.first
    sent: set[str] = set()
    while len(sent) < begun.most:
        new = [hit for hit in found.hits if hit.id not in sent][: begun.most - len(sent)]
        sent.update(hit.id for hit in new)
        yield lines([hit.document for hit in new])
        is_past = begun.asked.at is not None  # of which a page may have nothing that is public now
        if page * begun.query.size >= found.total or not (found.hits or is_past):
            break
        page += 1
        query = replace(begun.query, page=page)
        found = await site.work.run(answered, site, query, begun.asked, begun.identity)
    if len(sent) < found.total and (begun.asked.at is None or len(sent) >= begun.most):
        yield _truncated(begun, len(sent), found.total)


def _writer(begun: Begun) -> Callable[[Sequence[dict[str, Any]]], bytes]:
    """What writes documents; the first time CSV begins with its headings."""
    if begun.format == "jsonl":
        return lambda documents: b"".join(json_bytes(each) + b"\n" for each in documents)
    columns = begun.columns
    headings = [columns]

    def as_csv(documents: Sequence[dict[str, Any]]) -> bytes:
        cells = [[_cell(document.get(name)) for name in columns] for document in documents]
        written = _csv_lines([*headings, *cells])
        headings.clear()
        return written

    return as_csv


def _csv_lines(table: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(table)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A value as a cell, which no spreadsheet runs.

    >>> _cell("=1+1"), _cell(-1), _cell(["a"]), _cell(True)
    ("'=1+1", -1, '["a"]', 'true')
    """
    if isinstance(value, list | dict):
        return json_bytes(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _truncated(begun: Begun, documents: int, total: int) -> bytes:
    """The last line of an export that does not have all: nobody takes it for a document."""
    why = (
        f"the server exports at most {begun.most:,} documents at once (STET_EXPORT_DOCUMENTS);"
        " narrow the search"
        if documents >= begun.most
        else "the index changed while it was read; export again"
    )
    if begun.format == "jsonl":
        said = {"documents": documents, "total": total, "detail": why}
        return json_bytes({"truncated": said}) + b"\n"
    return _csv_lines([[f"# truncated: {documents:,} of {total:,} documents; {why}"]])
