"""``stet append --wait``: waits until the appended event can be searched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.options import errors_as_messages

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Receipt

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Wait until the event can be searched in every view, and print how long each took."
        " Another process must catch up: stet follow, or stet catch-up.",
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="With --wait: how long to wait at most.")
]


def print_when_searchable(
    archive: Archive, receipt: Receipt, timeout: float, as_json: bool
) -> None:
    """Wait until the events of a receipt can be searched; exit code 1 if the time runs out."""
    from archive import NotVisible

    problem = ""
    late: dict[str, int] = {}
    with errors_as_messages():
        needs_rebuild = archive.needs_rebuild()
        try:
            seen = archive.wait(receipt.last, timeout)
        except NotVisible as error:
            seen, late, problem = error.seen, error.late, str(error)
    if not seen and not late:
        problem = "not searchable yet: there is no live index to catch up; run stet rebuild"
    if as_json:
        views = {"searchable_after": seen, "not_yet": late, "needs_rebuild": needs_rebuild}
        show.json({**asdict(receipt), **views})
    elif seen:
        times = ", ".join(f"{view} after {seconds:.2f} s" for view, seconds in seen.items())
        show.line(f"searchable: {times}")
    for view, why in needs_rebuild.items() if seen or late else ():
        show.note(f"{view} {why}; not waited for; run: stet rebuild {view}")
    if problem:
        show.note(problem if as_json else f"appended, but {problem}")
        raise typer.Exit(1)
