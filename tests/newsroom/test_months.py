"""Made-up months: the same every time, and with all that makes real ones hard to read."""

from __future__ import annotations

from typing import Any

import pytest

from newsroom import generate_month
from newsroom.months import Shape

YEARS = (1851, 1912, 1964, 1978, 2019)


def documents(year: int, shape: Shape = "old", **options: Any) -> list[dict[str, Any]]:
    found = generate_month(year, 12, 150, shape=shape, **options)["response"]["docs"]
    assert len(found) > 150  # some stand there twice
    return list(found)


@pytest.fixture(scope="module")
def all_old() -> list[dict[str, Any]]:
    return [each for year in YEARS for each in documents(year)]


@pytest.fixture(scope="module")
def all_new() -> list[dict[str, Any]]:
    return [each for year in YEARS for each in documents(year, "new")]


def test_the_same_seed_gives_the_same_month_whatever_was_made_before() -> None:
    first = generate_month(1912, 4, 20, seed=3)
    generate_month(2019, 1, 5)
    assert generate_month(1912, 4, 20, seed=3) == first
    assert generate_month(1912, 4, 20, seed=4) != first
    assert generate_month(1912, 4, 10, seed=3)["response"]["docs"] == first["response"]["docs"][:10]


@pytest.mark.parametrize("year", YEARS)
def test_a_month_is_of_its_month(year: int) -> None:
    assert {each["pub_date"][:7] for each in documents(year)} == {f"{year}-12"}


@pytest.mark.parametrize(("year", "month"), [(1851, 8), (1850, 12), (1912, 0), (1912, 13)])
def test_there_is_no_month_before_the_first(year: int, month: int) -> None:
    with pytest.raises(ValueError, match="no month since September 1851"):
        generate_month(year, month, 1)


@pytest.mark.parametrize("month", [9, 10])
def test_the_months_of_the_strike_have_null_for_documents(month: int) -> None:
    assert generate_month(1978, month, 9)["response"]["docs"] is None


def test_what_is_hard_to_read_occurs(all_old: list[dict[str, Any]]) -> None:
    def kinds(name: str) -> set[str]:
        return {type(each[name]).__name__ for each in all_old if name in each}

    assert kinds("print_page") == kinds("word_count") == {"int", "str"}
    assert kinds("byline") == {"list", "dict", "NoneType"}
    assert kinds("keywords") == {"list", "NoneType"}
    assert kinds("abstract") == kinds("news_desk") == {"str", "NoneType"}
    assert {"None", ""} <= {each["news_desk"] for each in all_old}
    assert {each["web_url"].rpartition(".")[2] for each in all_old} == {"html", "sgml"}
    assert not all("lead_paragraph" in each for each in all_old)
    assert any(each["headline"]["main"] is None for each in all_old)
    assert {"uri" in each for each in all_old} == {True, False}
    assert {each["_id"].startswith("nyt://") for each in all_old} == {True, False}
    bylines = [each["byline"] for each in all_old if each["byline"]]
    assert any(not found["person"] and found["original"] for found in bylines)
    assert any(found.get("organization") for found in bylines)
    tags = [keyword["value"] for each in all_old for keyword in each["keywords"] or []]
    assert len({tag.strip().casefold() for tag in tags}) < len(set(tags)) / 2


def test_the_year_1964_has_no_pages(all_old: list[dict[str, Any]]) -> None:
    without = {each["pub_date"][:4] for each in all_old if "print_page" not in each}
    with_page = {each["pub_date"][:4] for each in all_old if "print_page" in each}
    assert "1964" in without - with_page


def test_both_shapes_tell_the_same_in_their_own_way(
    all_old: list[dict[str, Any]], all_new: list[dict[str, Any]]
) -> None:
    assert {type(each["multimedia"]) for each in all_old} == {list}
    assert {type(each["multimedia"]) for each in all_new} == {dict}
    assert {each["pub_date"][-5:] for each in all_old} == {"+0000"}
    assert {each["pub_date"][-1:] for each in all_new} == {"Z"}
    for name in ("headline", "byline", "snippet", "section_name", "web_url"):
        assert [each[name] for each in all_old] == [each[name] for each in all_new]


def test_a_later_edition_has_changed_in_a_few_documents() -> None:
    before, after = documents(1912), documents(1912, edition=1)
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    assert 0 < changed < len(before) / 4
    assert documents(1912, edition=2) != after
