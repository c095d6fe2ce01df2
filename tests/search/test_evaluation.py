"""Measuring ranking: what is read, what is run, and what the measures come to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from math import log2
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import search
from app.cli import cli
from newsroom import DOMAIN
from search import EmbeddedEngine, evaluation
from search.analysis import words
from search.errors import InvalidFile

SAMPLE = Path(__file__).parents[2] / "newsroom" / "sample"
GRADES = {"a": 2, "b": 1, "c": 0, "d": 1}
DOCUMENTS = ["a", "b", "c", "d", "x", "y", *(f"other{n}" for n in range(120))]


def ndcg(found: list[str], grades: dict[str, int], depth: int = 10) -> float:
    """The definition of Järvelin and Kekäläinen, as trec_eval computes it."""
    gains = [max(0, grades.get(document, 0)) / log2(n + 2) for n, document in enumerate(found)]
    best = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    ideal = sum(grade / log2(n + 2) for n, grade in enumerate(best[:depth]))
    return sum(gains[:depth]) / ideal


def average_precision(found: list[str], relevant: set[str]) -> float:
    places = [n for n, document in enumerate(found, 1) if document in relevant]
    return sum(k / place for k, place in enumerate(places, 1)) / len(relevant)


@given(st.permutations(DOCUMENTS), st.integers(0, len(DOCUMENTS)))
def test_the_measures_are_those_of_the_field(order: list[str], length: int) -> None:
    found = order[:length]
    run = {"q": [(document, 1 / n) for n, document in enumerate(found, 1)]}
    measures = evaluation.measure(run, {"q": GRADES}).measures
    relevant = {document for document, grade in GRADES.items() if grade > 0}
    firsts = [n for n, document in enumerate(found[:10], 1) if document in relevant]
    assert measures == pytest.approx(
        {
            "nDCG@10": ndcg(found, GRADES),
            "MAP": average_precision(found, relevant),
            "MRR@10": 1 / firsts[0] if firsts else 0.0,
            "recall@100": len(relevant & set(found[:100])) / len(relevant),
        }
    )


def test_a_mean_is_over_the_queries_that_were_asked_and_judged() -> None:
    run = {"1": [("a", 1.0)], "2": [], "3": [("a", 1.0)]}
    found = evaluation.measure(run, {"1": {"a": 1}, "2": {"a": 1}, "9": {"a": 1}})
    assert found.measures["MRR@10"] == 0.5
    assert found.by_query["2"]["nDCG@10"] == 0.0
    assert (found.unjudged, found.found, found.relevant) == (["3"], 1, 2)


def test_a_run_without_any_hit_is_worth_nothing() -> None:
    found = evaluation.measure({"1": []}, {"1": {"a": 1}})
    assert found.by_query == {"1": dict.fromkeys(found.measures, 0.0)}
    assert set(found.measures.values()) == {0.0}


def test_a_missing_library_is_told_before_anything_is_searched(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "find_spec", lambda _name: None)
    monkeypatch.setattr(search, "run_queries", pytest.fail)
    result = evaluate(home)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: measuring needs the library ir-measures; install the extra evaluate, in the clone:"
        " uv pip install '.[evaluate]'\n"
    )


def test_judgements_of_other_queries_are_an_error() -> None:
    with pytest.raises(InvalidFile, match="no query is judged"):
        evaluation.measure({"1": [("a", 1.0)]}, {"2": {"a": 1}})


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=300))
def test_a_run_keeps_the_engine_s_order_whatever_the_ties(scores: list[float]) -> None:
    """``trec_eval`` sorts a run by score, and by document where scores are equal."""
    ordered = sorted(scores, reverse=True)
    names = [f"d{n:03d}" for n in range(len(ordered))]
    hits = evaluation.falling(zip(names, ordered, strict=True))
    lines = [line.split() for line in evaluation.trec_run({"q": list(hits)}, "t").splitlines()]
    read = [(float(score), document) for _, _, document, _, score, _ in lines]
    assert [document for _, document in sorted(read, reverse=True)] == names
    assert len({score for score, _ in read}) == len(names)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 moon\n", "q.tsv:1: not an id without spaces, a tab and a text"),
        ("1\tmoon\n\n1\tsea\n", "q.tsv:3: query 1 is there twice"),
        ("a b\tmoon\n", "q.tsv:1: not an id"),
        ("\n", "q.tsv: there is no query in it"),
    ],
)
def test_a_line_that_is_no_query_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "q.tsv"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=told):
        evaluation.read_queries(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 0 article/1\n", "qrels.txt:1: not query, 0, document and a whole number"),
        ("1 0 article/1 much\n", "qrels.txt:1: not query"),
        ("1 0 a 1\n1 0 a 2\n", "qrels.txt:2: a is judged twice for query 1"),
    ],
)
def test_a_line_that_is_no_judgement_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "qrels.txt"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=told):
        evaluation.read_judgements(path)


def test_an_id_with_a_space_is_refused_in_a_run() -> None:
    with pytest.raises(InvalidFile, match="'article/a b' has a space"):
        evaluation.trec_run({"1": [("article/a b", 1.0)]}, "stet")


def test_any_word_may_match_unless_measured_as_readers_search(
    archive: Any, story: Callable[..., dict[str, Any]]
) -> None:
    archive.holds(story("article/1", "Moon landing"), story("article/2", "A landing"))
    queries = {"q": "moon landing"}
    assert [doc for doc, _ in evaluation.run_queries(archive.engine, "articles", queries)["q"]] == [
        "article/1",
        "article/2",
    ]
    found = evaluation.run_queries(archive.engine, "articles", queries, any_word=False)
    assert [document for document, _ in found["q"]] == ["article/1"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sample") / "home"
    files = [str(path) for path in sorted(SAMPLE.glob("*.jsonl"))]
    for arguments in (["import", *files], ["rebuild", "articles"]):
        result = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
        assert result.exit_code == 0, result.output
    return home


def evaluate(home: Path, *arguments: str, judged_set: str = "") -> Any:
    files = [str(SAMPLE / f"queries{judged_set}.tsv"), str(SAMPLE / f"qrels{judged_set}.txt")]
    return CliRunner().invoke(cli, ["evaluate", *files, "--home", str(home), *arguments])


@pytest.mark.parametrize("judged_set", ["", "-pasted"])
def test_the_sample_has_forty_queries_of_each_kind_and_judges_only_what_is_in_it(
    home: Path, judged_set: str
) -> None:
    queries = evaluation.read_queries(SAMPLE / f"queries{judged_set}.tsv")
    judged = evaluation.read_judgements(SAMPLE / f"qrels{judged_set}.txt")
    exported = CliRunner().invoke(cli, ["export", "articles", "--home", str(home)]).stdout
    known = {json.loads(line)["id"] for line in exported.splitlines()}
    assert (len(queries), set(queries)) == (40, set(judged))
    assert {document for grades in judged.values() for document in grades} <= known
    assert all(max(grades.values()) == 2 for grades in judged.values())


FLOORS = {"": 0.75, "-pasted": 0.9}
"""By judged set of the sample, the least nDCG@10."""
FINDS_NOTHING = {"": ["5"], "-pasted": []}
"""By judged set, the queries of which no document has a word."""


@pytest.mark.parametrize("judged_set", FLOORS)
def test_the_sample_ranks_as_measured_when_the_construction_was_chosen(
    home: Path, judged_set: str
) -> None:
    result = evaluate(home, "--json", judged_set=judged_set)
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["measures"]["nDCG@10"] > FLOORS[judged_set]
    assert found["empty"] == FINDS_NOTHING[judged_set]


def test_pasted_queries_are_found_as_well_as_their_words_without_signs(home: Path) -> None:
    archive = EmbeddedEngine(home, DOMAIN.views)
    queries = evaluation.read_queries(SAMPLE / "queries-pasted.tsv")
    judged = evaluation.read_judgements(SAMPLE / "qrels-pasted.txt")
    words_alone = {key: " ".join(words(text)) for key, text in queries.items()}
    signed, plain = (
        evaluation.measure(evaluation.run_queries(archive, "articles", texts), judged)
        for texts in (queries, words_alone)
    )
    assert signed.measures["nDCG@10"] >= plain.measures["nDCG@10"] - 0.005


def test_queries_that_find_nothing_are_named(home: Path, tmp_path: Path) -> None:
    queries, qrels = tmp_path / "queries.tsv", tmp_path / "qrels.txt"
    queries.write_text("1\tmoon\n2\tunfindable\n3\tundiscoverable\n")
    qrels.write_text("1 0 article/apollo-11-1969 1\n2 0 article/apollo-11-1969 1\n")
    arguments = ["evaluate", str(queries), str(qrels), "--home", str(home)]
    printed = CliRunner().invoke(cli, arguments).stdout
    assert "finds nothing" in printed
    assert "unfindable" in printed
    assert json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)["empty"] == ["2", "3"]
    assert "finds nothing" not in evaluate(home, judged_set="-pasted").stdout


def test_evaluate_writes_the_run_that_it_measures(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "stet.run"
    assert "nDCG@10" in evaluate(home, "--run", str(path)).stdout
    lines = [line.split(" ") for line in path.read_text().splitlines()]
    assert Counter(len(line) for line in lines) == {6: len(lines)}
    asked = evaluation.read_queries(SAMPLE / "queries.tsv")
    run: dict[str, list[tuple[str, float]]] = {query: [] for query in asked}
    for query, q0, document, rank, score, tag in lines:
        assert (q0, tag) == ("Q0", "stet")
        run[query].append((document, float(score)))
        assert len(run[query]) == int(rank)
    judged = evaluation.read_judgements(SAMPLE / "qrels.txt")
    said = json.loads(evaluate(home, "--json").stdout)["measures"]
    assert evaluation.measure(run, judged).measures == pytest.approx(said)


def test_judgements_of_another_archive_are_told(home: Path, tmp_path: Path) -> None:
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("1 0 doc-7 1\n")
    result = CliRunner().invoke(
        cli, ["evaluate", str(SAMPLE / "queries.tsv"), str(qrels), "--home", str(home)]
    )
    assert result.exit_code == 0
    assert "no relevant document was found; check that the judgements name ids of this view" in (
        result.stderr
    )
    assert "queries without judgements are not counted: 2, 3" in result.stderr
