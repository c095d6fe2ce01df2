"""Compare ways of asking Elasticsearch, and both engines, on judged queries; print a table.

    make bench-ranking                                       # the bundled sample and its judgements
    .venv/bin/python -m benchmarks.ranking --events articles.jsonl --queries q.tsv --qrels qrels.txt

The queries are asked as plain words of which any may match. Each construction gets the same
fields, the title twice; the last two lines are what Stet's engines do. Figures do not depend on the
machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from archive import Archive
from newsroom import DOMAIN
from search import EmbeddedEngine, Engine, evaluation
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


def main() -> None:
    """Build both engines from the events, ask everything, print Markdown."""
    said = _arguments()
    queries = evaluation.read_queries(said.queries)
    judged = evaluation.read_judgements(said.qrels)
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
            runs = {
                name: asked(cluster, f"{named.prefix}-articles", ask, queries)
                for name, ask in CONSTRUCTIONS.items()
            }
            for name, engine in engines.items():
                runs[f"Stet, {name}"] = evaluation.run_queries(engine, "articles", queries)
        finally:
            for index in cluster.ask("GET", f"/{named.prefix}-*", missing={}):
                cluster.ask("DELETE", f"/{index}", missing=None)
    _print({name: evaluation.measure(found, judged).measures for name, found in runs.items()})


def _print(measured: Mapping[str, Mapping[str, float]]) -> None:
    names = list(next(iter(measured.values())))
    print(f"| query | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for construction, values in measured.items():
        print(f"| {construction} | {' | '.join(f'{values[name]:.3f}' for name in names)} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--search", default="http://127.0.0.1:9200", help="a running cluster")
    parser.add_argument("--events", nargs="+", type=Path, default=sorted(SAMPLE.glob("*.jsonl")))
    parser.add_argument("--queries", type=Path, default=SAMPLE / "queries.tsv")
    parser.add_argument("--qrels", type=Path, default=SAMPLE / "qrels.txt")
    return parser.parse_args()


if __name__ == "__main__":
    main()
