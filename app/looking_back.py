"""Searching as of a point in the past: the answer, and when its point was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app import show

if TYPE_CHECKING:
    from archive import Archive
    from search import Answer, Query


def answer(archive: Archive, query: Query, at: str) -> Answer:
    """Answer as of a point, with a progress bar while its index is built."""
    with show.progress_bar("looking back", None) as advance:
        return archive.search(query, at=at, tell=lambda line: advance(0, line))


def as_of(archive: Archive, view: str, answer: Answer) -> dict[str, Any]:
    """The sequence of an answer, when it was recorded, and the live index's sequence."""
    live = archive.engine.serving().get(view or archive.first_view)
    return {
        "sequence": answer.sequence,
        "recorded_at": recorded_text(archive, answer.sequence),
        "live": live.sequence if live else None,
    }


def recorded_text(archive: Archive, sequence: int) -> str | None:
    """When a sequence was recorded, as text; ``None`` for sequence 0."""
    from archive import recorded_at

    instant = recorded_at(archive, sequence)
    return None if instant is None else str(show.plain(instant))


def print_as_of(as_of: dict[str, Any]) -> None:
    """Print the sequence used, when it was recorded, and the live index's sequence, on stderr."""
    recorded = f", recorded {as_of['recorded_at']}" if as_of["recorded_at"] else ""
    live = (
        "no index is live"
        if as_of["live"] is None
        else f"the live index is at sequence {as_of['live']:,}"
    )
    show.note(f"as of sequence {as_of['sequence']:,}{recorded}; {live}")
