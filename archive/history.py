"""The history of one entity: what each of its events changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay import NoDocument, history_of

if TYPE_CHECKING:
    from archive.archive import Archive


def history(archive: Archive, stream: str) -> list[dict[str, Any]]:
    """List what each event of a stream changed, oldest first: documents of the view ``HISTORY``.

    Only the events of the stream are read. Raises ``NoDocument`` when it has none.
    """
    events = archive.log.stream(stream)
    if not events:
        raise NoDocument(f"{stream} has no events; `stet log` shows what there is")
    return list(history_of(events, archive.log.registry[events[0].category]))
