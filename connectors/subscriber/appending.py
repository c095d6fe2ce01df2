"""``append_to``: effects that are new events of the log."""

from __future__ import annotations

from collections.abc import Callable

from connectors.subscriber.message import Outgoing
from event_log import EventLog, NewEvent


def append_to(log: EventLog) -> Callable[[Outgoing], None]:
    """A ``deliver`` that appends ``SideEffect.event`` to the log, exactly once.

    The event's id is that of the effect, which depends on the cause alone. So an append after a
    kill, or from a model that was made anew, finds the event in the log and adds nothing. What it
    said the first time stands, also where another version of the program would decide otherwise.
    ``causation_id`` is the cause's id, and ``correlation_id`` is handed on from it.
    """

    def deliver(effect: Outgoing) -> None:
        if effect.id in log.known([effect.id]):
            return
        event = NewEvent(
            effect.data["stream"],
            effect.data["type"],
            effect.data["data"],
            event_id=effect.id,
            correlation_id=effect.correlation_id or effect.event_id,
            causation_id=effect.event_id,
        )
        log.append([event])

    return deliver
