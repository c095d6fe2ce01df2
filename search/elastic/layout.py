"""The fields of an Elasticsearch index, and the JSON source that a document becomes for it.

A document keeps the structure that the view gives it, so that other tools can read the index too.
How a field is indexed follows from the view's declaration of its path:

- a text is stemmed English, for ranking; its sub-field ``exact`` has its unstemmed words with
  positions, for phrases and prefixes; ``keyword`` its whole value, if it is a filter as well;
- a filter alone is a keyword;
- the date is a date; every other field is stored and not indexed.

The object ``stet`` has what Stet adds to the document's fields:

- ``stet.digest``: the SHA-256 of the document's JSON;
- ``stet.date``: microseconds since 1970, because Elasticsearch's dates have milliseconds;
- ``stet.year``: the year of that date, a filter;
- ``stet.tie``: a number hashed from the id, which orders documents of the same score.

The analysis is the embedded engine's: words are letters and digits, in lower case, without
accents; stems are Snowball's for English ("Porter 2"), without the stop words of
``search.english``. The stems of words that Elasticsearch's older Snowball stems differently are
listed one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import category

import pyarrow as pa

from search.english import STEMMED_DIFFERENTLY, STOP_WORDS
from search.lines import document_sql, scalar
from search.mapping import YEAR, IndexMapping

VERSION = 1
"""Raise with every change of the fields or of the analysis."""
BESIDE = "stet"
"""The name of the object that Stet adds to a document's fields."""
KEPT = {"type": "object", "enabled": False}
"""The mapping of a field that is stored and not indexed, whatever its values."""
NUMBER = {"type": "long"}
MIDDLE = 2**63


def definition(mapping: IndexMapping, schema: pa.Schema) -> dict[str, Any]:
    """The settings and mappings to create an index with, for documents of this schema.

    The index has no replica and does not refresh: both are switched on when it becomes live.

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
        # Dates are searched by `stet.date`: one that Elasticsearch cannot read rejects no document.
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
    """The field with the stems of a text."""
    return path


def exact(path: str) -> str:
    """The field with the unstemmed words of a text."""
    return f"{path}.exact"


def keyword(mapping: IndexMapping, name: str) -> str:
    """The field with the whole values of a filter; ``id`` always is one."""
    if name == YEAR and YEAR not in mapping.filters:
        return f"{BESIDE}.{YEAR}"
    path = mapping.filters.get(name, name)
    texts = (path for paths in mapping.text.values() for path in paths)
    return f"{path}.keyword" if path in texts else path


def query(mapping: IndexMapping, schema: pa.Schema) -> str:
    """The SQL that makes of each of ``documents`` its ``id``, ``sequence`` and ``source``.

    The source is the document's JSON with the object ``stet`` put before its first field.
    """
    beside = {
        "digest": "'\"' || sha256(json) || '\"'",
        "tie": f"(md5_number_lower(id)::HUGEINT - {MIDDLE})::VARCHAR",
        **_dates(mapping, schema),
    }
    # `concat` ignores a null, and with it the comma before it.
    fields = ", ".join(f"',\"{name}\":' || {value}" for name, value in beside.items())
    source = f"'{{\"{BESIDE}\":{{', substr(concat({fields}), 2), '}},', substr(json, 2)"
    documents = f"SELECT *, {document_sql(schema)} AS json FROM documents"
    return f"SELECT id, sequence, concat({source}) AS source FROM ({documents})"


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
    # Phrases are searched in the exact words: stems need no positions.
    return {"type": "text", "analyzer": "stems", "index_options": "freqs", "fields": fields}


def _properties(
    fields: Iterable[pa.Field], declared: Mapping[str, dict[str, Any]], above: str = ""
) -> dict[str, Any]:
    """Each field's mapping by its name; an object has properties if a field in it is indexed."""
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

    stem_rules = [f"{word} => {' '.join(index.stems(word))}" for word in STEMMED_DIFFERENTLY]
    plain = ["lowercase", "asciifolding"]
    return {
        # A pattern would be shorter, and costs a tenth of the time of indexing.
        "tokenizer": {"words": {"type": "char_group", "tokenize_on_chars": _between_words()}},
        "filter": {
            "saying_nothing": {"type": "stop", "stopwords": sorted(STOP_WORDS)},
            "told_apart": {"type": "stemmer_override", "rules": stem_rules},
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
    """The characters that separate words: Elasticsearch's classes, and others in none of them.

    The others are no-break spaces, soft hyphens and accents; an accent is a character of its own
    only where a text is not in its composed form.
    """
    unclassed = {"Cc", "Cf", "Zl", "Zp", "Zs"}
    accents = range(0x300, 0x370)
    others = [chr(n) for n in range(0x10000) if n in accents or category(chr(n)) in unclassed]
    return ["whitespace", "punctuation", "symbol", *others]
