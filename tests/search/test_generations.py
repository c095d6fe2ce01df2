"""Generations on disk: what is live, what may be rolled back to, and what a damaged file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import Lock
from search.embedded import segments
from search.embedded.checkpoints import Checkpoint
from search.engine import Generation
from search.errors import DamagedIndex, NothingServes, NotPromoted, SearchError
from search.generations import STATES_BEFORE, Generations, Pointer
from search.mapping import IndexMapping

MAPPING = IndexMapping("name", {"name": ["name"]}, {}, None, bulk=[])
DAMAGED = [b"", b"{", b"\xff", b"null", b"[]", b"{}", b"3", b'"text"', b'{"serving": 1}']
LIVES = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)), max_size=8)


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    (tmp_path / "index").mkdir()
    return Generations(tmp_path / "index")


def built(generations: Generations, *numbers: int, view: str = "people") -> None:
    """Finished generations with one small file each."""
    for number in numbers:
        directory = generations.index(view, number)
        directory.mkdir(parents=True)
        (directory / "abc.store").write_text("12345")
        segment = {"segment_id": "abc", "max_doc": 3, "deletes": None}
        (directory / segments.META).write_text(json.dumps({"segments": [segment], "opstamp": 7}))
        metadata = Generation(view, number, number * 10, 3, 5, 1, "1:x", "2026-01-01T00:00:00Z")
        generations.finish(metadata, MAPPING, {"abc.store": 5})


def step(number: int, sequence: int, size: int = 5) -> Checkpoint:
    return Checkpoint("people", number, sequence, 8, 4, {"abc.store": size})


@given(LIVES)
def test_rolling_back_undoes_the_last_promotions_one_by_one(promotions: list[Any]) -> None:
    pointer, states = Pointer({}), [dict[str, int]()]
    for generations in promotions:
        pointer = pointer.promoted(generations)
        if pointer.live != states[-1]:
            states.append(pointer.live)
    assert len(pointer.before) <= STATES_BEFORE
    for state in states[:0:-1][1 : 1 + STATES_BEFORE]:
        pointer = pointer.rolled_back()
        assert pointer.live == state
    with pytest.raises(NothingServes, match="before the live one; see: stet generations"):
        pointer.rolled_back()


@given(LIVES, st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)))
def test_a_promotion_leaves_other_views_and_a_second_one_changes_nothing(
    promotions: list[Any], last: dict[str, int]
) -> None:
    pointer = Pointer({})
    for generations in promotions:
        pointer = pointer.promoted(generations)
    promoted = pointer.promoted(last)
    assert promoted.live == pointer.live | last
    assert promoted.promoted(last) == promoted
    assert set(promoted.live.items()) <= promoted.kept()
    assert set(pointer.live.items()) <= promoted.kept()


def test_rolling_back_to_a_generation_passes_over_those_after_it() -> None:
    pointer = Pointer({"a": 3}, ({"a": 2}, {"a": 1}))
    assert pointer.rolled_back(1) == Pointer({"a": 1}, after=({"a": 2}, {"a": 3}))
    with pytest.raises(NothingServes, match="no generation 9 among those kept"):
        pointer.rolled_back(9)


@given(LIVES, st.integers(1, STATES_BEFORE))
def test_what_was_rolled_back_from_is_kept_until_the_next_promotion(
    promotions: list[Any], times: int
) -> None:
    pointer = Pointer({})
    for generations in promotions:
        pointer = pointer.promoted(generations)
    left = []
    for _ in range(min(times, len(pointer.before))):
        left.append(pointer.live)
        pointer = pointer.rolled_back()
        assert pointer.after == tuple(reversed(left))
        assert {pair for live in left for pair in live.items()} <= pointer.kept()
    if left and left[-1] != pointer.live:
        assert pointer.promoted(left[-1]).after == ()


def test_an_archive_without_an_index_has_no_generations(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "home" / "index")
    assert (generations.numbers(), generations.finished()) == ([], [])
    assert generations.pointer() == Pointer({})
    assert generations.mark() == (None, None)
    assert generations.clear() == []


def test_a_generation_is_as_of_its_last_step_and_as_it_was_built(generations: Generations) -> None:
    built(generations, 1)
    generations.checkpoints.update([step(1, 15, size=9)])
    metadata, mapping = generations.metadata("people", 1)
    assert (metadata.sequence, metadata.documents, metadata.bytes) == (15, 4, 9)
    assert generations.as_built("people", 1)[0].sequence == 10
    assert mapping == MAPPING
    assert generations.finished() == [metadata]


def test_only_a_finished_generation_becomes_live(generations: Generations) -> None:
    built(generations, 1)
    generations.index("people", 2).mkdir(parents=True)
    for missing in (2, 3):
        with pytest.raises(NotPromoted, match=f"generation {missing} of people is gone or unfin"):
            generations.promote({"people": missing})
    before = generations.mark()
    generations.promote({"people": 1})
    assert generations.pointer().live == {"people": 1}
    assert generations.mark() != before


def test_clearing_keeps_the_live_the_kept_the_wanted_and_the_unfinished_of_others(
    generations: Generations,
) -> None:
    built(generations, 1, 2, 3, 4, 5, 6, 7)
    for number in (2, 3, 4, 5):
        generations.promote({"people": number})
    generations.checkpoints.update([step(1, 15), step(5, 55)])
    with Lock(generations.directory(7) / "lock", shared=True):
        assert generations.clear(keep=6) == [1, 2]
    assert generations.numbers() == [3, 4, 5, 6, 7]
    assert set(generations.checkpoints.read()) == {("people", 5)}
    assert generations.clear() == [6, 7]
    assert generations.clear() == []


def test_a_live_or_kept_generation_cannot_be_dropped(generations: Generations) -> None:
    built(generations, 1, 2, 3)
    generations.promote({"people": 1})
    generations.promote({"people": 2})
    for number in (1, 2):
        with pytest.raises(SearchError, match=f"generation {number} of people is live, or kept"):
            generations.drop("people", number)
    generations.drop("people", 3)
    assert [built.generation for built in generations.finished()] == [1, 2]


def test_nothing_is_rolled_back_to_that_was_deleted(generations: Generations) -> None:
    built(generations, 1, 2)
    generations.promote({"people": 1})
    generations.promote({"people": 2})
    generations.remove("people", 1)
    with pytest.raises(DamagedIndex, match="generation 1 of people is gone"):
        generations.roll_back()
    assert generations.pointer().live == {"people": 2}


@pytest.mark.parametrize(
    "content", [*DAMAGED, b'{"serving": null, "before": []}', b'{"serving": {}, "before": [7]}']
)
def test_a_damaged_pointer_deletes_nothing_and_a_promotion_repairs_it(
    generations: Generations, content: bytes
) -> None:
    built(generations, 1, 2)
    (generations.root / "serving.json").write_bytes(content)
    with pytest.raises(DamagedIndex, match=r"serving\.json is damaged .*; run: stet rebuild"):
        generations.pointer()
    assert generations.clear() == []
    generations.promote({"people": 2})
    assert generations.pointer() == Pointer({"people": 2})


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_metadata_is_one_error_that_says_what_to_run(
    generations: Generations, content: bytes
) -> None:
    built(generations, 1)
    generations.index("people", 1).with_suffix(".json").write_bytes(content)
    for read in (generations.metadata, generations.check_files):
        with pytest.raises(DamagedIndex, match=r"people\.json is damaged .*; run: stet rebuild"):
            read("people", 1)


def test_a_file_of_another_size_than_was_written_is_named(generations: Generations) -> None:
    built(generations, 1)
    generations.check_files("people", 1)
    store = generations.index("people", 1) / "abc.store"
    store.write_text("1234")
    with pytest.raises(DamagedIndex, match=r"is damaged: abc\.store is not as it was written"):
        generations.check_files("people", 1)
    generations.checkpoints.update([step(1, 15, size=4)])
    generations.check_files("people", 1)
    store.unlink()
    with pytest.raises(DamagedIndex, match=r"abc\.store"):
        generations.check_files("people", 1)


@pytest.mark.parametrize("content", [None, *DAMAGED])
def test_a_damaged_list_of_segments_is_damage_to_the_index(
    generations: Generations, content: bytes | None
) -> None:
    built(generations, 1)
    meta = generations.index("people", 1) / segments.META
    meta.unlink() if content is None else meta.write_bytes(content)
    with pytest.raises(DamagedIndex, match=r"is damaged: meta\.json is not as it was written"):
        generations.check_files("people", 1)


def test_files_of_segments_no_longer_in_use_may_be_gone(tmp_path: Path) -> None:
    used = {"segment_id": "ab-cd", "max_doc": 9, "deletes": {"opstamp": 4, "num_deleted_docs": 2}}
    (tmp_path / segments.META).write_text(json.dumps({"segments": [used], "opstamp": 6}))
    read = segments.read(tmp_path)
    assert (read.commit, read.documents) == (6, 7)
    assert read.has("abcd.4.del")
    assert not any(map(read.has, ["abcd.3.del", "ab-cd.store", "meta.json", "", "efgh.store"]))
    (tmp_path / "abcd.store").write_text("123")
    (tmp_path / "abcd.4.del").write_text("")
    (tmp_path / "old.store").write_text("1")
    assert read.files(tmp_path) == {"abcd.store": 3, "abcd.4.del": 0}
    assert segments.damaged_file(tmp_path, {"abcd.store": 3, "gone.store": 1}) is None
    assert segments.damaged_file(tmp_path, {"abcd.store": 4}) == "abcd.store"
    assert segments.damaged_file(tmp_path, {"abcd.term": 1}) == "abcd.term"


def test_checkpoints_are_read_as_written_and_a_later_one_replaces_the_earlier(
    generations: Generations,
) -> None:
    points = generations.checkpoints
    assert points.read() == {}
    points.update([step(1, 15), step(2, 25)])
    marked = points.mark()
    points.update([step(1, 16)])
    assert points.read() == {("people", 1): step(1, 16), ("people", 2): step(2, 25)}
    assert points.mark() != marked
    points.forget(lambda key: key[1] == 1)
    assert points.read() == {("people", 2): step(2, 25)}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"null", b"3", b"[3]", b"[{}]", b'["a"]'])
def test_damaged_checkpoints_are_one_error_and_forgetting_any_deletes_them(
    generations: Generations, content: bytes
) -> None:
    points = generations.checkpoints
    points.update([step(1, 15)])
    (generations.root / "checkpoints.json").write_bytes(content)
    with pytest.raises(DamagedIndex, match=r"checkpoints\.json is damaged .*; run: stet rebuild"):
        points.read()
    points.forget(lambda _: False)
    assert points.read() == {}
