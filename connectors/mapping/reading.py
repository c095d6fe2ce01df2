"""Read a mapping from YAML, and check it against a domain's categories."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.debezium.envelope import Reading
from connectors.kafka.connection import KafkaError, check_given
from connectors.mapping.declared import Csv, Limits, Mapping, Outbox, Table
from connectors.mapping.places import Mistakes, Section, Value, open_yaml
from connectors.mapping.reading_tables import TableReader, of_schema
from connectors.mapping.reading_values import checked_regex
from connectors.mapping.templates import Template
from event_log import Registry

if TYPE_CHECKING:
    from replay import Domain

TOP = ("source", "topics", "transactions", "tables", "outbox", "poison", "limits", "csv", "kafka")
OUTBOX = ("table", "topics", "prefix", "stream", "types")
OF_OUTBOX = ("aggregatetype", "aggregateid")
POISON = ("dead_letter", "error")
LIMITS = ("transaction", "commit", "wait_ms")
CSV = ("delimiter", "encoding", "null")


def read_mapping(path: str, domain: Domain) -> Mapping:
    """Read a mapping; raises ``InvalidMapping`` with all its mistakes, ``UnreadableFile``.

    Functions that it names are imported; the working folder is where they may be.
    """
    mistakes = Mistakes(path)
    top = open_yaml(path, TOP, mistakes)
    registry = Registry(domain.categories)
    source = top.read("source", Value.text, None) or Path(path).stem
    topics = tuple(top.read("topics", Value.texts, [source]))
    tables = _tables(top, domain, registry)
    outbox, reading = _outbox(top, registry, tables)
    if not tables and outbox is None and not mistakes.all:
        top.value.wrong("says of no table and of no outbox; write tables:")
    mapping = Mapping(
        path,
        source,
        registry,
        tables,
        topics,
        _transactions(top, topics),
        outbox,
        top.read("poison", lambda value: value.choice(POISON, POISON[0]), POISON[0]),
        _limits(top),
        _csv(top),
        _kafka(top),
        reading,
    )
    mistakes.check()
    return mapping


def _tables(top: Section, domain: Domain, registry: Registry) -> MappingOf[str, Table]:
    reader, section = TableReader(domain, registry), top.get("tables")
    if section is None:
        return {}
    lines: dict[str, int] = {}
    for name, value in section.section():
        whole, key = of_schema(name), section.section().key(name)
        if whole in lines:
            key.wrong(f"is {whole}, as the table on line {lines[whole]} is")
            continue
        lines[whole] = key.line
        reader.add(whole, value)
    return reader.tables()


def _transactions(top: Section, topics: tuple[str, ...]) -> bool:
    together = len(topics) == 1
    asked: bool = top.read("transactions", lambda value: value.flag(together), together)
    if asked and not together:
        top.key("transactions").wrong(
            "a transaction is known to be whole only where all tables and its boundaries are in one"
            " topic; name that one in topics, or leave this out"
        )
    return asked


def _limits(top: Section) -> Limits:
    section = top.read("limits", lambda value: value.section(LIMITS), None)
    if section is None:
        return Limits()
    given = {name: section.read(name, _count(name), None) for name in LIMITS}
    return Limits(**{name: number for name, number in given.items() if number is not None})


def _count(name: str) -> Callable[[Value], int]:
    return lambda value: value.count(getattr(Limits(), name), 0 if name == "wait_ms" else 1)


def _csv(top: Section) -> Csv:
    section = top.read("csv", lambda value: value.section(CSV), None)
    if section is None:
        return Csv()
    delimiter = section.read("delimiter", _delimiter, ",")
    encoding = section.read("encoding", _encoding, "utf-8")
    null = section.read("null", Value.text, "")
    return Csv(delimiter, encoding, null)


def _kafka(top: Section) -> dict[str, Any]:
    """The settings of Kafka's client; a secret among them is a mistake."""
    section = top.read("kafka", Value.section, None)
    if section is None:
        return {}
    for name, _ in section:
        try:
            check_given({name: None})
        except KafkaError as error:
            section.key(name).wrong(str(error).removeprefix(f"kafka: {name} "))
    return {name: value.plain() for name, value in section}


def _delimiter(value: Value) -> str:
    text = value.text("one character") or ","
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        value.wrong(f"{text!r} is not one character that can stand between columns; for a tab: tab")
        return ","
    return text


def _encoding(value: Value) -> str:
    text = value.text("an encoding") or "utf-8"
    try:
        "".encode(text)
    except LookupError:
        value.wrong(f"{text!r} is no encoding that Python has; say utf-8, latin-1 or cp1252")
        return "utf-8"
    return text


def _outbox(
    top: Section, registry: Registry, tables: MappingOf[str, Table]
) -> tuple[Outbox | None, Reading]:
    full = frozenset(name for name, table in tables.items() if table.full)
    value = top.get("outbox")
    if value is None:
        return None, Reading(full)
    section = value.section(OUTBOX)
    table = section.read("table", Value.text, None)
    topics = section.read("topics", checked_regex, None)
    prefix = section.read("prefix", Value.text, None)
    if table is None and topics is None and prefix is None:
        value.wrong("must say where its events are: table, topics or prefix")
    if table is not None and (table := of_schema(table)) in tables:
        section.key("table").wrong(f"{table} is among the tables too; it can only be one of both")
    stream = section.read("stream", _outbox_stream, Outbox.stream)
    types = section.read("types", lambda value: _outbox_types(value, registry), {})
    return Outbox(stream, types), Reading(full, table, topics, prefix)


def _outbox_stream(value: Value) -> str:
    text = value.text() or Outbox.stream
    template = Template(text, stream=True)
    if problem := template.problem():
        value.wrong(problem)
    for column in template.columns:
        if column not in OF_OUTBOX:
            value.wrong(f"{{{column}}} is not known of an event; there is {', '.join(OF_OUTBOX)}")
    return text


def _outbox_types(value: Value, registry: Registry) -> dict[str, str]:
    types = {}
    for name, told in value.section():
        types[name] = told.choice(registry.event_types, "")
    return types
