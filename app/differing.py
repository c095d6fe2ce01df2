"""The command that says how a document changed between two points of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import past, show
from app.explaining import Document, guessed
from app.options import DEFAULT_HOME, Failure, Home, Json, ViewOrAll, open_archive, told

if TYPE_CHECKING:
    from archive import Difference, FieldChange

LONG = 80
"""Characters from which on a text's change is shown word by word."""
AROUND = 6
"""Words that are shown before and after those that changed."""
MOST_WORDS = 5_000
"""Words of a text up to which they are compared one by one: that takes the square of them."""
MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": "~"}


def diff(
    document: Document,
    from_: Annotated[
        str,
        typer.Option("--from", metavar="SEQUENCE|TIME", help="As of this sequence or instant."),
    ],
    to: Annotated[
        str | None, typer.Option(metavar="SEQUENCE|TIME", help="And as of this one; else of now.")
    ] = None,
    view: ViewOrAll = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Say how a document changed from one point of the log to another.

    Example: stet diff article/titanic-1912 --from 200 --to 270
    """
    with told():
        archive = open_archive(home)
        view = guessed(archive, document, view)
        if archive.log.at(from_).sequence > archive.log.at(to).sequence:
            raise Failure(f"--from {from_} is after --to {to}")
        found = archive.diff(document, view, from_, to)
        points = (found.old_sequence, found.new_sequence)
        recorded = [past.recorded_text(archive, sequence) for sequence in points]
    if as_json:
        said = {"old_recorded_at": recorded[0], "new_recorded_at": recorded[1]}
        typer.echo(show.json_line({**asdict(found), **said}))
    else:
        _print(found, recorded)


def _print(found: Difference, recorded: list[str | None]) -> None:
    points = [
        f"{sequence:,}" + (f" ({when})" if when else "")
        for sequence, when in zip((found.old_sequence, found.new_sequence), recorded, strict=True)
    ]
    typer.secho(f"{found.document} in {found.view}, sequence {' → '.join(points)}", bold=True)
    if not found.existed:
        typer.echo(f"did not exist as of sequence {found.old_sequence:,}; now it has:")
    elif not found.exists:
        typer.echo(f"ceased: does not exist as of sequence {found.new_sequence:,}; it had:")
    elif not found.changes:
        typer.echo("no change")
    for change in found.changes:
        for line in _lines(change):
            typer.echo(line)


def _lines(change: FieldChange) -> Iterator[str]:
    head = f"{MARKS[change.kind]} {show.short(change.path)}:"
    old, new = change.old, change.new
    if change.kind == "added":
        yield f"{head} {_shown(new)}"
    elif change.kind == "removed":
        yield f"{head} {_shown(old)}"
    elif change.kind == "moved":
        yield f"{head} {', '.join(map(show.short, old))} → {', '.join(map(show.short, new))}"
    elif isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > LONG:
        yield head
        yield from (f"    {line}" for line in words(old, new))
    else:
        yield f"{head} {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    return show.short(value if isinstance(value, str) else show.json_line(value), 100)


def words(old: str, new: str) -> Iterator[str]:
    """The words that changed, as ``[-old-]{+new+}``, with some around them; a line for each place.

    >>> list(words("The ship is safe tonight", "The ship is lost tonight"))
    ['The ship is [-safe-]{+lost+} tonight']
    """
    before, after = old.split(), new.split()
    if max(len(before), len(after)) > MOST_WORDS:
        before, after = _sentences(old), _sentences(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(AROUND):
        pieces = []
        for kind, a, b, c, d in group:
            if kind == "equal":
                pieces.append(" ".join(before[a:b]))
            else:
                gone, come = " ".join(before[a:b]), " ".join(after[c:d])
                pieces.append((f"[-{gone}-]" if gone else "") + (f"{{+{come}+}}" if come else ""))
        first, last = group[0][1], group[-1][2]
        text = ("… " if first else "") + " ".join(pieces) + (" …" if last < len(before) else "")
        yield show.short(text, 600)


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)
