"""Editing: an editor's event is validated against the current state, and then appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import check_edit, read_entity

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import NewEvent, Receipt


def append(archive: Archive, event: NewEvent, expected_version: int | None = None) -> Receipt:
    """Append an editor's event, unless it contradicts the current state of its entity.

    The event is appended at the version of the entity that it was validated against, so that no
    other editor's event comes between. If the log has its id already, nothing is appended, and the
    receipt of the first append is returned.

    Raises ``Refused``, ``WrongExpectedVersion`` when the entity is at another version than
    expected, and the errors of ``EventLog.append``.
    """
    log = archive.log
    batch = log.batch()
    batch.add(event)
    if event.event_id is not None and log.known([event.event_id]):
        return log.commit(batch)
    current = read_entity(log, event.stream)
    if expected_version is None or expected_version == current.version:
        check_edit(archive.domain, log, current, event)
    archive.remember_domain()
    version = current.version if expected_version is None else expected_version
    return log.commit(batch, {event.stream: version})


def check(archive: Archive, event: NewEvent) -> None:
    """Validate an editor's event without appending it; raises the errors of ``append``."""
    archive.log.batch().add(event)
    check_edit(archive.domain, archive.log, read_entity(archive.log, event.stream), event)
