"""The commands that read documents: search and export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import completing, looking_back, show
from app.options import (
    DEFAULT_HOME,
    At,
    Failure,
    Home,
    Json,
    Search,
    ViewName,
    checked_view,
    errors_as_messages,
    open_archive,
)
from event_log import dates

if TYPE_CHECKING:
    from archive import Archive, Exported
    from search import Answer, Query


BAR = 40
"""Signs of the longest bar of a histogram."""


class Format(StrEnum):
    """The format of an export."""

    parquet = "parquet"
    jsonl = "jsonl"
    csv = "csv"


class Unit(StrEnum):
    """By what a histogram counts."""

    decade = "decade"
    year = "year"
    month = "month"


class Sort(StrEnum):
    """The order of hits."""

    relevance = "relevance"
    newest = "newest"
    oldest = "oldest"


def export(
    view: Annotated[
        str,
        typer.Argument(
            metavar="VIEW", autocompletion=completing.views, help="The view, such as articles."
        ),
    ],
    at: At = None,
    key: Annotated[str | None, typer.Option(help="Only the document with this id.")] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="As FILE ends; if printed, JSON Lines.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Write to this file, or to VIEW.FORMAT in this folder, instead of printing.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a view's documents, or write them to a file.

    They are computed from the log as of its head, or --at, and sorted by id. A file appears whole,
    in place of the one before. Run it again, and it has the current documents. What is under
    embargo is among them.

    Example: stet export articles --format parquet --to articles.parquet
    """
    if to is None and format_ is Format.parquet:
        raise typer.BadParameter("parquet needs a file: give --to", param_hint="--format")
    with errors_as_messages():
        archive = open_archive(home)
        checked_view(archive, view)
        keys = None if key is None else [key]
        lines = _lines(archive, view, at, key, None if to else format_)
        if to is not None:
            _print_exported(archive.export_file(view, to, format_ or "", at, keys))
        else:
            show.file_lines(lines, format_)


def _lines(
    archive: Archive, view: str, at: str | None, key: str | None, form: Format | None
) -> Iterable[bytes]:
    """The documents as lines; raises ``Failure`` at once if there is none with an id."""
    if key is None:
        return archive.export(view, at, None, form or Format.jsonl)
    found = [*archive.export(view, at, [key], form or Format.jsonl)]
    if len(found) == (form is Format.csv):  # CSV has a line of headings
        sequence = archive.log.at(at).sequence
        raise Failure(
            f"there is no {key} in {view} as of sequence {sequence:,}; stet search finds documents,"
            " stet show prints an entity"
        )
    return found


def _print_exported(exported: Exported) -> None:
    documents = "1 document" if exported.documents == 1 else f"{exported.documents:,} documents"
    size = f"{exported.bytes / 1e6:,.1f} MB" if exported.bytes >= 1e5 else f"{exported.bytes:,} B"
    had = "" if exported.written else ", which it had already"
    show.line(
        f"{show.name(exported.path)}: {documents} as of sequence"
        f" {exported.sequence:,}{had} ({size})"
    )


def _filters(values: list[str] | None) -> list[str]:
    for value in values or []:
        if "=" not in value:
            raise typer.BadParameter(f"{value!r} is not field=value, such as section=World")
    return values or []


Text = Annotated[
    str,
    typer.Argument(
        metavar="TEXT",
        help='Words, "a phrase", -without, OR, prefix*, headline:word. Everything without a text.',
        show_default=False,
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="field=value",
        callback=_filters,
        help="Only documents whose field has this value; section!=World: only those without it;"
        " date=1912-04: of that month.",
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DATE",
        help="Only documents of this date or later: 1912-04-15, 1912-04, 1912, '15 April 1912',"
        " -30d, yesterday.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="DATE", help="Only documents of this date or earlier, all of it included."
    ),
]
Facets = Annotated[
    list[str] | None,
    typer.Option(
        "--facet",
        metavar="FIELD[=TEXT]",
        help="Count the hits by the values of this field; byline=ruiz: only by those that contain"
        " this.",
    ),
]
Histogram = Annotated[
    Unit | None, typer.Option(help="Count the hits by their date, in these periods.")
]
Embargoed = Annotated[
    bool,
    typer.Option("--embargoed", help="Also show what is dated in the future."),
]


def search(
    text: Text = "",
    view: ViewName = "",
    filters: Filters = None,
    date_from: From = None,
    date_to: To = None,
    sort: Annotated[Sort, typer.Option(help="The order of hits.")] = Sort.relevance,
    facets: Facets = None,
    histogram: Histogram = None,
    page: Annotated[int, typer.Option(min=1, help="Which page of hits, from 1.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=1000, help="Hits on a page.")] = 10,
    at: At = None,
    embargoed: Embargoed = False,
    at_cluster: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Search a view; print the hits with the words that matched.

    What is dated in the future is under embargo, and not found until then. With --at, it prints
    what the search would have found then: stet search titanic --at 250

    Example: stet search '"south pole" -scott' --filter section=Science --facet year
    """
    from search import Query

    with errors_as_messages():
        archive = open_archive(home, at_cluster)
        checked_view(archive, view)
        query = Query(text, view, _chosen(filters, ""), *_dates(date_from, date_to), sort.value)
        query = replace(query, excluded=_chosen(filters, "!"), page=page, size=size)
        query = replace(query, embargoed=embargoed, **_counted(facets, histogram))
        answer = archive.search(query) if at is None else looking_back.answer(archive, query, at)
        as_of = None if at is None else looking_back.as_of(archive, view, answer)
    if as_json:
        pages = {"page": page, "pages": pages_of(answer, size)}
        show.json(asdict(answer) | pages | ({"as_of": as_of} if as_of else {}))
    _print_behind(answer)
    if not as_json:
        _print(archive, query, answer, as_of)


def _dates(first: str | None, last: str | None) -> tuple[str | None, str | None]:
    """The range of dates; what is no date is refused by the name of its option."""
    for option, date in (("--from", first), ("--to", last)):
        try:
            dates.date_span(date or "1912", datetime.now(UTC))
        except dates.InvalidDate as error:
            raise Failure(f"{option}: {error}") from None
    return first, last


def _chosen(filters: Sequence[str] | None, sign: str) -> dict[str, list[str]]:
    """The filters by field, each with its values; with the sign ``!`` those that exclude."""
    chosen: dict[str, list[str]] = {}
    for item in filters or ():
        name, _, value = item.partition("=")
        if name[-1:] == sign or (not sign and name[-1:] != "!"):
            chosen.setdefault(name.removesuffix("!"), []).append(value)
    return chosen


def _counted(facets: Sequence[str] | None, histogram: Unit | None) -> dict[str, Any]:
    """What is counted: the facets, by facet the text that its values contain, and a histogram."""
    pairs = [facet.partition("=") for facet in facets or ()]
    texts = {name: text for name, sign, text in pairs if sign}
    names = list(dict.fromkeys(name for name, _, _ in pairs))
    return {"facets": names, "facet_text": texts, "histogram": histogram and histogram.value}


def _print_behind(answer: Answer) -> None:
    """Print how many events the live index does not have yet."""
    if answer.behind:
        events = "1 event" if answer.behind == 1 else f"{answer.behind:,} events"
        show.note(f"the live index is {events} behind the log; run: stet catch-up")


def _print(archive: Archive, query: Query, answer: Answer, as_of: dict[str, Any] | None) -> None:
    if as_of:
        looking_back.print_as_of(as_of)
    print_answer(answer, query.page, query.size)
    if not answer.total:
        _print_advice(archive, query)


def _print_advice(archive: Archive, query: Query) -> None:
    """Print how a query that found nothing was understood, and what to try."""
    from search import advice, understood

    view = archive.view(query.view)
    show.note(f"understood: {understood(query, view.text, view.filters, view.date)}")
    for each in advice(query, view.text, view.filters, view.date):
        show.note(each)


def pages_of(answer: Answer, size: int) -> int:
    """How many pages an answer has: at least one."""
    return max(1, -(-answer.total // size))


def print_answer(answer: Answer, page: int = 1, size: int = 10) -> None:
    """Print the hits with the words that matched, then the facets and the histogram."""
    if answer.note:
        show.note(answer.note)
    which = "" if answer.matching == "all" else " with any of the words"
    pages = pages_of(answer, size)
    where = f", page {page:,} of {pages:,}" if pages > 1 or page > 1 else ""
    show.line(f"{answer.total:,} found{which}{where}")
    if answer.suggestion:
        show.note(f"did you mean: {answer.suggestion}")
    for place, hit in enumerate(answer.hits, (page - 1) * size + 1):
        day = f"  {hit.date[:10]}" if hit.date else ""
        show.hit_line(f"{place:>3}. ", hit.title, f"  ({hit.id}){day}")
        for name, fragment in hit.fragments.items():
            show.hit_line(f"     {name}: ", fragment)
    for name, counts in answer.facets.items():
        values = ", ".join(f"{show.short(value)} {count:,}" for value, count in counts[:12])
        show.line(f"{name}: {values}")
    if answer.histogram:
        _print_histogram(answer.histogram)


def _print_histogram(histogram: Sequence[tuple[str, int]]) -> None:
    """Print a line for each period, with a bar as long as its share of the greatest."""
    most = max(count for _, count in histogram)
    width = len(f"{most:,}")
    for label, count in histogram:
        show.line(f"{label} {count:>{width},} {'#' * max(1, BAR * count // most)}")
