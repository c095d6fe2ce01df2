"""The commands over dead letters: documents that an engine refused to index."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from app import show
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Search,
    ViewOrAll,
    checked_view,
    open_archive,
    told,
)

dead_letters = typer.Typer(
    name="dead-letters",
    help="Documents that an engine refused to index: list, show and replay them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Key = Annotated[str, typer.Argument(help="The document's id, such as article/titanic-1912.")]


@dead_letters.command("list")
def list_letters(view: ViewOrAll = None, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the dead letters, the oldest first.

    Example: stet dead-letters list --view articles
    """
    with told():
        archive = open_archive(home)
        letters = archive.dead_letters.letters(checked_view(archive, view))
    if as_json:
        for letter in letters:
            typer.echo(show.json_line(dataclasses.asdict(letter)))
        return
    lines = [
        (x.view, x.generation, show.short(x.key, 40), f"{x.sequence:,}", show.short(x.reason, 80))
        for x in letters
    ]
    if lines:
        show.table(("view", "generation", "document", "sequence", "reason"), lines)
    typer.echo(f"{len(letters):,} dead letters")


@dead_letters.command("show")
def show_letter(key: Key, home: Home = DEFAULT_HOME) -> None:
    """Print why a document was refused, and the document as it was sent.

    Example: stet dead-letters show article/titanic-1912
    """
    with told():
        letters = [
            letter for letter in open_archive(home).dead_letters.letters() if letter.key == key
        ]
        if not letters:
            raise Failure(f"{key} is no dead letter; see: stet dead-letters list")
    for letter in letters:
        about = f"{letter.view}, generation {letter.generation}, sequence {letter.sequence:,}"
        typer.echo(f"{about}, {show.plain(letter.at)}\n{letter.reason}\n{letter.document}")


@dead_letters.command("replay")
def replay_letters(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[DOCUMENT...]", help="All if none is named.")
    ] = None,
    view: ViewOrAll = None,
    search: Search = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Try to index dead letters again, in the generation that refused them.

    A document that was written of a later sequence since is never overwritten.

    Example: stet dead-letters replay --view articles
    """
    with told():
        of, taken = _replayed(home, search, view, keys)
    typer.echo(f"{taken:,} of {of:,} dead letters indexed")
    if taken < of:
        raise typer.Exit(1)


def _replayed(
    home: str, search: str | None, view: str | None, keys: list[str] | None
) -> tuple[int, int]:
    archive = open_archive(home, search)
    letters = [
        letter
        for letter in archive.dead_letters.letters(checked_view(archive, view))
        if not keys or letter.key in keys
    ]
    taken = 0
    for name, generation in sorted({(letter.view, letter.generation) for letter in letters}):
        taken += archive.engine.replay(name, generation, keys or None)
    return len(letters), taken
