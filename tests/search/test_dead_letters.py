"""Dead letters: what an engine rejected is on disk until it is replayed or its index deleted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.dead_letters import DeadLetters
from search.engine import Generation

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


def index(view: str = "articles", generation: int = 1, sequence: int = 10) -> Generation:
    return Generation(view, generation, sequence, 0, 0, 1, "1:abc", "2026-01-01T00:00:00Z")


def rejected(folder: Path, *keys: str, of: Generation | None = None) -> DeadLetters:
    letters = DeadLetters(folder)
    for place, key in enumerate(keys):
        letters.add(of or index(), key, place, f'{{"id":"{key}"}}', "mapper_parsing_exception")
    letters.write()
    return letters


def test_an_archive_without_dead_letters_has_none(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.write()
    assert (letters.letters(), letters.keys("articles", 1)) == ([], set())
    assert not letters.any("articles", 1)
    letters.forget("articles", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_dead_letter_is_on_disk_only_when_it_is_written(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    assert letters.add(index(), "article/1", 3, "{}", "no") == 1
    assert letters.add(index(), "article/2", 4, "{}", "no") == 2
    assert not DeadLetters(tmp_path).any("articles", 1)
    letters.write()
    assert DeadLetters(tmp_path).keys("articles", 1) == {"article/1", "article/2"}
    assert letters.add(index(), "article/3", 5, "{}", "no") == 1


@settings(max_examples=25)
@given(KEYS, st.integers(0, 2**63 - 1), KEYS, KEYS)
def test_a_dead_letter_is_read_as_it_was_added(
    tmp_path_factory: pytest.TempPathFactory, key: str, sequence: int, document: str, reason: str
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    letters = DeadLetters(folder)
    letters.add(index(generation=12, sequence=sequence), key, sequence, document, reason)
    letters.write()
    (letter,) = DeadLetters(folder).letters()
    assert (letter.view, letter.generation, letter.as_of) == ("articles", 12, sequence)
    assert (letter.key, letter.sequence) == (key, sequence)
    assert (letter.document, letter.reason) == (document, reason)
    assert letter.at.tzinfo is not None


def test_dead_letters_are_listed_from_the_oldest_across_attempts(tmp_path: Path) -> None:
    rejected(tmp_path, "b")
    rejected(tmp_path, "a", of=index("bylines", 2))
    rejected(tmp_path, "c")
    letters = DeadLetters(tmp_path)
    assert [letter.key for letter in letters.letters()] == ["b", "a", "c"]
    assert [letter.key for letter in letters.letters("articles")] == ["b", "c"]
    assert [letter.key for letter in letters.letters(generation=2)] == ["a"]
    assert letters.letters("articles", 2) == []


@pytest.mark.parametrize("other", ["articles-2024", "old-articles", "articles-000001", "article*"])
def test_views_with_similar_names_have_dead_letters_of_their_own(
    tmp_path: Path, other: str
) -> None:
    rejected(tmp_path, "theirs", of=index(other, 2))
    letters = rejected(tmp_path, "ours")
    assert [letter.key for letter in letters.letters("articles")] == ["ours"]
    assert [letter.key for letter in letters.letters(other)] == ["theirs"]
    letters.forget("articles", 1)
    assert letters.keys(other, 2) == {"theirs"}


def test_a_file_that_a_killed_process_left_unfinished_is_no_dead_letter(tmp_path: Path) -> None:
    letters = rejected(tmp_path, "article/1")
    (whole,) = letters.root.iterdir()
    whole.with_name(f".{whole.name}").write_bytes(whole.read_bytes()[:10])
    assert [letter.key for letter in letters.letters()] == ["article/1"]
    assert letters.any("articles", 1)


def test_forgetting_some_documents_keeps_the_dead_letters_of_the_others(tmp_path: Path) -> None:
    letters = rejected(tmp_path, "a", "b", "c")
    rejected(tmp_path, "a", of=index(generation=2))
    letters.forget("articles", 1, ["a", "c", "never rejected"])
    assert [letter.key for letter in letters.letters("articles", 1)] == ["b"]
    assert letters.keys("articles", 2) == {"a"}
    letters.forget("articles", 1, ["b"])
    assert not letters.any("articles", 1)


def test_forgetting_no_document_keeps_all(tmp_path: Path) -> None:
    letters = rejected(tmp_path, "a", "b")
    letters.forget("articles", 1, [])
    assert letters.keys("articles", 1) == {"a", "b"}


def test_several_threads_lose_no_dead_letter(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda n: letters.add(index(), str(n), n, "{}", ""), range(200)))
    letters.write()
    assert sorted(counts) == list(range(1, 201))
    assert letters.keys("articles", 1) == {str(n) for n in range(200)}
