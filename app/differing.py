"""The command ``diff``: how a document changed between two points of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import looking_back, show
from app.annotations import of_event, print_annotations
from app.explaining import Document, view_of
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    ViewOfDocument,
    errors_as_messages,
    open_archive,
)

if TYPE_CHECKING:
    from archive import Archive, Difference, FieldChange

LONG = 80
"""A text of more characters is compared word by word."""
AROUND = 6
"""How many unchanged words are printed before and after the changed ones."""
MOST_WORDS = 5_000
"""A text of more words is compared by sentences: the time grows with the square of the number."""
MARKS = {"added": "+", "removed": "-", "changed": "~", "moved": "~"}


def diff(
    document: Document,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SEQUENCE|DATE",
            help="The earlier point of the log; by default the one before the entity's last event.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="SEQUENCE|DATE", help="The later point; the log's head by default."),
    ] = None,
    view: ViewOfDocument = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print how one document changed between two points in time.

    A point is a sequence of the log, or a date: what had been recorded by its end. `stet diff`
    includes what changed in other entities that the document shows. `stet history` prints only the
    events of the entity itself. `stet compare` checks the live indexes against the views.

    Example: stet diff article/titanic-1912
    """
    with errors_as_messages():
        archive = open_archive(home)
        view = view_of(archive, document, view)
        from_ = from_ or _before_the_last_event(archive, document, to)
        _check_order(archive, from_, to)
        difference = archive.diff(document, view, old=from_, new=to)
        points = (difference.old_sequence, difference.new_sequence)
        recorded = [looking_back.recorded_text(archive, sequence) for sequence in points]
        annotated = _annotated(archive, difference)
    if as_json:
        more = {"old_recorded_at": recorded[0], "new_recorded_at": recorded[1]}
        show.json({**asdict(difference), **more, "annotated": annotated})
    else:
        _print(difference, recorded, annotated)


def _check_order(archive: Archive, from_: str, to: str | None) -> None:
    if archive.log.at(from_).sequence > archive.log.at(to).sequence:
        raise Failure(f"--from {from_} is after --to {to or 'the head'}; exchange them")


def _annotated(archive: Archive, difference: Difference) -> list[dict[str, Any]]:
    """The events of the document's entity between the points that have annotations."""
    return [
        {"sequence": event.sequence, "type": event.type, "annotations": said}
        for event in archive.log.stream(difference.document)
        if difference.old_sequence < event.sequence <= difference.new_sequence
        and (said := of_event(event, archive.log.registry.owner[event.type]))
    ]


def _before_the_last_event(archive: Archive, document: str, to: str | None) -> str:
    """The point before the last event of a document's entity, up to a point."""
    last = archive.log.at(to).sequence
    sequences = [e.sequence for e in archive.log.stream(document) if e.sequence <= last]
    if not sequences:
        raise Failure(f"{document} has no event of its own; name an earlier point with --from")
    return str(sequences[-1] - 1)


def _print(
    difference: Difference, recorded: list[str | None], annotated: list[dict[str, Any]]
) -> None:
    old, new = difference.old_sequence, difference.new_sequence
    points = [
        f"{sequence:,}" + (f" ({when})" if when else "")
        for sequence, when in zip((old, new), recorded, strict=True)
    ]
    where = f"{difference.document} in {difference.view}"
    show.heading(f"{where}, sequence {' → '.join(points)}")
    if not difference.existed:
        show.line(f"did not exist as of sequence {old:,}; now it has:")
    elif not difference.exists:
        show.line(f"no longer exists as of sequence {new:,}; it had:")
    elif not difference.changes:
        show.line("no change")
    for change in difference.changes:
        for line in _lines(change):
            show.line(line)
    for event in annotated:
        show.line(f"sequence {event['sequence']:,}, {event['type']}")
        print_annotations(event["annotations"])


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
    """The changed words as ``[-old-]{+new+}``, with the words around them; a line for each place.

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
                removed, added = " ".join(before[a:b]), " ".join(after[c:d])
                pieces.append(
                    (f"[-{removed}-]" if removed else "") + (f"{{+{added}+}}" if added else "")
                )
        first, last = group[0][1], group[-1][2]
        text = ("… " if first else "") + " ".join(pieces) + (" …" if last < len(before) else "")
        yield show.short(text, 600)


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)
