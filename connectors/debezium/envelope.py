"""One message of Debezium, as JSON with or without its schema, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.debezium import outbox
from connectors.debezium.change import (
    Boundary,
    Change,
    Columns,
    Ignored,
    Message,
    Operation,
    PoisonMessage,
    Said,
)
from connectors.debezium.numbers import microseconds_of, whole_number
from connectors.debezium.placeholders import is_withheld, may_withhold
from connectors.debezium.schema import Decoders, parsed

HEARTBEATS = "__debezium-heartbeat"
OLD_KEY, NEW_KEY = "__debezium.oldkey", "__debezium.newkey"
STREAMED = (None, "false", False)
"""``source.snapshot`` of what no snapshot read, whatever ``replace.null.with.default`` is."""
LINES = (Operation.CREATED, Operation.READ, Operation.UPDATED, Operation.DELETED)
LONGEST_NAME = 200
"""Characters of the name of a connector, a table or a transaction."""


@dataclass(frozen=True)
class Reading:
    """What must be known to read the messages of a source.

    - ``full``: the tables with REPLICA IDENTITY FULL, whose ``before`` is true;
    - ``outbox``: the outbox's table, in the layout of Debezium's EventRouter;
    - ``routed``: the topics, as one regular expression, to which an EventRouter writes; its first
      group is the ``aggregatetype``;
    - ``prefix``: the prefix of ``pg_logical_emit_message`` whose messages are events.
    """

    full: frozenset[str] = frozenset()
    outbox: str | None = None
    routed: str | None = None
    prefix: str | None = None


NOTHING_KNOWN = Reading()


def read_message(message: Message, reading: Reading = NOTHING_KNOWN) -> Said:
    """Read a message; raises ``PoisonMessage`` when it is none that Debezium writes.

    >>> from connectors.debezium.change import Origin
    >>> message = Message(Origin("shop", "T", 0, 7), b'{"id":1}', b'{"op":"c","before":null,'
    ...     b'"after":{"id":1,"name":"Sea"},"source":{"name":"shop","schema":"public",'
    ...     b'"table":"tag","lsn":25,"txId":771}}')
    >>> change = read_message(message)
    >>> change.table, change.key, change.after, change.transaction
    ('public.tag', {'id': 1}, {'id': 1, 'name': 'Sea'}, '771')
    """
    text, origin = message.value, message.origin
    if text is None:
        return Ignored("a tombstone", origin)
    try:
        said, decoders = parsed(text)
        if reading.routed is not None:
            routed = outbox.routed(message, said, reading.routed)
            if routed is not None:
                return routed
        if not isinstance(said, dict):
            return _other(message, said)
        source = said.get("source")
        if source is None or "op" not in said:
            return _other(message, said)
        return _envelope(message, said, source, decoders, reading)
    except PoisonMessage:
        raise
    except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
        raise PoisonMessage(origin, _reason(text, error)) from None


def _reason(text: bytes, error: Exception) -> str:
    if text.startswith(b"\0"):
        return (
            "the value is in the binary form of a schema registry, not JSON; set value.converter to"
            " org.apache.kafka.connect.json.JsonConverter"
        )
    if isinstance(error, orjson.JSONDecodeError):
        return f"the value or the key is not JSON ({error})"
    if isinstance(error, KeyError):
        return f"the message lacks {error}, which each message of Debezium has"
    if isinstance(error, ValueError):
        return str(error)
    return f"the message does not have the form of Debezium's ({error})"


def _envelope(
    message: Message,
    said: Mapping[str, Any],
    source: Mapping[str, Any],
    decoders: Decoders,
    reading: Reading,
) -> Said:
    op = said["op"]
    if op == "m":
        return outbox.emitted(message, said, source, reading.prefix)
    if op not in LINES and op != Operation.TRUNCATED:
        raise ValueError(f"op is {op!r}, which is no operation that Debezium has")
    change = _change(message, said, source)
    if op != Operation.TRUNCATED:
        _set_lines(change, message, said, decoders, reading)
    if change.table == reading.outbox:
        return outbox.of_table(change)
    return change


def _change(message: Message, said: Mapping[str, Any], source: Mapping[str, Any]) -> Change:
    """The change without its lines."""
    schema, op = source.get("schema"), said["op"]
    table = f"{schema}.{source['table']}" if schema else source["table"]
    snapshot = source.get("snapshot")
    if snapshot in STREAMED:
        snapshot = "true" if op == Operation.READ else None
    transaction = order = None
    if snapshot is None:
        told = said.get("transaction")
        if told:
            transaction = transaction_of(told["id"])
            order = whole_number(told["total_order"], "total_order")
        elif source.get("txId") is not None:
            transaction = str(source["txId"])
    server = _name(source["name"])
    change = Change(_name(table), op, None, None, None, message.origin, server, transaction, order)
    change.lsn = None if snapshot else whole_number(source.get("lsn"), "lsn")
    change.snapshot = snapshot
    change.at = microseconds_of(source)
    return change


def _name(name: Any) -> str:
    """A name that events can carry: printable, and not too long."""
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"{name!r} names no connector, table or transaction")
    return name


def _set_lines(
    change: Change,
    message: Message,
    said: Mapping[str, Any],
    decoders: Decoders,
    reading: Reading,
) -> None:
    """Set the key, and of ``before`` and ``after`` what is sure."""
    if message.key is not None:
        key, of_key = parsed(message.key)
        change.key = _decoded(key, of_key) if of_key else _line(key, "the key")
    if message.headers and change.op in (Operation.CREATED, Operation.DELETED):
        _set_keys(change, message)
    before, after = _line(said.get("before"), "before"), _line(said.get("after"), "after")
    is_old = change.op == Operation.UPDATED or change.old_key is not None
    if is_old and after is not None and may_withhold(message.value or b""):
        change.withheld = frozenset(name for name, value in after.items() if is_withheld(value))
        if change.withheld:
            after = {name: v for name, v in after.items() if name not in change.withheld}
    change.after = _decoded(after, decoders) if decoders and after is not None else after
    if before is not None and (change.key is None or change.table in reading.full):
        change.before = _decoded(before, decoders) if decoders else before
        if change.withheld:
            _fill(change)
    elif change.op == Operation.DELETED:
        change.before = change.key
    if change.after is None and change.op != Operation.DELETED:
        raise ValueError(f"op is {change.op!r}, but there is no after")
    if change.op == Operation.DELETED and change.before is None:
        raise ValueError(
            "a deletion has neither a key nor a before: it does not tell of which line"
        )


def _line(line: Any, what: str) -> Any:
    if line is not None and type(line) is not dict:
        raise ValueError(f"{what} is {type(line).__name__}, not the columns of a line")
    return line


def _fill(change: Change) -> None:
    """A value that did not change is what it was before, where that is known."""
    before = {n: v for n, v in (change.before or {}).items() if not is_withheld(v)}
    change.after = {**(change.after or {})} | {
        name: before[name] for name in change.withheld if name in before
    }
    change.before = before
    change.withheld -= before.keys()


def _set_keys(change: Change, message: Message) -> None:
    other = NEW_KEY if change.op == Operation.DELETED else OLD_KEY
    for name, value in message.headers or ():
        if name != other or value is None:
            continue
        if other == NEW_KEY:
            change.new_key = _key_of(value)
        else:
            change.old_key = _key_of(value)


def _key_of(value: bytes | str) -> Columns:
    key, decoders = parsed(value.encode() if isinstance(value, str) else value)
    if not isinstance(key, dict):
        raise ValueError(f"the header of the other key is {key!r}, not the key's columns")
    return _decoded(key, decoders)


def _decoded(line: Columns, decoders: Decoders) -> Columns:
    decoded = {**line}
    for name, decode in decoders.items():
        if name in decoded:
            decoded[name] = decode(decoded[name])
    return decoded


def transaction_of(told: str) -> str:
    """Return what names a transaction: PostgreSQL's id without the lsn, which differs by line.

    >>> transaction_of("771:25829128"), transaction_of("3e11fa47-71ca:23")
    ('771', '3e11fa47-71ca:23')
    """
    number, _, lsn = _name(told).partition(":")
    return number if number.isdigit() and lsn.isdigit() else told


def _other(message: Message, said: Any) -> Said:
    """What is no change: a boundary of a transaction, a heartbeat, a change of the schema."""
    origin = message.origin
    if said is None:
        return Ignored("a tombstone", origin)
    if not isinstance(said, dict):
        raise ValueError("the value is no object, and so no message of Debezium")
    if said.get("status") in ("BEGIN", "END") and "id" in said:
        collections = said.get("data_collections")
        tables = collections and {c["data_collection"]: c["event_count"] for c in collections}
        at = said.get("ts_ms")
        return Boundary(
            said["status"],
            transaction_of(said["id"]),
            origin,
            said.get("event_count"),
            tables or None,
            None if at is None else at * 1_000,
        )
    if origin.topic.startswith(HEARTBEATS) or said.keys() == {"ts_ms"}:
        return Ignored("a heartbeat", origin)
    if "ddl" in said or "tableChanges" in said:
        return Ignored("a change of the source's schema", origin)
    raise ValueError(
        "the value has no op and source, so it is no message of Debezium; a connector with the"
        " transform ExtractNewRecordState must do without it"
    )
