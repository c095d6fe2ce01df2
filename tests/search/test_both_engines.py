"""One query, two engines: the same documents, and as good an order.

Over the bundled sample and two real histories; each engine is filled from the same documents.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet as pq
import pytest
import real_elasticsearch
from corpora import NAMES, corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli import cli
from newsroom import DOMAIN
from search import evaluation
from search.analysis import stems, words
from search.elastic import layout
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.embedded.engine import EmbeddedEngine
from search.engine import Answer, Engine
from search.errors import SearchError
from search.histogram import HISTOGRAMS
from search.mapping import IndexMapping
from search.normalizing import normalized
from search.query import Query

pytestmark = pytest.mark.server

SAMPLE = Path(__file__).parents[2] / "newsroom" / "sample"
VIEWS_OF = {
    "sample": tuple(DOMAIN.views),
    **dict.fromkeys(NAMES, ("articles", "bylines", "history")),
}
OVERLAP = 7
"""Of the ten best, so many are the same on average; measured are 9.8."""


@dataclass
class Both:
    """Two engines that hold the same documents."""

    embedded: Engine
    elasticsearch: Engine
    documents: Mapping[str, Path]

    def same(self, query: Query) -> Answer:
        """Ask both: whatever has one order, and all that is counted, must be equal."""
        answers = [engine.search(query) for engine in (self.embedded, self.elasticsearch)]
        first, second = (
            replace(a, hits=sorted(a.hits, key=_id) if scored else a.hits)
            for a in answers
            for scored in [a.hits and a.hits[0].score is not None]
        )
        unscored = [[replace(hit, score=None) for hit in a.hits] for a in (first, second)]
        assert unscored[0] == unscored[1], query
        told = [
            (a.total, a.facets, a.histogram, a.matching, a.note, a.sequence)
            for a in (first, second)
        ]
        assert told[0] == told[1], query
        return first


def _id(hit: Any) -> str:
    return str(hit.id)


@pytest.fixture(scope="module", params=list(VIEWS_OF))
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    home = tmp_path_factory.mktemp(request.param) / "home"
    used = real_elasticsearch.fresh()
    _build(request.param, home)
    embedded, cluster = (
        EmbeddedEngine(home, DOMAIN.views),
        ElasticsearchEngine(home, used, DOMAIN.views),
    )
    served = embedded.serving()
    documents = {v: next(home.glob(f"views/*/{v}.parquet")) for v in VIEWS_OF[request.param]}
    try:
        for view, path in documents.items():
            cluster.create(view, 1, served[view].sequence)
            cluster.load(view, 1, path)
            cluster.refresh(view, 1)
        cluster.promote(dict.fromkeys(documents, 1))
        yield Both(embedded, cluster, documents)
    finally:
        real_elasticsearch.remove(used)


def _build(name: str, home: Path) -> None:
    files = sorted(SAMPLE.glob("*.jsonl"))
    if name in NAMES:
        home.parent.mkdir(exist_ok=True)
        files = [Path(shutil.copy(corpus(name), home.parent))]  # rejected lines lie beside it
    named = [str(file) for file in files]
    for arguments in (["import", *named, "--on-error", "reject"], ["rebuild", *VIEWS_OF[name]]):
        result = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
        assert result.exit_code == 0 or "lines rejected" in result.stderr, result.output


def _texts(path: Path, mapping: IndexMapping) -> list[tuple[str, str]]:
    """Texts of a view's documents with the names they are searched by, as far as they are plain."""
    plain = {name: p for name, paths in mapping.text.items() for p in paths if "." not in p}
    table = pq.read_table(path, columns=list(plain.values())).to_pylist()
    found = [(name, d[p]) for d in table for name, p in plain.items() if d[p]]
    each = [(name, t) for name, some in found for t in (some if isinstance(some, list) else [some])]
    return [(name, text) for name, text in each if words(text)]


def _asked(texts: Sequence[tuple[str, str]], chance: random.Random) -> str:
    """A query that is likely to find something, of one or more of the syntax's kinds."""

    def piece(length: int) -> tuple[str, list[str]]:
        name, text = chance.choice(texts)
        found = words(text)
        start = chance.randrange(len(found))
        return name, found[start : start + length]

    def clause() -> str:
        name, (word, *_) = piece(1)
        kinds: list[Callable[[], str]] = [
            lambda: word,
            lambda: f"{word} OR {piece(1)[1][0]}",
            lambda: f'"{" ".join(piece(chance.choice([1, 2, 3, 4]))[1])}"',
            lambda: f"{word[: chance.choice([2, 3, 5])]}*",
            lambda: f"{name}:{word}",
            lambda: f'{name}:"{" ".join(piece(2)[1])}"',
            lambda: f"-{word}",
            lambda: f'-"{" ".join(piece(2)[1])}"',
            lambda: f"-{word[:4]}*",
        ]
        return chance.choice(kinds)()

    return " ".join(clause() for _ in range(chance.choice([1, 1, 2, 3])))


def test_every_kind_of_clause_finds_the_same_documents(both: Both) -> None:
    """With the same facets, totals, highlights and documents, in the same order by date."""
    chance = random.Random(5)
    for view, path in both.documents.items():
        mapping = IndexMapping.of(DOMAIN.views[view])
        texts = _texts(path, mapping)
        for _ in range(40):
            text, sort = _asked(texts, chance), chance.choice(["newest", "oldest"])
            unit = chance.choice(HISTOGRAMS) if mapping.date else None
            facets = mapping.filter_names
            both.same(Query(text, view, sort=sort, size=50, facets=facets, histogram=unit))


def test_every_filter_and_range_of_dates_finds_the_same_documents(both: Both) -> None:
    chance = random.Random(7)
    for view in both.documents:
        mapping = IndexMapping.of(DOMAIN.views[view])
        names = mapping.filter_names
        everything = both.same(Query(view=view, facets=names, size=100))
        valued = {name: [v for v, _ in everything.facets[name]] for name in names}
        for name in names:
            values = chance.sample(valued[name], k=min(len(valued[name]), 3))
            years = sorted(chance.sample(valued.get("year", ["1900"]), k=1) * 2)
            dates = {"date_from": years[0], "date_to": years[1]} if mapping.date else {}
            both.same(Query(view=view, filters={name: values}, facets=names))
            both.same(Query(view=view, facets=names, sort="oldest", **dates))  # type: ignore[arg-type]


def test_values_of_a_facet_that_contain_a_text_are_the_same(both: Both) -> None:
    chance = random.Random(13)
    for view in both.documents:
        names = IndexMapping.of(DOMAIN.views[view]).filter_names
        shown = both.same(Query(view=view, facets=names, size=0)).facets
        for name in names:
            value = chance.choice(shown[name] or [("none", 0)])[0]
            begin = chance.randrange(len(value))
            text = {name: value[begin : begin + chance.choice([1, 2, 5, 20])]}
            found = both.same(Query(view=view, facets=names, facet_text=text, size=0))
            assert found.facets[name] or not shown[name] or not words(text[name])


def test_the_ten_best_of_free_text_are_mostly_the_same(both: Both) -> None:
    chance = random.Random(11)
    texts = _texts(both.documents["articles"], IndexMapping.of(DOMAIN.views["articles"]))
    shares = []
    while len(shares) < 100:
        found = re.findall(r"\w+", chance.choice(texts)[1])
        length = chance.choice([1, 2, 3, 5, 8])
        start = chance.randrange(max(1, len(found) - length))
        query = Query(" ".join(found[start : start + length]), any_word=chance.random() < 0.5)
        first, second = (
            {hit.id for hit in engine.search(query).hits}
            for engine in (both.embedded, both.elasticsearch)
        )
        if first:
            shares.append(10 * len(first & second) / len(first))
    assert mean(shares) >= OVERLAP


@pytest.mark.parametrize("both", ["sample"], indirect=True)
def test_both_rank_the_judged_queries_equally_well(both: Both) -> None:
    queries = evaluation.read_queries(SAMPLE / "queries.tsv")
    judged = evaluation.read_judgements(SAMPLE / "qrels.txt")
    found = [
        evaluation.measure(evaluation.run_queries(engine, "articles", queries), judged).measures
        for engine in (both.embedded, both.elasticsearch)
    ]
    assert found[0]["nDCG@10"] == pytest.approx(found[1]["nDCG@10"], abs=0.02)
    assert found[0]["recall@100"] == found[1]["recall@100"]


@pytest.mark.parametrize("both", ["sample"], indirect=True)
def test_a_whole_article_can_be_pasted_and_more_than_a_cluster_bears_is_told(both: Both) -> None:
    body = pq.read_table(both.documents["articles"], columns=["body"]).to_pylist()[0]["body"]
    pasted = " ".join([body, *(f"word{n}" for n in range(5_000))])
    assert "searched by its first 500 words" in (both.same(Query(pasted, size=0)).note or "")
    excluded = " ".join(f"-word{n}" for n in range(5_000))
    assert "searched by its first 500 words" in (both.same(Query(excluded, size=0)).note or "")
    values = {"section": tuple(f"section {n}" for n in range(70_000))}
    with pytest.raises(SearchError, match="cannot search for so many words or values at once"):
        both.elasticsearch.search(Query("", filters=values))


@pytest.fixture
def cluster() -> Iterator[tuple[Cluster, str]]:
    """An empty index with Stet's analysis."""
    used = real_elasticsearch.fresh()
    found, name = Cluster(used), f"{used.prefix}-analysis"
    mapping = IndexMapping.of(DOMAIN.views["articles"])
    schema = layout.pa.schema({"id": layout.pa.string()})
    found.ask("PUT", f"/{name}", layout.definition(mapping, schema))
    yield found, name
    real_elasticsearch.remove(used)


LETTERS = st.characters(codec="utf-8", max_codepoint=0x24F) | st.sampled_from(
    "ёйїΟΔΌΣςאבגשָׁעربيّةहिन्दीกำลังไทย北京奥运カナが한국ᄒ"
)
PUNCTUATION = st.sampled_from(
    "\u00ad\u200b\u2028\u2014\u2019\u201d\u0301\u3000\ufb01\uff21\u200d\u11ab\u3099\u2122"
)
TEXTS = st.lists(st.text(LETTERS | PUNCTUATION, min_size=1), max_size=20).map(" ".join)


def test_both_read_the_same_words_and_stems(cluster: tuple[Cluster, str]) -> None:
    server, name = cluster

    @settings(max_examples=200)
    @given(TEXTS)
    def read_alike(text: str) -> None:
        body = {"analyzer": "stems", "text": normalized(text)}
        tokens = server.ask("POST", f"/{name}/_analyze", body)["tokens"]
        assert [token["token"] for token in tokens] == list(stems(text))

    read_alike()


def test_pages_go_deeper_than_one_request_reaches(archive: Any, story: Any) -> None:
    """Each hit comes once, in one order, on whatever page it is."""
    archive.holds(*(story(f"article/{n:05d}", "Whale", at=f"{1851 + n % 90}-07-01")
                    for n in range(12_000)))  # fmt: skip
    whole = [f"article/{n:05d}" for n in range(12_000)]
    assert archive.ids(page=2_001, size=5) == whole[10_000:10_005]
    assert archive.ids(page=1_429, size=7) == whole[9_996:10_003]
    assert archive.ids(page=2, size=11_000) == whole[11_000:]
    by_date = sorted(whole, key=lambda key: (1851 + int(key[-5:]) % 90, key))
    assert archive.ids(page=1_150, size=10, sort="oldest") == by_date[11_490:11_500]
    answer = archive.ask("whale", page=12, size=1_000, facets=["year"])
    assert (len(answer.hits), answer.total, len(answer.facets["year"])) == (1_000, 12_000, 90)
    assert archive.ids("whale", page=1_201, size=10) == []


def test_facets_are_exact_over_several_shards_too(
    tmp_path: Path, story: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each shard's most frequent values are others than those of the whole."""
    used = real_elasticsearch.fresh()
    made = layout.definition

    def in_three(*given: Any) -> dict[str, Any]:
        definition = made(*given)
        definition["settings"]["index"]["number_of_shards"] = 3
        return definition

    monkeypatch.setattr(layout, "definition", in_three)
    chance = random.Random(3)
    names = [f"Writer {n}" for n in range(700)]
    documents = [story(f"article/{n}", bylines=chance.sample(names, k=3)) for n in range(3_000)]
    path = write(tmp_path / "articles.parquet", documents)
    views = {"articles": replace(DOMAIN.views["articles"], text={"headline": "headline"}, bulk=(),
                                 filters={"id": "id", "byline": "bylines.name"})}  # fmt: skip
    engine = ElasticsearchEngine(tmp_path, used, views)
    try:
        engine.create("articles", 1, 1)
        engine.load("articles", 1, path)
        engine.refresh("articles", 1)
        engine.promote({"articles": 1})
        found = engine.search(Query(facets=["byline"])).facets["byline"]
    finally:
        real_elasticsearch.remove(used)
    counts = dict.fromkeys(names, 0)
    for document in documents:
        for byline in document["bylines"]:
            counts[byline["name"]] += 1
    assert found == sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:100]
