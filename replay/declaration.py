"""Whether the documents of a view have what its declaration names, with types that can be shown.

A mistake raises ``BrokenView``, which names the view and the parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.types as kinds

from replay.errors import BrokenView
from replay.view_errors import DOCUMENTS

if TYPE_CHECKING:
    from replay.tally import Tally
    from replay.view import View

SEQUENCE = "sequence"
TYPES = "string, int8 to int64, float32, float64, bool, date, timestamp, arrays and structs of them"
RESERVED = "stet"
"""The field that Elasticsearch keeps beside a document's own."""


def check_documents(view: View, schema: pa.Schema) -> None:
    """Check that documents of this schema can be shown, and have what the view declares."""
    for field in schema:
        if (column := _not_shown(field)) is not None:
            path, kind = column
            raise BrokenView(
                view.name, DOCUMENTS, f"{path} is {kind}, which cannot be shown; cast it to {TYPES}"
            )
    if RESERVED in schema.names:
        raise BrokenView(view.name, DOCUMENTS, f"a field cannot be called {RESERVED!r}")
    if not kinds.is_integer(schema.field(SEQUENCE).type):
        kind = schema.field(SEQUENCE).type
        raise BrokenView(
            view.name, DOCUMENTS, f"{SEQUENCE} is {kind}; it must be the sequence of an event"
        )
    for part, path in _declared(view):
        kind = _require(view, part, path, schema)
        if part == "date" and not _is_instant(kind):
            raise BrokenView(
                view.name, part, f"{path} is {_named(kind)}; it must be one date or timestamp"
            )
        if part == "embargoed" and not _is_instant(_inside(kind)):
            raise BrokenView(
                view.name, part, f"{path} is {_named(kind)}; it must be a date or a timestamp"
            )
    if view.tally is not None:
        _check_tally(view, view.tally, schema)


def _check_tally(view: View, tally: Tally, schema: pa.Schema) -> None:
    """Check that what is counted is whole numbers, and that what is listed is lists."""
    part = "tally"
    for path in tally.paths():
        kind = _require(view, part, path, schema)
        listed = path.partition(".")[0]
        counts = path == tally.count or (listed in tally.counts and path == f"{listed}.count")
        if counts and not kinds.is_integer(_inside(kind)):
            raise BrokenView(
                view.name, part, f"{path} is {_named(kind)}; it must be a whole number"
            )
    for name in tally.lists:
        if _inside(schema.field(name).type) == schema.field(name).type:
            raise BrokenView(view.name, part, f"{name} is no list; name one of what counts")


def _declared(view: View) -> Iterator[tuple[str, str]]:
    """The paths that a view declares, each with the parameter that it is declared by."""
    yield "title", view.title
    for name, paths in view.text.items():
        yield from ((f"text[{name!r}]", path) for path in paths)
    yield from ((f"filters[{name!r}]", path) for name, path in view.filters.items())
    if view.date is not None:
        yield "date", view.date
    yield from (("embargoed", path) for path in view.embargoed)


def _is_instant(kind: pa.DataType) -> bool:
    return bool(kinds.is_date(kind) or kinds.is_timestamp(kind))


def _require(view: View, part: str, path: str, schema: pa.Schema) -> pa.DataType:
    """The type at a path into documents, which must be there and hold single values."""
    fields, at = {field.name: field.type for field in schema}, ""
    kind: pa.DataType = pa.null()
    for name in path.split("."):
        where = f"{at} has no field {name!r}" if at else f"there is no field {name!r}"
        if name not in fields:
            there = f"; there is {', '.join(fields)}" if fields else f": it is {_named(kind)}"
            raise BrokenView(view.name, part, where + there)
        kind, at = fields[name], f"{at}.{name}" if at else name
        inner = _inside(kind) if part != "date" else kind
        fields = {field.name: field.type for field in inner} if kinds.is_struct(inner) else {}
    if fields:
        some = ", ".join(f"{path}.{name}" for name in fields)
        raise BrokenView(view.name, part, f"{path} is a struct; name one of its fields: {some}")
    return kind


def _inside(kind: pa.DataType) -> pa.DataType:
    """The type of the items of a list, however deep; of anything else its type."""
    while kinds.is_list(kind) or kinds.is_large_list(kind):
        kind = kind.value_type
    return kind


def _not_shown(field: pa.Field) -> tuple[str, str] | None:
    """The path and type of the first value in a field that no document can show."""
    kind = _inside(field.type)
    if kinds.is_struct(kind):
        for inner in kind:
            if (found := _not_shown(inner)) is not None:
                return f"{field.name}.{found[0]}", found[1]
        return None
    return None if _is_shown(kind) else (field.name, _named(kind))


def _is_shown(kind: pa.DataType) -> bool:
    if kinds.is_timestamp(kind):
        return str(kind.unit) != "ns"
    of = (
        kinds.is_string,
        kinds.is_large_string,
        kinds.is_integer,
        kinds.is_floating,
        kinds.is_boolean,
        kinds.is_date,
    )
    return any(is_of(kind) for is_of in of)


NAMES: Mapping[str, str] = {
    "month_day_nano_interval": "an interval",
    "fixed_size_binary[12]": "an interval",  # as Parquet has it
    "extension<arrow.uuid>": "a UUID",
    "extension<arrow.json>": "JSON",
    "timestamp[ns]": "a timestamp of nanoseconds",
}


def _named(kind: pa.DataType) -> str:
    """A type in words, where Arrow's name for it is none that a view's author wrote.

    >>> _named(pa.decimal128(10, 2)), _named(pa.list_(pa.string()))
    ('decimal128(10, 2)', 'an array of string')
    """
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return f"an array of {_named(kind.value_type)}"
    if kinds.is_struct(kind):
        return "a struct"
    return NAMES.get(str(kind), str(kind))
