"""A question before an entity is removed that others refer to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from app import show
from app.options import Failure
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from event_log import NewEvent

Yes = Annotated[
    bool, typer.Option("--yes", help="Remove what other entities name without being asked.")
]
MOST = 10
"""How many entities in use are named; of the others only their number."""


def ask_before_removing(archive: Archive, events: Sequence[NewEvent], yes: bool) -> None:
    """Ask before events remove entities that are in use; without a terminal, raise ``Failure``.

    Entities that refer to them count as they will be after the events. Nothing is asked about an
    event that is refused when it is appended. It is a question, and no rule: the log takes such
    events, and an import brings them as they come.
    """
    removed = [] if yes else [*dict.fromkeys(_removed(archive, events))]
    if not removed:
        return
    from event_log import InvalidEvent

    with suppress(InvalidEvent):  # it is refused with its line when it is appended
        counts = archive.used_by(removed, events)
        used = [_used(stream, by_category) for stream, by_category in counts.items() if by_category]
        if used:
            more = [f"and {len(used) - MOST} more"] if len(used) > MOST else []
            hint = "--yes removes it all the same; stet preview counts documents"
            ask([*used[:MOST], *more], "Remove it all the same?", hint)


def _removed(archive: Archive, events: Sequence[NewEvent]) -> Iterator[str]:
    """The streams of live entities that these events remove."""
    from event_log import Effect
    from replay import read_entity

    types = archive.log.registry.event_types
    for event in events:
        known = types.get(event.type) if isinstance(event.type, str) else None
        removes = known is not None and known.effect is Effect.REMOVES
        if removes and read_entity(archive.log, event.stream).live:
            yield event.stream


def _used(stream: str, by_category: dict[str, int]) -> str:
    """A line such as ``byline/1 is named by 2 articles and 1 image``."""
    return f"{stream} is named by {numbers_of(by_category)}"


def numbers_of(by_category: Mapping[str, int]) -> str:
    """Numbers of entities in words, such as ``2 articles and 1 image``; there is one at least."""
    *others, last = [counted(number, category) for category, number in by_category.items()]
    return f"{', '.join(others)} and {last}" if others else last


def ask(told: Sequence[str], question: str, hint: str) -> None:
    """Tell what will change and ask whether it may; raises ``Failure`` if not, or without anybody.

    ``hint`` says how to go on where nobody can be asked.
    """
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        raise Failure("\n".join([*told, f"nothing was appended; {hint}"]))
    for line in told:
        show.note(line)
    if not typer.confirm(question, err=True):
        raise Failure("nothing was appended")


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is there; a command may have been started without the stream."""
    return stream is not None and not stream.closed and stream.isatty()
