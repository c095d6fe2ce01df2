"""Which lines of tables a message is about: what comes later of them waits for it.

A line is named by its key. One of a table without a primary key is named by the streams that it
makes, for there the columns of these name each line once. Where not even they are told, the message
may be about any line of its table: then all of the table waits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from typing import Any

import orjson

from connectors.debezium.change import Change, Columns, Message, Operation, OutboxEvent
from connectors.debezium.envelope import Reading
from connectors.debezium.schema import parsed
from connectors.mapping.translation import Translator


class LineNames:
    """Names the lines that changes are about, as a mapping understands them."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        mapping = translator.mapping
        self._reading = mapping.reading
        tables = mapping.tables.items()
        self._removing: Container[str] = {n for n, table in tables if table.truncate == "remove"}

    def of(self, said: Change | OutboxEvent) -> tuple[str, ...]:
        """Return the lines that a change is about: two, when it makes another of one without a key.

        >>> from types import SimpleNamespace
        >>> from connectors.debezium.change import Origin
        >>> mapping = SimpleNamespace(reading=Reading(), tables={}, outbox=None, registry={})
        >>> names = LineNames(SimpleNamespace(mapping=mapping))
        >>> names.of(Change("public.tag", "u", {"id": 7}, None, {}, Origin("cms", "T", 0, 1), ""))
        ('public.tag {"id":7}',)
        """
        if isinstance(said, OutboxEvent):
            return (f"{said.aggregate}/{said.aggregate_id}",)
        if said.op == Operation.TRUNCATED:
            return (_all_of(said.table),)
        if said.key is not None:
            return (_by_key(said.table, said.key),)
        streams = self._translator.lines(said)
        return tuple(f"{said.table} {each}" for each in sorted(streams)) or (_all_of(said.table),)

    def waits_for(self, said: Change | OutboxEvent, held: Collection[str]) -> str | None:
        """Return what has to come before a change: a line that is held, or its whole table.

        What is about all lines of its table waits for each of them, as a truncation that removes
        does: an old line that is tried again later would come back.
        """
        lines = self.of(said)
        if isinstance(said, OutboxEvent):
            return lines[0] if lines[0] in held else None
        whole = _all_of(said.table)
        if whole in held:
            return whole
        if whole in lines and (said.op != Operation.TRUNCATED or said.table in self._removing):
            begin = f"{said.table} "
            return whole if any(each.startswith(begin) for each in held) else None
        return next((each for each in lines if each in held), None)

    def told_by(self, message: Message) -> tuple[str, ...]:
        """Return the lines that a message is about that cannot be read: as far as it tells."""
        try:
            if message.value is None:
                return ()
            said, _ = parsed(message.value)
            routed = self._reading.routed and re.fullmatch(
                self._reading.routed, message.origin.topic
            )
            if routed:
                aggregate = routed.group(1) if routed.re.groups else message.origin.topic
                return (f"{aggregate}/{_key(message)}",)
            return _told_by(said, message, self._reading)
        except (ValueError, KeyError, TypeError, AttributeError):
            return ()  # it is no message of Debezium, and no mapping makes it one


def _told_by(said: Any, message: Message, reading: Reading) -> tuple[str, ...]:
    source = said["source"]
    if "table" not in source or said["op"] == "m":
        return ()
    schema, name = source.get("schema"), source["table"]
    table = f"{schema}.{name}" if schema else str(name)
    after = said.get("after")
    if table == reading.outbox and isinstance(after, Mapping):
        return (f"{after['aggregatetype']}/{after['aggregateid']}",)
    key: Any = None
    with suppress(ValueError, ArithmeticError, TypeError):
        key = _key(message)  # one that cannot be read may be that of any line
    return (_by_key(table, key) if isinstance(key, dict) else _all_of(table),)


def _key(message: Message) -> Any:
    """The key of a message, with the values that its schema says, as of one that can be read."""
    key, decoders = parsed(message.key or b"null")
    if isinstance(key, dict):
        return {name: decoders[name](v) if name in decoders else v for name, v in key.items()}
    return key


def _by_key(table: str, key: Columns) -> str:
    text = orjson.dumps(dict(key), default=str, option=orjson.OPT_SORT_KEYS).decode()
    return f"{table} {text}"


def _all_of(table: str) -> str:
    """All lines of a table, as one."""
    return f"{table} *"
