"""Looking back on the command line: what a search would have found, and as of when that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app import show
from app.options import open_log

if TYPE_CHECKING:
    from search import Query
    from search.engine import Answer, Engine, Generation


def answer(home: str, query: Query, at: str, engine: Engine) -> Answer:
    """Answer as of a point, with a progress bar while its index is built."""
    from search import past

    open_log(home)  # says it when that is no folder
    with show.progress_bar("looking back", None) as advance:
        return past.search(home, query, at, engine, tell=lambda said: advance(0, said))


def as_of(home: str, answer: Answer, serving: Generation | None) -> dict[str, Any]:
    """Which point an answer is for: its sequence, when that was recorded, and what serves now."""
    return {
        "sequence": answer.sequence,
        "recorded_at": recorded_at(home, answer.sequence),
        "serving": serving.sequence if serving else None,
    }


def recorded_at(home: str, sequence: int) -> str | None:
    """When the log was told of a sequence; none before its first event."""
    for event in open_log(home).read(after=sequence - 1, limit=1) if sequence else ():
        return str(show.plain(event.recorded_at))
    return None


def tell(as_of: dict[str, Any]) -> None:
    """Say on stderr which point an answer is for."""
    recorded = f", recorded {as_of['recorded_at']}" if as_of["recorded_at"] else ""
    serving = (
        "nothing serves now" if as_of["serving"] is None
        else f"what serves is at {as_of['serving']:,}"
    )  # fmt: skip
    show.note(f"as of sequence {as_of['sequence']:,}{recorded}; {serving}")
