"""Editing: an editor's events are validated against the current state, and then appended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archive.errors import RefusedInBatch
from archive.supposed import Supposed
from event_log import InvalidEvent, WrongExpectedVersion, dates
from replay import Refused, changes_nothing, check_edit, read_entity

if TYPE_CHECKING:
    from archive.editable import Editable
    from event_log import Batch, EventLog, NewEvent, Receipt


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
    try:
        return append_all(archive, [event], expected_version, force)
    except RefusedInBatch as error:
        raise error.cause from None


def append_all(
    archive: Editable,
    events: Sequence[NewEvent],
    expected_version: int | None = None,
    force: bool = False,
) -> Receipt:
    """Append an editor's events together or not at all, each validated as ``append`` does.

    Each is validated as if those before it had been appended already. ``expected_version`` is that
    of the first event's entity. Raises ``RefusedInBatch``, which has the number of the event that
    is refused, and what ``append`` raises.
    """
    while True:  # each turn but the last is an event that somebody else appended
        try:
            return _append(archive, events, expected_version, force)
        except WrongExpectedVersion as conflict:
            if expected_version is not None and conflict.stream == events[0].stream:
                raise


def _append(
    archive: Editable, events: Sequence[NewEvent], expected_version: int | None, force: bool
) -> Receipt:
    log = archive.log
    batch, supposed = _batch(log, events), Supposed(log)
    first = read_entity(supposed, events[0].stream)
    known = log.known([event.event_id for event in events if event.event_id is not None])
    if events[0].event_id not in known and expected_version not in (None, first.version):
        raise WrongExpectedVersion(first.stream, expected_version or 0, first.version)
    kept: list[NewEvent] = []
    seen: dict[str, int] = {}
    last = first.sequence
    for number, event in enumerate(events, 1):
        current = first if number == 1 else read_entity(supposed, event.stream)
        last = known.get(event.event_id or "", current.sequence)
        if event.event_id in known:
            continue
        try:
            looked_at = check_edit(archive.domain, supposed, current, event)
        except Refused as error:
            raise RefusedInBatch(number, error) from None
        for stream, version in looked_at.items():
            seen.setdefault(stream, version - supposed.added(stream))
        if force or not changes_nothing(log, current, event):
            kept.append(event)
            supposed.add(event)
    if not kept:
        return log.receipt(last)
    archive.remember_domain()
    return log.commit(batch if len(kept) == len(events) else _batch(log, kept), seen)


def _batch(log: EventLog, events: Sequence[NewEvent]) -> Batch:
    """A batch of events; raises ``RefusedInBatch`` for the first whose form is not valid."""
    batch = log.batch()
    for number, event in enumerate(events, 1):
        try:
            batch.add(event)
            check_occurred(event)
        except InvalidEvent as error:
            raise RefusedInBatch(number, error) from None
    return batch


def check_occurred(event: NewEvent) -> None:
    """Refuse what an editor says to have happened later than now; a day may have begun elsewhere.

    An import is not checked so: another system's clock may be wrong.
    """
    if event.occurred_at is None:
        return
    tomorrow = dates.microseconds(datetime.now(UTC)) + dates.DAY
    if dates.first_instant(event.occurred_at) > tomorrow:
        raise InvalidEvent(
            "occurred_at",
            f"{event.occurred_at} is in the future; write when it happened, or leave it out",
        )


def check(archive: Editable, event: NewEvent) -> None:
    """Validate an editor's event without appending it; raises the errors of ``append``."""
    archive.log.batch().add(event)
    check_occurred(event)
    check_edit(archive.domain, archive.log, read_entity(archive.log, event.stream), event)
