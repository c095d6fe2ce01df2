"""The command that computes all of it anew: rebuild."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.options import (
    DEFAULT_HOME,
    At,
    Home,
    Json,
    Search,
    Views,
    checked_views,
    open_archive,
    told,
)
from event_log import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive import RebuildResult
    from search import Loading

Tolerated = Annotated[
    float | None,
    typer.Option(
        "--dead-letters",
        metavar="PERCENT",
        min=0,
        max=100,
        envvar="STET_DEAD_LETTERS",
        show_default=settings.SETTINGS["STET_DEAD_LETTERS"].default or "",
        help="Promote although so many of a view's documents were refused by the engine.",
    ),
]


def rebuild(
    views: Views = None,
    at: At = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge each index into one piece before it serves.")
    ] = False,
    tolerated: Tolerated = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Compute the views from the log, index them beside what serves, check, and promote.

    Example: stet rebuild articles bylines --at 12000
    """
    with told(), show.progress_bar("rebuilding", None) as advance:
        archive = open_archive(home, search)
        progress, loading = _advancing(advance)
        result = archive.rebuild(
            checked_views(archive, views),
            at,
            progress=progress,
            loading=loading,
            tolerated=_share(tolerated),
            merge=merge,
        )
    if as_json:
        typer.echo(show.json_line(asdict(result)))
    else:
        _print_result(result)


def _share(percent: float | None) -> float:
    return (settings.number("STET_DEAD_LETTERS") if percent is None else percent) / 100


def _advancing(
    advance: Callable[[int, str], None],
) -> tuple[Callable[[str], None], Callable[[Loading], None]]:
    """What tells a progress bar of the steps of a rebuild, and of a load within a step."""
    done: list[str] = []

    def progress(step: str) -> None:
        done.append(step)
        advance(len(done), step)

    def loading(now: Loading) -> None:
        advance(len(done), str(now))
        if now.note and not sys.stderr.isatty():
            show.note(str(now))  # that nothing moves is worth a line in a log, too

    return progress, loading


HEADINGS = (
    "view", "documents", "seconds", "written", "indexed", "checked", "a second", "MB",
    "dead letters",
)  # fmt: skip


def _print_result(result: RebuildResult) -> None:
    lines = [
        (
            built.view,
            f"{built.documents:,}",
            f"{built.seconds:.2f}",
            f"{built.written_seconds:.2f}",
            f"{built.indexed_seconds:.2f}",
            f"{built.checked_seconds:.2f}",
            f"{built.documents / built.seconds:,.0f}",
            f"{built.bytes / 1e6:.1f}",
            f"{built.rejected:,}",
        )
        for built in result.views
    ]
    show.table(HEADINGS, lines, right=HEADINGS[1:])
    typer.echo(
        f"generation {result.generation} serves as of sequence {result.sequence:,} "
        f"({result.seconds:.1f} s)"
    )
