"""The embedded index's fields, and the JSON line that a document becomes there.

- ``id``: the document's id, whole; ``document``: all of it, stored;
- ``all``: every text, the title twice, stemmed: what ranking rests on;
- ``text_<name>``: one text, stemmed: what ranking adds a little of;
- ``exact_<name>``: one text, unstemmed and with positions: phrases and prefixes;
- ``filter_<name>``: exact values, for filters and facets;
- ``date``: microseconds since 1970; ``newest`` and ``oldest``: the date and then the id as one
  sortable text, so that documents of one instant have an order, and those without a date are last;
- ``tie``: a number made from the id, which orders documents that score the same.
"""

from __future__ import annotations

import pyarrow as pa

from search.lines import document_sql, items, quoted, scalar
from search.mapping import YEAR, IndexMapping

VERSION = 1
"""Raise with every change of the fields or of the analysis."""
MIDDLE = 2**62
"""Added to microseconds so that none is negative, and text sorts as numbers do."""


def query(mapping: IndexMapping, schema: pa.Schema) -> str:
    """The query over ``documents`` of this schema: each one's id, and the line for the index.

    Each text is written as JSON once, and then used wherever it goes.
    """
    places = {name: f"text {place}" for place, name in enumerate(mapping.text)}
    texts = [f"{_texts(mapping, schema, name)} AS {quoted(at)}" for name, at in places.items()]
    texts.append(f"{items(schema, mapping.title)} AS title_text")
    written = {name: quoted(at) for name, at in places.items()}
    pairs = {
        "id": "to_json(id)::VARCHAR",
        "all": _list("title_text", *written.values()),
        **{f"text_{name}": _list(written[name]) for name in mapping.scored},
        **{f"exact_{name}": _list(text) for name, text in written.items()},
        **{
            mapping.keyword(name): _list(items(schema, path, distinct=True))
            for name, path in mapping.filters.items()
            if path != "id"
        },
        **_dates(mapping, schema),
        "tie": "md5_number_lower(id)::VARCHAR",
        "document": f"'\"' || base64(encode({document_sql(schema)})) || '\"'",
    }
    said = ", ',', ".join(f"'\"{name}\":', {value}" for name, value in pairs.items())
    line = f"concat('{{', {said}, '}}')"
    return f"SELECT id, {line} FROM (SELECT *, {', '.join(texts)} FROM documents)"


def _texts(mapping: IndexMapping, schema: pa.Schema, name: str) -> str:
    return f"nullif(concat_ws(',', {', '.join(items(schema, p) for p in mapping.text[name])}), '')"


def _list(*inside: str) -> str:
    return f"concat('[', concat_ws(',', {', '.join(inside)}), ']')"


def _dates(mapping: IndexMapping, schema: pa.Schema) -> dict[str, str]:
    if mapping.date is None:
        return {"newest": "to_json('~' || id)", "oldest": "to_json('~' || id)"}
    value, kind = scalar(schema, mapping.date)
    instant = (
        f"epoch_us({value})" if pa.types.is_timestamp(kind) else f"epoch_us({value}::TIMESTAMP)"
    )
    dates = {
        "date": _list(f"{instant}::VARCHAR"),
        "newest": _ordered(f"{MIDDLE} - {instant}"),
        "oldest": _ordered(f"{MIDDLE} + {instant}"),
    }
    if YEAR not in mapping.filters:
        year = f"strftime(make_timestamp({instant}), '\"%Y\"')"
        dates[f"filter_{YEAR}"] = _list(year)
    return dates


def _ordered(number: str) -> str:
    return f"to_json(coalesce(printf('%020d', {number}), '~') || {quoted('id')})::VARCHAR"
