"""Evaluation of ranking as in TREC: queries, relevance judgements, runs and measures.

Queries come from ``queries.tsv`` (``id<TAB>text``), judgements from ``qrels.txt`` (``query 0
document grade``). A run is the hits of each query, best first. ir_measures, which calls trec_eval,
computes the measures: nDCG@10, MAP (average precision), MRR@10 (reciprocal rank), recall@100.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from search.engine import Engine
from search.errors import InvalidFile, NotInstalled
from search.query import Query

DEPTH = 1_000
"""Hits of each query that are measured, as in TREC."""
CLOSEST = 1e-6
"""The least relative distance of two scores in a run: trec_eval reads them with seven digits."""

Queries = Mapping[str, str]
Judgements = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Sequence[tuple[str, float]]]
Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Measured:
    """The measures of a run: their means over the judged queries, and each query's own."""

    measures: dict[str, float]
    by_query: dict[str, dict[str, float]]
    unjudged: list[str]
    """Queries without judgements: they count in no mean."""
    found: int
    """The number of documents judged relevant that are in the run."""
    relevant: int
    """The number of documents judged relevant."""
    empty: list[str]
    """Queries that find nothing, judged or not."""


def read_queries(path: Path) -> dict[str, str]:
    """Read queries from a TSV file, by id; ``InvalidFile`` names the line that is none."""
    queries: dict[str, str] = {}
    for number, line in _lines(path):
        key, tab, text = line.partition("\t")
        if not tab or not key or key.split() != [key]:
            raise InvalidFile(f"{path}:{number}: not an id without spaces, a tab and a text")
        if key in queries:
            raise InvalidFile(f"{path}:{number}: query {key} is there twice")
        queries[key] = text
    if not queries:
        raise InvalidFile(f"{path}: there is no query in it")
    return queries


def read_judgements(path: Path) -> dict[str, dict[str, int]]:
    """Read judgements: by query, documents and their grades; 0 is not relevant, more is better.

    Raises ``InvalidFile`` with the line that is none.
    """
    judged: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        try:
            query, _, document, grade = line.split()
            value = int(grade)
        except ValueError:
            raise InvalidFile(
                f"{path}:{number}: not query, 0, document and a whole number, such as"
                " `1 0 article/titanic-1912 2`"
            ) from None
        if document in judged.setdefault(query, {}):
            raise InvalidFile(f"{path}:{number}: {document} is judged twice for query {query}")
        judged[query][document] = value
    return judged


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidFile(f"{path}: not UTF-8 text ({error.reason})") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def check_judged(queries: Iterable[str], judgements: Judgements) -> None:
    """Check that these queries can be measured, before hundreds of searches are made.

    Raises ``InvalidFile`` when no query is judged, ``NotInstalled`` without ir_measures.
    """
    if not any(query in judgements for query in queries):
        raise InvalidFile("no query is judged: the ids of queries and judgements do not meet")
    if find_spec("ir_measures") is None:
        raise NotInstalled(
            "measuring needs the library ir-measures; install the extra evaluate, in the clone:"
            " uv pip install '.[evaluate]'"
        )


def run_queries(
    engine: Engine,
    view: str,
    queries: Queries,
    depth: int = DEPTH,
    any_word: bool = True,
    progress: Progress = lambda _done, _query: None,
) -> Run:
    """Search each query and return the ids and scores of its hits, best first.

    Any word may match, as is usual in TREC runs. Without ``any_word`` the rule of a reader's
    search applies: up to four words must all match, if any document has them all.
    """
    run: dict[str, list[tuple[str, float]]] = {}
    for number, (key, text) in enumerate(queries.items()):
        progress(number, key)
        answer = engine.search(Query(text, view, size=depth, any_word=any_word, highlight=False))
        run[key] = list(falling((hit.id, hit.score) for hit in answer.hits))
    return run


def falling(hits: Iterable[tuple[str, float | None]]) -> Iterator[tuple[str, float]]:
    """The hits with scores that fall strictly, so that any program sorts them as the engine did.

    >>> [document for document, score in falling([("b", 2.0), ("a", 2.0)]) if score > 1]
    ['b', 'a']
    """
    last = float("inf")
    for rank, (document, score) in enumerate(hits, 1):
        current = 1 / rank if score is None else score
        last = min(current, last - max(abs(last), 1.0) * CLOSEST) if rank > 1 else current
        yield document, last


def trec_run(run: Run, tag: str) -> str:
    """A run in TREC's format: ``query Q0 document rank score tag``, one hit a line."""
    lines = []
    for query, hits in run.items():
        for rank, (document, score) in enumerate(hits, 1):
            if document.split() != [document]:
                raise InvalidFile(f"{document!r} has a space in it: no TREC run can name it")
            lines.append(f"{query} Q0 {document} {rank} {score:.9g} {tag}\n")
    return "".join(lines)


def measure(run: Run, judgements: Judgements) -> Measured:
    """Compute the measures of a run; judgements of queries that are not in it do not count.

    Raises ``InvalidFile`` and ``NotInstalled`` as ``check_judged`` does.
    """
    check_judged(run, judgements)
    import ir_measures

    judged = {query: dict(judgements[query]) for query in run if query in judgements}
    names = {
        ir_measures.nDCG @ 10: "nDCG@10",
        ir_measures.AP: "MAP",
        ir_measures.RR @ 10: "MRR@10",
        ir_measures.R @ 100: "recall@100",
    }
    scores = {query: dict(run[query]) for query in judged}
    computed: Any = ir_measures.calc(list(names), judged, scores)
    by_query = {query: dict.fromkeys(names.values(), 0.0) for query in judged}
    for metric in computed.per_query:
        by_query[metric.query_id][names[metric.measure]] = metric.value
    relevant = {
        (q, doc) for q, grades in judged.items() for doc, grade in grades.items() if grade > 0
    }
    hits = {(query, document) for query in judged for document in scores[query]}
    return Measured(
        measures={name: computed.aggregated[measure] for measure, name in names.items()},
        by_query=by_query,
        unjudged=[query for query in run if query not in judgements],
        found=len(hits & relevant),
        relevant=len(relevant),
        empty=[query for query, documents in run.items() if not documents],
    )
