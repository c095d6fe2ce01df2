"""Compare ways of asking Elasticsearch, and both engines, on judged queries; print tables.

    make bench-ranking                                       # the bundled sample, both judged sets
    .venv/bin/python -m benchmarks.ranking --events articles.jsonl --queries q.tsv --qrels qrels.txt

Any word may match. Each construction gets the same fields, the title twice. ``words alone`` is a
Stet that takes each word of a query once and weighs all alike: no operators, no other forms, no
neighbours. The last two lines are what Stet's engines do. Figures do not depend on the machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archive import Archive
from newsroom import DOMAIN
from search import EmbeddedEngine, Engine, answers, evaluation, weights
from search.analysis import only_stop_words, words
from search.clauses import Group, Parsed, Word
from search.connection import configured_connection
from search.elastic import layout
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.elastic.query import TITLE_WEIGHT
from search.mapping import IndexMapping

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "newsroom" / "sample"
STET = Path(sys.executable).parent / "stet"
MAPPING = IndexMapping.of(DOMAIN.views["articles"])
PATHS = [path for paths in MAPPING.text.values() for path in paths]
FIELDS = [f"{path}^{TITLE_WEIGHT}" if path == MAPPING.title else path for path in PATHS]
Ask = Callable[[str], Mapping[str, Any]]


def _multi_match(kind: str, **given: Any) -> Ask:
    return lambda text: {"multi_match": {"query": text, "fields": FIELDS, "type": kind, **given}}


CONSTRUCTIONS: dict[str, Ask] = {
    "`best_fields`": _multi_match("best_fields"),
    "`best_fields`, `tie_breaker` 0.3": _multi_match("best_fields", tie_breaker=0.3),
    "`most_fields`": _multi_match("most_fields"),
    "`cross_fields`": _multi_match("cross_fields"),
    "`combined_fields`": lambda text: {"combined_fields": {"query": text, "fields": FIELDS}},
}


def asked(cluster: Cluster, index: str, ask: Ask, queries: evaluation.Queries) -> evaluation.Run:
    """What a construction finds, by query, best first."""
    found = {}
    order = [{"_score": "desc"}, {f"{layout.BESIDE}.tie": "asc"}]
    for key, text in queries.items():
        body = {"query": ask(text), "size": evaluation.DEPTH, "_source": False, "sort": order}
        hits = cluster.ask("POST", f"/{index}/_search", body)["hits"]["hits"]
        found[key] = list(evaluation.falling((hit["_id"], hit["_score"]) for hit in hits))
    return found


@contextmanager
def words_alone() -> Iterator[None]:
    """Both engines search by the words of a text alone, each once and of one weight."""

    def parse(text: str, *_: Any) -> Parsed:
        said = dict.fromkeys(words(text))
        significant = [word for word in said if not only_stop_words(word)]
        return Parsed(tuple(Group((Word(word),)) for word in significant or said))

    with patch.object(answers, "parse", parse), patch.object(weights, "GENERAL", 1.0):
        yield


def main() -> None:
    """Build both engines from the events, ask everything, print Markdown."""
    said = _arguments()
    named = configured_connection(said.search, prefix=f"bench-{uuid.uuid4().hex[:8]}")
    if named is None:
        raise SystemExit("name an Elasticsearch: --search URL")
    cluster = Cluster(named)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        subprocess.run(
            [STET, "--home", home, "import", *said.events], check=True, stdout=sys.stderr
        )
        engines: dict[str, Engine] = {
            "embedded": EmbeddedEngine(home, DOMAIN.views),
            "Elasticsearch": ElasticsearchEngine(home, named, DOMAIN.views),
        }
        try:
            for engine in engines.values():
                Archive(home, DOMAIN, engine=engine).rebuild(["articles"])
            for texts, judgements in zip(said.queries, said.qrels, strict=True):
                queries = evaluation.read_queries(texts)
                runs = runs_of(cluster, f"{named.prefix}-articles", engines, queries)
                judged = evaluation.read_judgements(judgements)
                print(f"{texts.name}, {len(queries)} queries\n")
                _print({name: evaluation.measure(run, judged) for name, run in runs.items()})
        finally:
            for index in cluster.ask("GET", f"/{named.prefix}-*", missing={}):
                cluster.ask("DELETE", f"/{index}", missing=None)


def runs_of(
    cluster: Cluster, index: str, engines: Mapping[str, Engine], queries: evaluation.Queries
) -> dict[str, evaluation.Run]:
    """What each construction finds, and both engines by words alone and as they are."""
    runs = {name: asked(cluster, index, ask, queries) for name, ask in CONSTRUCTIONS.items()}
    with words_alone():
        for name, engine in engines.items():
            runs[f"words alone, {name}"] = evaluation.run_queries(engine, "articles", queries)
    for name, engine in engines.items():
        runs[f"Stet, {name}"] = evaluation.run_queries(engine, "articles", queries)
    return runs


def _print(measured: Mapping[str, evaluation.Measured]) -> None:
    names = list(next(iter(measured.values())).measures)
    print(f"| query | {' | '.join(names)} | finds nothing |\n|---|{'---|' * (len(names) + 1)}")
    for construction, found in measured.items():
        values = [f"{found.measures[name]:.3f}" for name in names]
        print(f"| {construction} | {' | '.join(values)} | {len(found.empty)} |")
    print()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--search", default="http://127.0.0.1:9200", help="a running cluster")
    parser.add_argument("--events", nargs="+", type=Path, default=sorted(SAMPLE.glob("*.jsonl")))
    sets = ("", "-pasted")
    for name, ending in (("queries", "tsv"), ("qrels", "txt")):
        files = [SAMPLE / f"{name}{judged}.{ending}" for judged in sets]
        parser.add_argument(f"--{name}", nargs="+", type=Path, default=files)
    return parser.parse_args()


if __name__ == "__main__":
    main()
