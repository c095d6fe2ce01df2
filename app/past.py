"""Looking back on the command line: what a search would have found, and as of when that is."""

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
    """The point of an answer: its sequence, when that was recorded, and the live one's sequence."""
    live = archive.engine.serving().get(view or archive.first_view)
    return {
        "sequence": answer.sequence,
        "recorded_at": recorded_text(archive, answer.sequence),
        "serving": live.sequence if live else None,
    }


def recorded_text(archive: Archive, sequence: int) -> str | None:
    """When a sequence was recorded, as text; none before the first event."""
    from archive import recorded_at

    instant = recorded_at(archive, sequence)
    return None if instant is None else str(show.plain(instant))


def tell(as_of: dict[str, Any]) -> None:
    """Say on stderr which point an answer is for."""
    recorded = f", recorded {as_of['recorded_at']}" if as_of["recorded_at"] else ""
    serving = (
        "nothing serves now" if as_of["serving"] is None
        else f"what serves is at {as_of['serving']:,}"
    )  # fmt: skip
    show.note(f"as of sequence {as_of['sequence']:,}{recorded}; {serving}")
