"""Events that the source made itself: an outbox's lines, routed or not, and messages in the WAL.

The layout is that of Debezium's EventRouter: ``id``, ``aggregatetype``, ``aggregateid``, ``type``
and ``payload``. A message of ``pg_logical_emit_message`` is a JSON object of these, or of
``stream``, ``type``, ``data`` and ``event_id`` as an event of the log has them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.debezium.change import Change, Ignored, Message, Operation, OutboxEvent
from connectors.debezium.numbers import microseconds_of, whole_number
from connectors.debezium.schema import parsed
from connectors.derived import uuid5

LAYOUT = ("id", "aggregatetype", "aggregateid", "type", "payload")
TYPE_HEADERS = ("eventType", "type")


def of_table(change: Change) -> OutboxEvent | Ignored:
    """Return the event of an outbox's line, where no EventRouter stands between."""
    if change.op in (Operation.DELETED, Operation.TRUNCATED):
        return Ignored("the outbox was tidied up", change.origin)
    if change.op == Operation.UPDATED:
        raise ValueError(f"a line of the outbox {change.table} was updated; it may only be added")
    line = change.after or {}
    missing = [name for name in LAYOUT if name not in line]
    if missing:
        raise ValueError(f"the outbox {change.table} has no column {' and '.join(missing)}")
    event = _event(line, change.origin)
    event.server, event.transaction = change.server, change.transaction
    event.order, event.at = change.order, change.at
    return event


def routed(message: Message, said: Any, topics: str) -> OutboxEvent | None:
    """Return the event that an EventRouter wrote to one of its topics; None for another topic."""
    match = re.fullmatch(topics, message.origin.topic)
    if not match:
        return None
    headers = {name: value for name, value in message.headers or () if value is not None}
    told = dict(said) if isinstance(said, dict) and "payload" in said else {"payload": said}
    told["id"] = _text(headers.get("id"))
    for name in TYPE_HEADERS:
        if name in headers:
            told["type"] = _text(headers[name])
        elif name in told:
            told["type"] = told[name]
    if told["id"] is None:
        raise ValueError("it has no header id, by which an EventRouter names each event")
    if told.get("type") is None:
        raise ValueError(
            "it does not say its event type; give the EventRouter"
            " table.fields.additional.placement=type:header:eventType"
        )
    told["aggregatetype"] = match.group(1) if match.re.groups else message.origin.topic
    told["aggregateid"] = _key(message.key)
    event = _event(told, message.origin)
    known = message.at is not None and message.at >= 0  # Kafka says -1 where it knows no time
    event.at = microseconds_of({"ts_ms": message.at}) if known else None
    return event


def emitted(
    message: Message, said: Mapping[str, Any], source: Mapping[str, Any], prefix: str | None
) -> OutboxEvent | Ignored:
    """Return the event that ``pg_logical_emit_message`` wrote, if its prefix is the mapping's."""
    given = said["message"]["prefix"]
    if given != prefix:
        return Ignored(f"a message with the prefix {given!r}", message.origin)
    content = orjson.loads(b64decode(said["message"]["content"]))
    if not isinstance(content, dict):
        raise ValueError(f"the message with the prefix {given!r} is no JSON object")
    told = dict(content)
    if "stream" in told:
        told["aggregatetype"], _, told["aggregateid"] = str(told["stream"]).partition("/")
        told["payload"], told["id"] = told.get("data", {}), told.get("event_id")
    if told.get("id") is None:
        told["id"] = uuid5(f"{source['name']}\n{source.get('txId')}\n{source['lsn']}\nm")
    missing = [name for name in LAYOUT if name not in told]
    if missing:
        raise ValueError(f"the message with the prefix {given!r} lacks {' and '.join(missing)}")
    event = _event(told, message.origin)
    event.whole_stream = "stream" in content
    event.server = source["name"]
    if told_transaction := said.get("transaction"):
        event.order = whole_number(told_transaction["total_order"], "total_order")
    event.transaction = None if source.get("txId") is None else str(source["txId"])
    event.at = microseconds_of(source)
    return event


def _event(told: Mapping[str, Any], origin: Any) -> OutboxEvent:
    payload = told["payload"]
    if isinstance(payload, str):
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise ValueError(
                f"the payload of the event {told['id']} is not JSON ({error})"
            ) from None
    if payload is None:
        payload = {}  # an event that needs no data
    return OutboxEvent(
        str(told["id"]),
        str(told["aggregatetype"]),
        str(told["aggregateid"]),
        str(told["type"]),
        payload,
        origin,
    )


def _text(value: bytes | str | None) -> str | None:
    """A header's text; Kafka Connect may have written it as JSON, in quotes."""
    if value is None:
        return None
    text = value.decode() if isinstance(value, bytes) else value
    return str(orjson.loads(text)) if text.startswith('"') else text


def _key(key: bytes | None) -> Any:
    if key is None:
        raise ValueError("it has no key, which is the aggregateid")
    try:
        said, _ = parsed(key)
    except orjson.JSONDecodeError:
        return key.decode()
    return said
