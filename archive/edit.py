"""Editing: an editor's event is validated against the current state, and then appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from event_log import WrongExpectedVersion
from replay import changes_nothing, check_edit, read_entity

if TYPE_CHECKING:
    from archive.editable import Editable
    from event_log import NewEvent, Receipt


def append(
    archive: Editable, event: NewEvent, expected_version: int | None = None, force: bool = False
) -> Receipt:
    """Append an editor's event, unless it contradicts the current state of its entity.

    The event is appended at the versions that it was validated against, so that no other editor's
    event comes between. If one does, the event is validated again, unless a version was expected:
    who expects none never sees a conflict. If the log has its id already, nothing is appended, and
    the receipt of the first append is returned. If it is a revision that changes nothing, nothing
    is appended unless ``force`` is set, and the receipt is that of the stream's last event.

    Raises ``Refused``, ``WrongExpectedVersion`` when the entity is at another version than
    expected, and the errors of ``EventLog.append``.
    """
    log = archive.log
    batch = log.batch()
    batch.add(event)
    while True:  # each turn but the last is an event that somebody else appended
        current = read_entity(log, event.stream)
        if event.event_id is not None and log.known([event.event_id]):
            return log.commit(batch)
        if expected_version not in (None, current.version):
            raise WrongExpectedVersion(event.stream, expected_version or 0, current.version)
        seen = check_edit(archive.domain, log, current, event)
        if not force and changes_nothing(log, current, event):
            return log.receipt(current.sequence)
        archive.remember_domain()
        try:
            return log.commit(batch, seen)
        except WrongExpectedVersion as conflict:
            if expected_version is not None and conflict.stream == event.stream:
                raise


def check(archive: Editable, event: NewEvent) -> None:
    """Validate an editor's event without appending it; raises the errors of ``append``."""
    archive.log.batch().add(event)
    check_edit(archive.domain, archive.log, read_entity(archive.log, event.stream), event)
