"""The fields of an Elasticsearch index, and the JSON source that a document becomes there.

A document is kept as the view has it, each field in its own place, so that other tools read the
index too. How a field is indexed follows from what the view declares of its path:

- a text is stemmed English, for ranking; its sub-field ``exact`` has its words as they stand, with
  positions, for phrases and prefixes; ``keyword`` its whole value, if it is a filter as well;
- a filter alone is a keyword;
- the date is a date; everything else is kept, and not indexed.

What no field of the document says lies beside them in ``stet``:

- ``stet.digest``: the SHA-256 of the document's JSON, by which index and view are compared;
- ``stet.date``: microseconds since 1970, which Elasticsearch's own dates are too coarse for;
- ``stet.year``: the year of that date, a filter;
- ``stet.tie``: a number made from the id, which orders documents that score the same.

The analysis is the embedded engine's: words are letters and digits, in lower case, without
accents; stems are Snowball's for English ("Porter 2"), without the stop words of
``search.english``; where Elasticsearch's Snowball is too old, it is told what the embedded
engine's stems are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import category

import pyarrow as pa

from search.english import STOP_WORDS, TOLD_APART
from search.lines import document_sql, scalar
from search.mapping import YEAR, IndexMapping

VERSION = 1
"""Raise with every change of the fields or of the analysis."""
BESIDE = "stet"
"""The object beside the document's own fields."""
KEPT = {"type": "object", "enabled": False}
"""A field that is not indexed, whatever it holds."""
NUMBER = {"type": "long"}
MIDDLE = 2**63


def definition(mapping: IndexMapping, schema: pa.Schema) -> dict[str, Any]:
    """The settings and mappings of an index for documents of this schema, as its creation wants.

    Nothing is refreshed and there is no replica: that is for whoever loads it to switch on.

    >>> articles = IndexMapping("headline", {"headline": ["headline"]}, {"id": "id"}, None, bulk=())
    >>> schema = pa.schema([("id", pa.string()), ("headline", pa.string())])
    >>> definition(articles, schema)["mappings"]["properties"]["id"]
    {'type': 'keyword'}
    """
    if BESIDE in schema.names:
        raise ValueError(f"a view cannot have a field named {BESIDE!r}")
    texts = {path for paths in mapping.text.values() for path in paths}
    declared = {path: _text(mapping, path) for path in texts}
    for path in {"id", *mapping.filters.values()} - texts:
        declared[path] = {"type": "keyword"}
    if mapping.date and mapping.date not in declared:
        # Found and sorted by `stet.date`: what is no date in Elasticsearch's eyes stays a document.
        declared[mapping.date] = {"type": "date", "ignore_malformed": True}
    return {
        "settings": {
            "index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"},
            "analysis": _analysis(),
        },
        "mappings": {
            "dynamic": "strict",
            "properties": {**_properties(schema, declared), BESIDE: _beside(mapping)},
        },
    }


def stems(path: str) -> str:
    """The index's field with the stems of a text."""
    return path


def exact(path: str) -> str:
    """The index's field with the words of a text as they stand."""
    return f"{path}.exact"


def keyword(mapping: IndexMapping, name: str) -> str:
    """The index's field with the whole values of a filter; ``id`` always is one."""
    if name == YEAR and YEAR not in mapping.filters:
        return f"{BESIDE}.{YEAR}"
    path = mapping.filters.get(name, name)
    texts = (path for paths in mapping.text.values() for path in paths)
    return f"{path}.keyword" if path in texts else path


def query(mapping: IndexMapping, schema: pa.Schema) -> str:
    """The query over ``documents`` of this schema: each one's ``id``, ``sequence`` and ``source``.

    The source is the JSON whose digest it carries, with ``stet`` put before its first field.
    """
    beside = {
        "digest": "'\"' || sha256(json) || '\"'",
        "tie": f"(md5_number_lower(id)::HUGEINT - {MIDDLE})::VARCHAR",
        **_dates(mapping, schema),
    }
    # A null has no place in `concat`: then the comma is not there either.
    said = ", ".join(f"',\"{name}\":' || {value}" for name, value in beside.items())
    source = f"'{{\"{BESIDE}\":{{', substr(concat({said}), 2), '}},', substr(json, 2)"
    written = f"SELECT *, {document_sql(schema)} AS json FROM documents"
    return f"SELECT id, sequence, concat({source}) AS source FROM ({written})"


def _dates(mapping: IndexMapping, schema: pa.Schema) -> dict[str, str]:
    if mapping.date is None:
        return {}
    value, kind = scalar(schema, mapping.date)
    moment = value if pa.types.is_timestamp(kind) else f"{value}::TIMESTAMP"
    instant = f"epoch_us({moment})"
    dates = {"date": f"{instant}::VARCHAR"}
    if YEAR not in mapping.filters:
        dates[YEAR] = f"strftime(make_timestamp({instant}), '\"%Y\"')"
    return dates


def _beside(mapping: IndexMapping) -> dict[str, Any]:
    fields: dict[str, Any] = {"digest": {"type": "keyword", "index": False}, "tie": NUMBER}
    if mapping.date:
        fields["date"] = NUMBER
        if YEAR not in mapping.filters:
            fields[YEAR] = {"type": "keyword"}
    return {"properties": fields}


def _text(mapping: IndexMapping, path: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"exact": {"type": "text", "analyzer": "exact"}}
    if path == "id" or path in mapping.filters.values():
        fields["keyword"] = {"type": "keyword"}
    # Phrases are looked for in the exact words: stems need no positions.
    return {"type": "text", "analyzer": "stems", "index_options": "freqs", "fields": fields}


def _properties(
    fields: Iterable[pa.Field], declared: Mapping[str, dict[str, Any]], above: str = ""
) -> dict[str, Any]:
    """Each field's mapping by its name; objects are mapped as far as something in them is."""
    properties = {}
    for field in fields:
        path = f"{above}{field.name}"
        kind = field.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        inside = any(name.startswith(f"{path}.") for name in declared)
        if pa.types.is_struct(kind) and inside:
            properties[field.name] = {"properties": _properties(kind, declared, f"{path}.")}
        else:
            properties[field.name] = declared.get(path, KEPT)
    return properties


def _analysis() -> dict[str, Any]:
    from search.embedded import index

    told_apart = [f"{word} => {' '.join(index.stems(word))}" for word in TOLD_APART]
    plain = ["lowercase", "asciifolding"]
    return {
        # A pattern would say it shorter, and costs a tenth of all that indexing takes.
        "tokenizer": {"words": {"type": "char_group", "tokenize_on_chars": _between_words()}},
        "filter": {
            "saying_nothing": {"type": "stop", "stopwords": sorted(STOP_WORDS)},
            "told_apart": {"type": "stemmer_override", "rules": told_apart},
            "english_stems": {"type": "stemmer", "language": "porter2"},
        },
        "analyzer": {
            "exact": {"type": "custom", "tokenizer": "words", "filter": plain},
            "stems": {
                "type": "custom",
                "tokenizer": "words",
                "filter": [*plain, "saying_nothing", "told_apart", "english_stems"],
            },
        },
    }


def _between_words() -> list[str]:
    """What no word has: the classes, and what is in none: no-break spaces, soft hyphens, accents.

    An accent is a character only where a text is not in its composed form.
    """
    unclassed = {"Cc", "Cf", "Zl", "Zp", "Zs"}
    accents = range(0x300, 0x370)
    found = [chr(n) for n in range(0x10000) if n in accents or category(chr(n)) in unclassed]
    return ["whitespace", "punctuation", "symbol", *found]
