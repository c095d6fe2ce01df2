"""Queries on Elasticsearch: the body of a search.

Each clause matches the same documents as in the embedded engine and scores alike: BM25 over all
texts as if they were one (``combined_fields``), the title twice, and a small part of each text's
own score.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from search import weights
from search.analysis import only_stop_words, pairs, pattern_of, words
from search.clauses import (
    Clause,
    Dates,
    Either,
    Every,
    Filter,
    Not,
    Parsed,
    Pattern,
    Phrase,
    Prefix,
    Word,
)
from search.elastic.layout import BESIDE, exact, identifier, keyword, stems
from search.forms import is_initials
from search.mapping import FIELD_WEIGHT, MONTH_DAY, IndexMapping
from search.normalizing import is_unspaced, normalized
from search.query import Limits

MOST_TERMS = 65_536
"""Values that one clause can have (``index.max_terms_count``)."""
TITLE_WEIGHT = 2

Json = Mapping[str, Any]


def bool_query(
    parsed: Parsed, every: bool, limits: Limits, mapping: IndexMapping, scored: bool
) -> Json:
    """The body's ``query``. Filters and dates do not score; clauses that only score are optional.

    >>> from search.syntax import parse
    >>> articles = IndexMapping("headline", {"headline": ["headline"]}, {"id": "id"}, None, bulk=())
    >>> bool_query(parse("*"), True, Limits({"id": ["1"]}), articles, scored=False)
    {'bool': {'filter': [{'match_all': {}}, {'terms': {'id': ['1']}}]}}
    """
    if not parsed.groups and not parsed.everything:
        return {"match_none": {}}
    must = [*parsed.required, *(parsed.loose if every else ())]
    parts = {
        "must": [_any_of(group.clauses, mapping) for group in must],
        "should": list(_extras(parsed, mapping)) if scored else [],
        "filter": [*([{"match_all": {}}] if parsed.everything else []), *_limits(limits, mapping)],
        "must_not": [
            *(_clause(clause, mapping) for clause in parsed.excluded),
            *(_filter(name, values, mapping) for name, values in limits.excluded.items()),
            *([_ids(limits.excluded_ids, mapping)] if limits.excluded_ids else []),
            *_hidden(limits, mapping),
        ],
    }
    if parsed.loose and not every:
        parts["must"].append(_any_of(parsed.loose_words, mapping))
    return {"bool": {kind: queries for kind, queries in parts.items() if queries}}


def _limits(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    for name, values in limits.filters.items():
        yield _filter(name, values, mapping)
    if limits.first is not None or limits.last is not None:
        yield _dates(limits.first, limits.last)
    if limits.month_day is not None:
        yield {"term": {f"{BESIDE}.{MONTH_DAY}": limits.month_day}}
    if limits.ids:
        yield _ids(limits.ids, mapping)


def _filter(name: str, values: Sequence[str], mapping: IndexMapping) -> Json:
    return {"terms": {keyword(mapping, name): list(values)}}


def _ids(ids: Sequence[str], mapping: IndexMapping) -> Json:
    return {"terms": {identifier(mapping): list(ids)}}


def _dates(first: int | None, last: int | None) -> Json:
    bounds = {"gte": first, "lte": last}
    given = {end: instant for end, instant in bounds.items() if instant is not None}
    return {"range": {f"{BESIDE}.date": given}}


def _hidden(limits: Limits, mapping: IndexMapping) -> Iterator[Json]:
    """The documents that are no hits, whatever the query says."""
    if limits.hidden_after is not None:
        yield {"range": {f"{BESIDE}.date": {"gt": limits.hidden_after}}}
    for name, values in limits.hidden.items():
        for begin in range(0, len(values), MOST_TERMS):
            yield {"terms": {keyword(mapping, name): list(values[begin : begin + MOST_TERMS])}}


def _any_of(clauses: Sequence[Clause], mapping: IndexMapping) -> Json:
    queries = [_weighed(_clause(clause, mapping), weights.of(clause)) for clause in clauses]
    return {"bool": {"must": [_either(queries)], "boost": mapping.whole_weight}}


def _extras(parsed: Parsed, mapping: IndexMapping) -> Iterator[Json]:
    """The optional clauses that raise a score.

    They are the words in each text with its own score, words that stand near each other as in the
    query, and quotations that need not match.
    """
    texts: dict[float, list[str]] = {}
    for clause in parsed.loose_words:
        if isinstance(clause, Word) and not any(map(is_unspaced, words(clause.text))):
            texts.setdefault(weights.of(clause), []).append(normalized(clause.text))
    for weight, said in texts.items():
        for path in paths_of_texts(mapping, mapping.scored):
            match = {"query": " ".join(said), "boost": FIELD_WEIGHT * weight}
            yield {"match": {stems(path): match}}
    for first, second in weights.neighbours(parsed):
        near = _near(first, second, mapping)
        yield {"constant_score": {"filter": near, "boost": weights.NEIGHBOURS}}
    yield from (_clause(clause, mapping) for clause in parsed.optional)


def _near(first: str, second: str, mapping: IndexMapping) -> Json:
    """Two words near each other in any of their forms."""
    paths = paths_of_texts(mapping, mapping.text)
    phrase = {"query": f"{first} {second}", "slop": weights.APART}
    # The stems of an index of the first layout have no positions.
    name = exact if mapping.layout == 1 else stems
    return _either([{"match_phrase": {name(path): phrase}} for path in paths])


def _clause(clause: Clause, mapping: IndexMapping) -> Json:
    """The documents that a clause matches."""
    match clause:
        case Word():
            return _word(clause, mapping)
        case Filter(name, values):
            return {"bool": {"filter": [_filter(name, values, mapping)]}}
        case Dates(first, last):
            return {"bool": {"filter": [_dates(first, last)]}}
        case Every(clauses):
            return _every([_clause(each, mapping) for each in clauses])
        case Either(clauses):
            return _either([_clause(each, mapping) for each in clauses])
        case Not(inner):
            excluded = [_clause(inner, mapping)]
            return {"bool": {"must": [{"match_all": {"boost": 0}}], "must_not": excluded}}
        case Phrase(text, _, apart):
            return _as_written(_paths_of(clause, mapping), text, apart)
        case Pattern(text):
            like = {"value": pattern_of(text, "*", "?")}
            return _either([{"wildcard": {exact(p): like}} for p in _paths_of(clause, mapping)])
        case Prefix(text):
            return _prefix(_paths_of(clause, mapping), text)


def _prefix(paths: Iterable[str], text: str) -> Json:
    """The words of a prefix, of which only the last is a beginning."""
    *before, start = words(text)
    beginning = {"query": start, "operator": "and"}
    last = _either([{"match_bool_prefix": {exact(path): beginning}} for path in paths])
    return _every([*(_as_written(paths, word) for word in before), last])


def _word(word: Word, mapping: IndexMapping) -> Json:
    """A word, or the best of its forms."""
    forms = [_weighed(_clause(form, mapping), weights.of_form(word, form)) for form in word.forms]
    if not (forms and is_initials(word.text)):
        forms.insert(0, _as_said(word, mapping))
    return forms[0] if len(forms) == 1 else {"dis_max": {"queries": forms}}


def _as_said(word: Word, mapping: IndexMapping) -> Json:
    paths = _paths_of(word, mapping)
    exact_words = words(word.text)
    if any(map(is_unspaced, exact_words)):
        return _every(
            [
                _as_written(paths, part)
                if is_unspaced(part) or only_stop_words(part)
                else _stemmed(word.field, part, mapping)
                for part in pairs(word.text)
            ]
        )
    if only_stop_words(word.text):
        return _every([_as_written(paths, part) for part in exact_words])
    return _stemmed(word.field, word.text, mapping)


def _stemmed(field: str | None, text: str, mapping: IndexMapping) -> Json:
    paths = paths_of_texts(mapping, [field] if field else mapping.text)
    weighted = {mapping.title: f"^{TITLE_WEIGHT}"} if field is None else {}
    fields = [stems(path) + weighted.get(path, "") for path in paths]
    query = {"query": normalized(text), "fields": fields, "operator": "and"}
    return {"combined_fields": query}


def _paths_of(clause: Word | Phrase | Prefix | Pattern, mapping: IndexMapping) -> list[str]:
    return paths_of_texts(mapping, [clause.field] if clause.field else mapping.text)


def _as_written(paths: Iterable[str], text: str, apart: int = 0) -> Json:
    """The query for exact words, one after the other, in any of the paths."""
    phrase = {"query": normalized(text), "slop": apart} if apart else normalized(text)
    return _either([{"match_phrase": {exact(path): phrase}} for path in paths])


def paths_of_texts(mapping: IndexMapping, names: Iterable[str]) -> list[str]:
    """The paths of some of a view's texts, each once."""
    return list(dict.fromkeys(path for name in names for path in mapping.text[name]))


def _weighed(query: Json, weight: float) -> Json:
    return query if weight == 1 else {"bool": {"must": [query], "boost": weight}}


def _either(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _every(queries: list[Json]) -> Json:
    return queries[0] if len(queries) == 1 else {"bool": {"must": queries}}
