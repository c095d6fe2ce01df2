"""The fields of the embedded index, and the JSON line that a document becomes for it.

- ``id``: the document's id as one term; ``document``: its JSON, stored;
- ``all``: every text, the title twice, stemmed: most of the score;
- ``text_<name>``: one text, stemmed: a small addition to the score;
- ``exact_<name>``: one text, unstemmed and with positions, for phrases and prefixes;
- ``filter_<name>``: whole values, for filters and facets;
- ``date``: microseconds since 1970; ``newest`` and ``oldest``: the date and then the id as one
  sortable text, so that documents of one instant have an order, and those without a date are last;
- ``month_day``: the month and the day of the date;
- ``tie``: a number hashed from the id, which orders documents of the same score.
"""

from __future__ import annotations

import pyarrow as pa

from search.embedded.shown_line import MIDDLE
from search.lines import document_sql, items, normalized_sql, quoted, scalar
from search.mapping import MONTH_DAY, YEAR, IndexMapping


def query(mapping: IndexMapping, schema: pa.Schema) -> str:
    """The SQL that makes of each of ``documents`` its id and its line for the index.

    Each text becomes JSON once and is then copied into its fields.
    """
    places = {name: f"text {place}" for place, name in enumerate(mapping.text)}
    texts = [f"{_texts(mapping, schema, name)} AS {quoted(at)}" for name, at in places.items()]
    texts.append(f"{normalized_sql(items(schema, mapping.title))} AS title_text")
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
    fields = ", ',', ".join(f"'\"{name}\":', {value}" for name, value in pairs.items())
    line = f"concat('{{', {fields}, '}}')"
    return f"SELECT id, {line} FROM (SELECT *, {', '.join(texts)} FROM documents)"


def _texts(mapping: IndexMapping, schema: pa.Schema, name: str) -> str:
    paths = ", ".join(items(schema, path) for path in mapping.text[name])
    return normalized_sql(f"nullif(concat_ws(',', {paths}), '')")


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
        MONTH_DAY: _list(f"strftime(make_timestamp({instant}), '\"%m-%d\"')"),
        "newest": _ordered(f"{MIDDLE} - {instant}"),
        "oldest": _ordered(f"{MIDDLE} + {instant}"),
    }
    if YEAR not in mapping.filters:
        year = f"strftime(make_timestamp({instant}), '\"%Y\"')"
        dates[f"filter_{YEAR}"] = _list(year)
    return dates


def _ordered(number: str) -> str:
    return f"to_json(coalesce(printf('%020d', {number}), '~') || {quoted('id')})::VARCHAR"
