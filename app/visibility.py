"""Reading one's own writes on the command line: when what was appended can be searched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.options import told

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Receipt

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Return when it can be searched in every view, and say how long each took. Someone"
        " must catch up: stet follow, or stet catch-up.",
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="With --wait: how long at most.")
]


def told_when_searchable(archive: Archive, receipt: Receipt, timeout: float, as_json: bool) -> None:
    """Wait until what a receipt is for can be searched, and print when; exit code 1 if not."""
    from archive import NotVisible

    problem = ""
    late: dict[str, int] = {}
    with told():
        stuck = archive.needs_rebuild()
        try:
            seen = archive.wait(receipt.last, timeout)
        except NotVisible as error:
            seen, late, problem = error.seen, error.late, str(error)
    if not seen and not late:
        problem = "not searchable yet: nothing serves that could be caught up; run stet rebuild"
    if as_json:
        found = {"searchable_after": seen, "not_yet": late, "needs_rebuild": stuck}
        typer.echo(show.json_line({**asdict(receipt), **found}))
    elif seen:
        times = ", ".join(f"{view} after {seconds:.2f} s" for view, seconds in seen.items())
        typer.echo(f"searchable: {times}")
    for view, why in stuck.items() if seen or late else ():
        show.note(f"{view} {why}; not waited for; run: stet rebuild {view}")
    if problem:
        show.note(problem if as_json else f"appended, but {problem}")
        raise typer.Exit(1)
