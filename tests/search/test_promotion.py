"""Promotion: no index becomes live that was not checked, differs, or lacks too many documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.comparison import Differences
from search.engine import Engine, Generation
from search.errors import NotPromoted
from search.generations import Pointer
from search.promotion import check_path, note_check, passed_check, promote


class Built:
    """An engine whose generations are these; it remembers what was promoted."""

    def __init__(self, folder: Path, views: Mapping[str, int], dead: int = 0) -> None:
        self.folder = folder
        self.views = views
        self.dead = dead
        self.live: dict[str, int] = {}

    def generations(self) -> list[Generation]:
        return [
            Generation(view, number, 10, 5, 100, 1, "1:abc", "2026-01-01T00:00:00Z")
            for view, number in self.views.items()
        ]

    def pointer(self) -> Pointer:
        return Pointer(self.live)

    def rejected(self, view: str, generation: int) -> set[str]:  # noqa: ARG002
        return {f"{view}/{n}" for n in range(self.dead)}

    def promote(self, generations: Mapping[str, int]) -> None:
        self.live |= generations

    def checked(self, view: str, documents: int = 1000, *missing: str) -> None:
        directory = self.folder / f"{self.views[view]:06d}"
        directory.mkdir(parents=True, exist_ok=True)
        note_check(directory, view, Differences([*missing], count=len(missing)), documents)


def promoted(built: Built, generation: int = 7, tolerated: float = 0.001) -> list[str]:
    return list(promote(cast(Engine, built), generation, tolerated))


def test_all_views_of_a_checked_generation_become_live(tmp_path: Path) -> None:
    built = Built(tmp_path, {"articles": 7, "bylines": 7, "tags": 6})
    built.checked("articles")
    built.checked("bylines")
    assert promoted(built) == ["articles", "bylines"]
    assert built.live == {"articles": 7, "bylines": 7}


def test_one_view_without_a_check_keeps_all_from_becoming_live(tmp_path: Path) -> None:
    built = Built(tmp_path, {"articles": 7, "bylines": 7})
    built.checked("articles")
    with pytest.raises(NotPromoted, match=r"^bylines, generation 7: index and check it first$"):
        promoted(built)
    assert built.live == {}


def test_a_generation_that_does_not_exist_is_not_promoted(tmp_path: Path) -> None:
    with pytest.raises(NotPromoted, match="there is no generation 8; see: stet generations"):
        promoted(Built(tmp_path, {"articles": 7}), 8)


def test_an_index_that_differs_is_not_promoted_and_the_error_names_documents(
    tmp_path: Path,
) -> None:
    built = Built(tmp_path, {"articles": 7})
    built.checked("articles", 1000, "article/1", "article/2")
    with pytest.raises(NotPromoted, match=r"2 documents differ \(missing: article/1, article/2"):
        promoted(built)
    assert not passed_check(tmp_path / "000007", "articles")


@given(documents=st.integers(0, 10_000), dead=st.integers(0, 50), percent=st.integers(0, 100))
@settings(max_examples=60)
def test_dead_letters_are_tolerated_up_to_their_share_of_the_documents(
    tmp_path: Path, documents: int, dead: int, percent: int
) -> None:
    built = Built(tmp_path, {"articles": 7}, dead)
    built.checked("articles", documents)
    if dead <= percent / 100 * documents:
        assert promoted(built, tolerated=percent / 100) == ["articles"]
    else:
        with pytest.raises(NotPromoted, match=f"more than {percent} %; see: stet dead-letters"):
            promoted(built, tolerated=percent / 100)
        assert built.live == {}


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"{}", b'{"differ": 0}', b'"differ"']
)
def test_a_damaged_check_counts_as_none(tmp_path: Path, damaged: bytes) -> None:
    built = Built(tmp_path, {"articles": 7})
    built.checked("articles")
    assert passed_check(tmp_path / "000007", "articles")
    check_path(tmp_path / "000007", "articles").write_bytes(damaged)
    assert not passed_check(tmp_path / "000007", "articles")
    with pytest.raises(NotPromoted, match="index and check it first"):
        promoted(built)


def test_a_second_check_replaces_the_first(tmp_path: Path) -> None:
    built = Built(tmp_path, {"articles": 7})
    built.checked("articles", 10, "article/1")
    built.checked("articles", 10)
    assert promoted(built) == ["articles"]
    check: dict[str, Any] = json.loads(check_path(tmp_path / "000007", "articles").read_text())
    assert check == {"differ": 0, "told": "no differences", "of": 10}
