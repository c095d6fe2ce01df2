"""The commands that keep live indexes up to date: catch-up, follow, and preview."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from app import show
from app.content import Data, parse_data
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Search,
    Stream,
    Type,
    Views,
    checked_views,
    errors_as_messages,
    open_archive,
)
from event_log import counted

if TYPE_CHECKING:
    from archive import CatchUpResult, Follow, Step
    from replay import ViewFigures

DOCUMENTS_A_SECOND = 2_000
"""About how many documents an engine writes on two cores; used for the estimate of preview."""


def catch_up(
    views: Views = None, search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False
) -> None:
    """Bring the live indexes to the log's head, once.

    Only the documents that events changed are written. `stet follow` does this again and again.
    `stet rebuild` computes all documents anew.

    Example: stet catch-up articles bylines
    """
    with errors_as_messages(), alerting("catch-up"):
        archive = open_archive(home, search)
        with show.progress_bar("catching up", None) as advance:
            result = archive.catch_up(checked_views(archive, views), lambda line: advance(0, line))
        if as_json:
            show.json(asdict(result))
        else:
            _print_result(result)
        if result.broken:
            raise Failure(_mistakes(result.broken))


@contextlib.contextmanager
def alerting(job: str) -> Iterator[None]:
    """Run the operator's ``STET_ALERT_COMMAND`` if an error is raised; it is raised on."""
    try:
        yield
    except Exception as error:
        from archive import send_alert

        send_alert(job, f"process {os.getpid()}", str(error), job)
        raise


HEADINGS = ("view", "touched", "computed", "written", "unchanged", "deleted", "seconds")


def _print_result(result: CatchUpResult) -> None:
    if result.views:
        show.table(HEADINGS, [_line(view) for view in result.views], right=HEADINGS[1:])
    show.line(
        f"{counted(result.events, 'event')} folded; live as of sequence {result.through:,} "
        f"({result.seconds:.1f} s)"
    )
    if result.rebuild_is_quicker:
        show.note("for this many events a rebuild is as quick; next time, run: stet rebuild")
    warn_of_rebuilds(result.needs_rebuild)


def warn_of_rebuilds(needs_rebuild: dict[str, str]) -> None:
    """Print on stderr which views cannot catch up, why, and the command that rebuilds them."""
    for view, why in needs_rebuild.items():
        show.note(f"{view} {why}; run: stet rebuild {view}")


def _mistakes(broken: dict[str, str]) -> str:
    """The message about views that have a mistake, and were left as they were."""
    reasons = "; ".join(broken.values())
    return f"{reasons}; not caught up: {', '.join(broken)}; correct it, and run: stet catch-up"


def _line(view: ViewFigures) -> tuple[str, ...]:
    figures = (view.touched, view.computed, view.written, view.unchanged, view.deleted)
    return (view.view, *(f"{figure:,}" for figure in figures), f"{view.seconds:.2f}")


def stop_by_signals(stop: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM end what runs until it is stopped, between two of its steps."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop())


def follow(
    views: Views = None, search: Search = None, home: Home = DEFAULT_HOME, as_json: Json = False
) -> None:
    """Catch up whenever events are appended.

    It prints a line for each step, and runs until it is interrupted. `stet catch-up` does this
    once.

    Example: stet follow
    """
    with errors_as_messages(), alerting("follow"), _following(home, views, search) as following:
        stop_by_signals(following.stop)
        warned: dict[str, str] = {}
        for step in following:
            if following.needs_rebuild != warned:
                warned = dict(following.needs_rebuild)
                warn_of_rebuilds(warned)
            if as_json:
                show.json(asdict(step))
            else:
                show.line(_step_line(step))


@contextlib.contextmanager
def _following(home: str, views: list[str] | None, search: str | None) -> Iterator[Follow]:
    archive = open_archive(home, search)
    with archive.follow(checked_views(archive, views), show.note) as following:
        yield following


def _step_line(step: Step) -> str:
    written = ", ".join(
        f"{view.written + view.deleted:,} {view.view}"
        for view in step.views
        if view.written + view.deleted
    )
    events = counted(step.events, "event")
    return f"{step.through:>8}  {events}: {written or 'nothing changed'}  ({step.seconds:.2f} s)"


def preview(
    stream: Stream,
    type_: Type,
    data: Data = "{}",
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Count the documents that an event would rewrite.

    It also estimates how long that takes. Nothing is appended.

    Example: stet preview byline/1 BylineRevised --data '{"name": "Ana Ruiz"}'
    """
    fields = parse_data(data)
    with errors_as_messages():
        affected = open_archive(home).preview(stream, type_, fields, tell=show.note)
        for view, why in affected.left_out.items():
            show.note(f"{view} is left out: {why}")
    seconds = affected.seconds + sum(affected.documents.values()) / DOCUMENTS_A_SECOND
    if as_json:
        show.json({**asdict(affected), "seconds": round(seconds, 3)})
        return
    each = ", ".join(f"{count:,} of {view}" for view, count in affected.documents.items())
    documents = counted(sum(affected.documents.values()), "document")
    rewritten = f"{documents} ({each})" if each else "no document"
    show.line(f"{type_} of {stream} would rewrite {rewritten}; about {seconds:.1f} s")
