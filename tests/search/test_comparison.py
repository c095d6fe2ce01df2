"""Comparing an index with its view: every document that differs is counted, and no other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import comparison
from search.comparison import Differences, compare, compare_index, sorted_by_id

IDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
PAIRS = st.dictionaries(IDS, st.sampled_from(["1", "2"]), max_size=12)
Write = Callable[..., Path]
Story = Callable[..., dict[str, Any]]


def in_order(pairs: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(pairs.items())


@given(PAIRS, PAIRS)
def test_the_differences_are_those_of_two_dictionaries(
    expected: dict[str, str], actual: dict[str, str]
) -> None:
    differences = compare(in_order(expected), in_order(actual))
    assert differences.missing == sorted(expected.keys() - actual.keys())
    assert differences.extra == sorted(actual.keys() - expected.keys())
    both = expected.keys() & actual.keys()
    assert differences.different == sorted(key for key in both if expected[key] != actual[key])
    assert bool(differences) == (expected != actual)


@given(PAIRS)
def test_an_index_differs_in_nothing_from_itself(pairs: dict[str, str]) -> None:
    assert str(compare(in_order(pairs), in_order(pairs))) == "no differences"


@given(PAIRS, PAIRS)
def test_what_is_missing_on_one_side_is_extra_on_the_other(
    one: dict[str, str], other: dict[str, str]
) -> None:
    there = compare(in_order(one), in_order(other))
    back = compare(in_order(other), in_order(one))
    assert (there.missing, there.extra) == (back.extra, back.missing)
    assert (there.different, there.count) == (back.different, back.count)


def test_an_id_that_an_index_has_twice_is_extra() -> None:
    differences = compare([("a", "1"), ("b", "1")], [("a", "1"), ("a", "1"), ("b", "1")])
    assert (differences.extra, differences.count) == (["a"], 1)


def test_all_differences_are_counted_and_the_first_thousand_ids_kept() -> None:
    expected = [(f"{n:05d}", "1") for n in range(2_500)]
    differences = compare(expected, [])
    assert differences.count == 2_500
    assert differences.missing == [key for key, _ in expected[: comparison.EXAMPLES]]
    assert str(differences) == "2,500 documents differ (missing: 00000, 00001, 00002)"


def test_the_message_shows_each_kind_of_difference_once() -> None:
    text = str(Differences(["a"], [], ["b", "c", "d", "e"], count=5))
    assert text == "5 documents differ (missing: a; different: b, c, d)"


@settings(max_examples=20)
@given(st.lists(st.tuples(IDS, st.sampled_from(["1", "2"])), unique_by=lambda pair: pair[0]))
def test_ids_of_every_script_are_sorted_as_python_sorts_them(pairs: list[tuple[str, str]]) -> None:
    assert list(sorted_by_id(iter(pairs))) == sorted(pairs)


def test_more_pairs_than_one_batch_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "PAIRS_AT_ONCE", 7)
    pairs = [(str(n), "x") for n in range(50)]
    assert list(sorted_by_id(reversed(pairs))) == sorted(pairs)


def test_rejected_documents_are_not_expected_in_an_index(
    write: Write, story: Story, tmp_path: Path
) -> None:
    path = write(tmp_path / "articles.parquet", [story(f"article/{n}") for n in (1, 2, 3)])
    digests = dict(comparison.digests(path))
    assert not compare_index(path, iter(sorted(digests.items())))
    del digests["article/2"]
    assert compare_index(path, iter(sorted(digests.items()))).missing == ["article/2"]
    assert not compare_index(path, iter(sorted(digests.items())), {"article/2"})


def test_a_rejected_document_that_is_in_an_index_is_extra(
    write: Write, story: Story, tmp_path: Path
) -> None:
    path = write(tmp_path / "articles.parquet", [story("article/1")])
    digests = list(comparison.digests(path))
    assert compare_index(path, iter(digests), {"article/1"}).extra == ["article/1"]


def test_an_empty_view_differs_from_an_index_with_documents_only(
    write: Write, tmp_path: Path
) -> None:
    path = write(tmp_path / "articles.parquet", [])
    assert not compare_index(path, iter(()))
    assert compare_index(path, iter([("a", "1")])).extra == ["a"]


def test_a_digest_is_the_sha_256_of_the_documents_json(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"], "title": ["né ‮"]}), tmp_path / "x.parquet")
    document = json.dumps({"id": "a", "title": "né ‮"}, ensure_ascii=False, separators=(",", ":"))
    expected = hashlib.sha256(document.encode()).hexdigest()
    assert list(comparison.digests(tmp_path / "x.parquet")) == [("a", expected)]


def test_an_error_of_the_index_is_raised_and_not_taken_for_its_end(
    write: Write, story: Story, tmp_path: Path
) -> None:
    def broken() -> Any:
        raise OSError("the disk is away")
        yield

    path = write(tmp_path / "articles.parquet", [story("article/1")])
    with pytest.raises(OSError, match="the disk is away"):
        compare_index(path, broken())
