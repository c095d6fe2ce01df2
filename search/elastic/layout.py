"""The fields of an Elasticsearch index, and the JSON source that a document becomes for it.

A document keeps the structure that the view gives it, so that other tools can read the index too.
How a field is indexed follows from the view's declaration of its path:

- a text is stemmed English, for ranking; its sub-field ``exact`` has its unstemmed words with
  positions, for phrases and prefixes;
- a filter alone is a keyword;
- the date is a date; every other field is stored and not indexed.

The object ``stet`` has what Stet adds to the document's fields:

- ``stet.sizes``: the bytes of this object, and of the document as it was within it;
- ``stet.filter_<name>``: the whole values of a filter that is a text as well;
- ``stet.original``: the document as it was, where a text was not in normal form;
- ``stet.digest``: the SHA-256 of the document's JSON;
- ``stet.date``: microseconds since 1970, because Elasticsearch's dates have milliseconds;
- ``stet.year``: the year of that date, a filter;
- ``stet.month_day``: the month and the day of that date;
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
from search.lines import document_sql, is_unusual_sql, items, scalar
from search.mapping import MONTH_DAY, YEAR, IndexMapping

VERSION = 2
"""Raise with every change of the fields or of the analysis."""
BESIDE = "stet"
"""The name of the object that Stet adds to a document's fields."""
KEPT = {"type": "object", "enabled": False}
"""The mapping of a field that is stored and not indexed, whatever its values."""
NUMBER = {"type": "long"}
MIDDLE = 2**63
SIZES_START = '{"sizes":"'
SIZES_WIDTH = 21
"""Two numbers of ten digits and a space."""


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
    texts = _texts(mapping)
    declared = {path: _text(path) for path in texts}
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
    if (name == YEAR and YEAR not in mapping.filters) or name in _beside_filters(mapping):
        return f"{BESIDE}.{YEAR if name == YEAR else f'filter_{name}'}"
    path = mapping.filters.get(name, name)
    return f"{path}.keyword" if path in _texts(mapping) else path


def identifier(mapping: IndexMapping) -> str:
    """The field with the whole id of a document, whatever filters the view has."""
    return "id.keyword" if "id" in _texts(mapping) else "id"


def _texts(mapping: IndexMapping) -> set[str]:
    return {path for paths in mapping.text.values() for path in paths}


def _beside_filters(mapping: IndexMapping) -> dict[str, str]:
    """The filters whose values are words of a text as well, which is in normal form."""
    if mapping.layout == 1:
        return {}
    texts = _texts(mapping)
    return {name: path for name, path in mapping.filters.items() if path in texts and path != "id"}


def query(mapping: IndexMapping, schema: pa.Schema) -> str:
    """The SQL that makes of each of ``documents`` its ``id``, ``sequence`` and ``source``.

    The source is the document's JSON, its texts in normal form, with the object ``stet`` put
    before its first field. The object begins with the bytes that it has, and those of the
    document as it was, which it ends with where a text was not in normal form.
    """
    normal = _texts(mapping) - {"id"}
    beside = {
        "digest": "'\"' || sha256(json) || '\"'",
        "tie": f"(md5_number_lower(id)::HUGEINT - {MIDDLE})::VARCHAR",
        **_dates(mapping, schema),
        **{
            f"filter_{name}": f"'[' || {items(schema, path, distinct=True)} || ']'"
            for name, path in _beside_filters(mapping).items()
        },
        "original": "CASE WHEN unusual THEN json END",
    }
    # `concat` ignores a null, and with it the comma before it.
    fields = ", ".join(f"',\"{name}\":' || {value}" for name, value in beside.items())
    original = "CASE WHEN unusual THEN strlen(json) ELSE 0 END"
    size = f"strlen(fields) + {SIZES_WIDTH + len(SIZES_START) + 2}"
    sizes = f"printf('%010d %010d', {size}, {original})"
    source = (
        f"concat('{{\"{BESIDE}\":{SIZES_START}', {sizes}, '\"', fields, '}},', substr(searched, 2))"
    )
    documents = f"SELECT *, {document_sql(schema)} AS json FROM documents"
    seen = f"SELECT *, {is_unusual_sql('json')} AS unusual FROM ({documents})"
    searched = f"CASE WHEN unusual THEN {document_sql(schema, normal)} ELSE json END AS searched"
    both = f"SELECT *, {searched}, concat({fields}) AS fields FROM ({seen})"
    return f"SELECT id, sequence, {source} AS source FROM ({both})"


def document_of(source: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a parsed source, as it was.

    >>> document_of({"stet": {"tie": 1}, "id": "article/1"})
    {'id': 'article/1'}
    """
    beside = source.get(BESIDE, {})
    if "original" in beside:
        return dict(beside["original"])
    return {name: value for name, value in source.items() if name != BESIDE}


def json_of(source: bytes) -> bytes:
    """The JSON of a source's document, as it was, byte for byte."""
    start = b'{"' + BESIDE.encode() + b'":' + SIZES_START.encode()
    if not source.startswith(start):
        return source
    sizes = source[len(start) : len(start) + SIZES_WIDTH]
    size, original = int(sizes[:10]), int(sizes[11:])
    end = len(BESIDE) + 4 + size  # after `{"stet":` and the object
    return source[end - 1 - original : end - 1] if original else b"{" + source[end + 1 :]


def _dates(mapping: IndexMapping, schema: pa.Schema) -> dict[str, str]:
    if mapping.date is None:
        return {}
    value, kind = scalar(schema, mapping.date)
    moment = value if pa.types.is_timestamp(kind) else f"{value}::TIMESTAMP"
    instant = f"epoch_us({moment})"
    dates = {
        "date": f"{instant}::VARCHAR",
        MONTH_DAY: f"strftime(make_timestamp({instant}), '\"%m-%d\"')",
    }
    if YEAR not in mapping.filters:
        dates[YEAR] = f"strftime(make_timestamp({instant}), '\"%Y\"')"
    return dates


def _beside(mapping: IndexMapping) -> dict[str, Any]:
    kept = {"type": "keyword", "index": False, "doc_values": False}
    fields: dict[str, Any] = {"sizes": kept, "digest": {"type": "keyword", "index": False}}
    fields |= {"tie": NUMBER, "original": KEPT}
    fields |= {f"filter_{name}": {"type": "keyword"} for name in _beside_filters(mapping)}
    if mapping.date:
        fields |= {"date": NUMBER, MONTH_DAY: {"type": "keyword"}}
        if YEAR not in mapping.filters:
            fields[YEAR] = {"type": "keyword"}
    return {"properties": fields}


def _text(path: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"exact": {"type": "text", "analyzer": "exact"}}
    if path == "id":
        fields["keyword"] = {"type": "keyword"}
    return {"type": "text", "analyzer": "stems", "fields": fields}


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
    from search import analysis

    stem_rules = [f"{word} => {' '.join(analysis.stems(word))}" for word in STEMMED_DIFFERENTLY]
    plain = ["lowercase", "asciifolding", "lowercase"]
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
