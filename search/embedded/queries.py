"""The queries of one embedded index, made for tantivy from clauses, filters and dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import tantivy
from tantivy import FieldType, Occur

from search import weights
from search.analysis import pairs, pattern_of, stems, words
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
from search.forms import is_initials
from search.mapping import FIELD_WEIGHT, MONTH_DAY, IndexMapping
from search.normalizing import is_unspaced
from search.query import Limits


class Queries:
    """Makes the queries of one index."""

    def __init__(
        self, schema: tantivy.Schema, searcher: tantivy.Searcher, mapping: IndexMapping
    ) -> None:
        self._schema = schema
        self._searcher = searcher
        self._mapping = mapping

    def whole(self, parsed: Parsed, every: bool, limits: Limits, scored: bool) -> tantivy.Query:
        """The query of a parsed text: ``every`` word of it, or any of them.

        Filters and dates do not score; clauses that only score are optional.
        """
        must = [*parsed.required, *(parsed.loose if every else ())]
        parts = [(Occur.Must, self._any_of(group.clauses, scored)) for group in must]
        if parsed.loose and not every:
            parts.append((Occur.Must, self._any_of(parsed.loose_words, scored)))
        if scored:
            parts += [(Occur.Should, extra) for extra in self._extras(parsed)]
        parts += [(Occur.Must, self._unscored(limit)) for limit in self._limits(limits)]
        parts += [(Occur.MustNot, self._clause(clause)) for clause in parsed.excluded]
        hidden = [*limits.excluded.items(), *limits.hidden.items()]
        parts += [(Occur.MustNot, self._filter(*each)) for each in hidden]
        if limits.excluded_ids:
            parts.append((Occur.MustNot, self._ids(limits.excluded_ids)))
        if limits.hidden_after is not None:
            parts.append((Occur.MustNot, self._dates(limits.hidden_after + 1, None)))
        if parsed.everything:
            parts.append((Occur.Must, self._unscored(tantivy.Query.all_query())))
        elif not parsed.groups:
            return tantivy.Query.empty_query()
        return tantivy.Query.boolean_query(parts)

    def _any_of(self, clauses: Sequence[Clause], scored: bool) -> tantivy.Query:
        whole = self._mapping.whole_weight
        queries = []
        for clause in clauses:
            weight = whole * weights.of(clause) if scored else 1
            queries.append(_weighed(self._clause(clause), weight))
        return _either(queries)

    @staticmethod
    def _unscored(query: tantivy.Query) -> tantivy.Query:
        return tantivy.Query.const_score_query(query, 0.0)

    def _limits(self, limits: Limits) -> Iterator[tantivy.Query]:
        for name, values in limits.filters.items():
            yield self._filter(name, values)
        if limits.first is not None or limits.last is not None:
            yield self._dates(limits.first, limits.last)
        if limits.month_day is not None:
            yield tantivy.Query.term_query(self._schema, MONTH_DAY, limits.month_day, "basic")
        if limits.ids:
            yield self._ids(limits.ids)

    def _filter(self, name: str, values: Sequence[str]) -> tantivy.Query:
        keyword = self._mapping.keyword(name)
        return tantivy.Query.term_set_query(self._schema, keyword, list(values))

    def _ids(self, ids: Sequence[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, "id", list(ids))

    def _dates(self, first: int | None, last: int | None) -> tantivy.Query:
        return tantivy.Query.range_query(self._schema, "date", FieldType.Integer, first, last)

    def _clause(self, clause: Clause) -> tantivy.Query:
        """The documents that a clause matches."""
        match clause:
            case Word():
                return self._word(clause)
            case Filter(name, values):
                return self._unscored(self._filter(name, values))
            case Dates(first, last):
                return self._unscored(self._dates(first, last))
            case Every(clauses):
                return _every([self._clause(each) for each in clauses])
            case Either(clauses):
                return _either([self._clause(each) for each in clauses])
            case Not(inner):
                everything = self._unscored(tantivy.Query.all_query())
                return tantivy.Query.boolean_query(
                    [(Occur.Must, everything), (Occur.MustNot, self._clause(inner))]
                )
            case Phrase(text, _, apart):
                parts = words(text)
                return _either([self._phrase(n, parts, apart) for n in self._names(clause)])
            case Pattern(text):
                return self._regex(self._names(clause), pattern_of(text, ".*", "."))
            case Prefix(text):
                return self._prefix(self._names(clause), text)

    def _names(self, clause: Word | Phrase | Prefix | Pattern) -> list[str]:
        return [clause.field] if clause.field else list(self._mapping.text)

    def _prefix(self, names: Sequence[str], text: str) -> tantivy.Query:
        """The words of a prefix, of which only the last is a beginning."""
        *before, start = words(text) or [""]
        last = self._regex(names, f"{start}.*")
        return _every([*(self._anywhere(names, word) for word in before), last])

    def _word(self, word: Word) -> tantivy.Query:
        """A word, or the best of its forms."""
        forms = [_weighed(self._clause(form), weights.of_form(word, form)) for form in word.forms]
        if not (forms and is_initials(word.text)):
            forms.insert(0, self._as_said(word))
        return forms[0] if len(forms) == 1 else tantivy.Query.disjunction_max_query(forms)

    def _as_said(self, word: Word) -> tantivy.Query:
        names = self._names(word)
        exact = words(word.text)
        if any(map(is_unspaced, exact)):
            return _every([self._pair(names, word.field, part) for part in pairs(word.text)])
        if word_stems := stems(word.text):
            return _every([self._stem(word.field, stem) for stem in word_stems])
        return _every([self._anywhere(names, part) for part in exact])

    def _pair(self, names: Sequence[str], field: str | None, part: str) -> tantivy.Query:
        """Two letters of a script without spaces, side by side; or one, or a word beside them."""
        if is_unspaced(part):
            return _either([self._phrase(name, tuple(words(part))) for name in names])
        return _every(
            [self._stem(field, stem) for stem in stems(part)] or [self._anywhere(names, part)]
        )

    def _anywhere(self, names: Sequence[str], word: str) -> tantivy.Query:
        return _either([self._term(f"exact_{name}", word) for name in names])

    def _regex(self, names: Sequence[str], pattern: str) -> tantivy.Query:
        fields = [f"exact_{name}" for name in names]
        return _either([tantivy.Query.regex_query(self._schema, f, pattern) for f in fields])

    def _stem(self, name: str | None, stem: str) -> tantivy.Query:
        if name is None or name in self._mapping.scored:
            return self._term(f"text_{name}" if name else "all", stem)
        # A bulk text has no stems of its own: the words with this stem are looked up.
        begin = stem[:3] if len(stem) > 3 else stem[:1]
        known = self._searcher.terms_with_prefix(f"exact_{name}", begin)
        forms = [word for word, _ in known if stems(word) == (stem,)]
        return tantivy.Query.term_set_query(self._schema, f"exact_{name}", forms)

    def _phrase(self, name: str, parts: Sequence[str], apart: int = 0) -> tantivy.Query:
        if len(parts) < 2:
            return _every([self._term(f"exact_{name}", word) for word in parts])
        return tantivy.Query.phrase_query(self._schema, f"exact_{name}", list(parts), apart)

    def _near(self, first: str, second: str) -> tantivy.Query:
        """Two words near each other in any of their forms."""
        if self._mapping.layout == 1:  # its stems have no positions
            names = self._mapping.text
            return _either([self._phrase(n, (first, second), weights.APART) for n in names])
        both = [*stems(first), *stems(second)]
        return tantivy.Query.phrase_query(self._schema, "all", list(both), weights.APART)

    def _term(self, field: str, word: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, word, "freq")

    def _extras(self, parsed: Parsed) -> Iterator[tantivy.Query]:
        """The optional clauses that raise a score.

        They are the words in each text with its own score, words that stand near each other as in
        the query, and quotations that need not match.
        """
        for clause in parsed.loose_words:
            weight = FIELD_WEIGHT * weights.of(clause)
            for stem in stems(clause.text) if isinstance(clause, Word) else ():
                if not is_unspaced(stem):
                    for name in self._mapping.scored:
                        query = self._term(f"text_{name}", stem)
                        yield tantivy.Query.boost_query(query, weight)
        for first, second in weights.neighbours(parsed):
            near = self._near(first, second)
            yield tantivy.Query.const_score_query(near, weights.NEIGHBOURS)
        yield from (self._clause(clause) for clause in parsed.optional)


def _weighed(query: tantivy.Query, weight: float) -> tantivy.Query:
    return query if weight == 1 else tantivy.Query.boost_query(query, weight)


def _either(queries: list[tantivy.Query]) -> tantivy.Query:
    return _boolean(queries, Occur.Should)


def _every(queries: list[tantivy.Query]) -> tantivy.Query:
    return _boolean(queries, Occur.Must)


def _boolean(queries: list[tantivy.Query], occur: Occur) -> tantivy.Query:
    if not queries:
        return tantivy.Query.empty_query()
    if len(queries) == 1:
        return queries[0]
    return tantivy.Query.boolean_query([(occur, query) for query in queries])
