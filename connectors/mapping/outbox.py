"""Events that come ready from an outbox: their stream is named here, and their type checked."""

from __future__ import annotations

from datetime import timedelta

from connectors.debezium.change import OutboxEvent
from connectors.debezium.schema import EPOCH
from connectors.mapping.declared import Mapping
from connectors.mapping.drafts import Draft
from connectors.mapping.errors import Untranslatable
from connectors.mapping.templates import Template
from event_log import InvalidEvent, NewEvent, Validator

OUTBOX = "the outbox"


class OutboxTable:
    """Drafts the events of an outbox."""

    def __init__(self, mapping: Mapping) -> None:
        self._registry, self._outbox = mapping.registry, mapping.outbox
        self._validator = Validator(mapping.registry)
        self._template = Template(self._outbox.stream, stream=True) if self._outbox else None

    def stream(self, event: OutboxEvent) -> str:
        """Return the stream of an event; raises ``Untranslatable``."""
        if event.whole_stream:
            return f"{event.aggregate}/{event.aggregate_id}"
        if self._template is None:
            raise Untranslatable(OUTBOX, None, "the mapping has no section outbox", stops=True)
        named = {"aggregatetype": event.aggregate, "aggregateid": event.aggregate_id}
        try:
            return str(self._template.fill(*[named[c] for c in self._template.columns]))
        except ValueError as error:
            raise Untranslatable(OUTBOX, "aggregateid", str(error)) from None

    def draft(self, event: OutboxEvent) -> Draft:
        """Return the draft of an event; raises ``Untranslatable``."""
        stream = self.stream(event)
        name = self._outbox.types.get(event.type, event.type) if self._outbox else event.type
        new = NewEvent(stream, name, event.payload, event.event_id)
        try:
            self._validator.data(new, self._validator.category(new))
            self._validator.envelope(new)
        except InvalidEvent as error:
            raise Untranslatable(
                OUTBOX, error.field, f"the event {event.event_id}: {error.reason}"
            ) from None
        effect = self._registry.event_types[name].effect
        given = {field: value for field, value in event.payload.items() if value is not None}
        draft = Draft(event, stream, name, effect, given, event.event_id)
        if event.at is not None:
            draft.occurred_at = EPOCH + timedelta(microseconds=event.at)
        return draft
