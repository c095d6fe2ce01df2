"""The commands for dead letters: documents that an engine refused to index."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from app import show
from app.commands import Command
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Search,
    ViewOrAll,
    checked_view,
    errors_as_messages,
    open_archive,
)
from event_log import counted

dead_letters = typer.Typer(
    name="dead-letters",
    help="List, show and replay documents that an engine refused.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Key = Annotated[
    str, typer.Argument(metavar="DOCUMENT", help="The document's id, such as article/titanic-1912.")
]


@dead_letters.command("list", cls=Command)
def list_letters(view: ViewOrAll = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the dead letters, oldest first.

    Example: stet dead-letters list --view articles
    """
    with errors_as_messages():
        archive = open_archive(home)
        letters = archive.dead_letters.letters(checked_view(archive, view))
    if as_json:
        for letter in letters:
            show.json(dataclasses.asdict(letter))
        return
    lines = [
        (x.view, x.generation, show.short(x.key, 40), f"{x.sequence:,}", show.short(x.reason, 80))
        for x in letters
    ]
    if lines:
        show.table(("view", "generation", "document", "sequence", "reason"), lines)
    show.line(counted(len(letters), "dead letter"))


@dead_letters.command("show", cls=Command)
def show_letter(key: Key, home: Home = DEFAULT_HOME) -> None:
    """Print why a document was refused, and the document as it was sent.

    Example: stet dead-letters show article/titanic-1912
    """
    with errors_as_messages():
        letters = [
            letter for letter in open_archive(home).dead_letters.letters() if letter.key == key
        ]
        if not letters:
            raise Failure(f"{key} is no dead letter; to list them, run: stet dead-letters list")
    for letter in letters:
        where = f"{letter.view}, generation {letter.generation}, sequence {letter.sequence:,}"
        show.line(f"{where}, {show.plain(letter.at)}")
        show.line(letter.reason)
        show.json_text(f"{letter.document}\n")


@dead_letters.command("replay", cls=Command)
def replay_letters(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOCUMENT...]", help="All dead letters if none is named."),
    ] = None,
    view: ViewOrAll = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Try to index dead letters again, in the generation that refused them.

    A document that has been written since, as of a later sequence, is never overwritten.

    Example: stet dead-letters replay --view articles
    """
    with errors_as_messages():
        letters, indexed = _replay(home, search, view, keys)
    show.line(f"{indexed:,} of {counted(letters, 'dead letter')} indexed")
    if indexed < letters:
        raise typer.Exit(1)


def _replay(
    home: str, search: str | None, view: str | None, keys: list[str] | None
) -> tuple[int, int]:
    """How many dead letters there were, and how many of them were indexed."""
    archive = open_archive(home, search)
    letters = [
        letter
        for letter in archive.dead_letters.letters(checked_view(archive, view))
        if not keys or letter.key in keys
    ]
    indexed = 0
    for name, generation in sorted({(letter.view, letter.generation) for letter in letters}):
        indexed += archive.engine.replay(name, generation, keys or None)
    return len(letters), indexed
