"""What readers see as of a point: documents that are made as if what is hidden were not there.

The live index is asked what of it is hidden (``search.hidden``). As of another point the entities
themselves tell, and documents are computed without those that were under embargo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from archive import export
from event_log import dates
from replay import State, entity_view, scratch_folder
from search import values

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Snapshot
    from replay import View


def shown_documents(
    archive: Archive, view: View, sequence: int, keys: Sequence[str], now: datetime
) -> Iterator[dict[str, Any]]:
    """The documents of these ids as of a sequence, without what is dated after an instant."""
    left_out = hidden(archive, archive.log.at(sequence), now)
    with export.file(archive, view, sequence, keys, left_out) as path:
        yield from map(orjson.loads, export.lines_of(path, {*keys}))


def hidden(archive: Archive, snapshot: Snapshot, now: datetime) -> dict[str, str]:
    """By category, the SQL of the entities whose own documents are dated after an instant.

    A date that is called as a field of the entity is that field; any other is in the documents.
    """
    conditions: dict[str, list[str]] = {}
    for view in archive.views.values():
        if view.embargo and view.date and view.per in archive.log.registry:
            found = _condition(archive, view, snapshot, now)
            conditions.setdefault(str(view.per), []).append(found)
    return {category: " OR ".join(each) for category, each in conditions.items()}


def _condition(archive: Archive, view: View, snapshot: Snapshot, now: datetime) -> str:
    if view.date in archive.log.registry[str(view.per)].fields.names:
        return f'epoch_us("{view.date}"::TIMESTAMP) > {dates.microseconds(now)}'
    ids = [each["id"] for each in _later(archive, view, snapshot.sequence, None, now)]
    quoted = ", ".join("'" + key.replace("'", "''") + "'" for key in ids)
    return f"id IN ({quoted})" if ids else "false"


def hidden_documents(
    archive: Archive, view: View, sequence: int, now: datetime
) -> Iterator[dict[str, Any]]:
    """The documents of a view, one for each entity, that were dated after an instant."""
    keys: list[str] | None = None
    if view.date in archive.log.registry[str(view.per)].fields.names:
        snapshot = archive.log.at(sequence)
        condition = _condition(archive, view, snapshot, now)
        with (
            scratch_folder(archive.scratch_builds) as folder,
            State(snapshot, folder) as state,
        ):
            state.entities(str(view.per))
            later = f'SELECT id FROM "{entity_view(str(view.per))}" WHERE {condition}'
            keys = state.query(later).column("id").to_pylist()
        if not keys:
            return
    yield from _later(archive, view, sequence, keys, now)


def _later(
    archive: Archive, view: View, sequence: int, keys: Sequence[str] | None, now: datetime
) -> Iterator[dict[str, Any]]:
    """Those of the documents that are dated after an instant."""
    instant = dates.microseconds(now)
    for line in export.export(archive, view, sequence, keys):
        document = orjson.loads(line)
        date = date_of(document, view)
        if date is not None and dates.first_instant(date) > instant:
            yield document


def date_of(document: dict[str, Any], view: View) -> str | None:
    """The date of a document, if it has one."""
    return next(values(document, view.date or ""), None)
