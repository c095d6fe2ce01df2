"""What an editor may not say: each refusal says what is the case, and nothing is appended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archive import Archive
from archive.edit import append
from event_log import InvalidEvent, NewEvent, WrongExpectedVersion
from replay import Refused, read_entity

PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.log.append(
        [
            NewEvent("article/live", "ArticlePublished", PUBLISHED | {"tag_ids": ["tag/gone"]}),
            NewEvent("article/gone", "ArticlePublished", PUBLISHED),
            NewEvent("article/gone", "ArticleRetracted"),
            NewEvent("tag/sea", "TagDefined", {"name": "Sea"}),
            NewEvent("tag/gone", "TagDefined", {"name": "Gone"}),
            NewEvent("tag/gone", "TagRemoved"),
        ]
    )
    return archive


def test_an_editor_publishes_revises_retracts_and_reinstates(archive: Archive) -> None:
    append(archive, NewEvent("article/new", "ArticlePublished", PUBLISHED))
    append(archive, NewEvent("article/new", "ArticleRevised", {"kicker": "At sea"}))
    append(archive, NewEvent("article/new", "ArticleRetracted"))
    assert not read_entity(archive.log, "article/new").live
    append(archive, NewEvent("article/new", "ArticleReinstated"))
    now = read_entity(archive.log, "article/new")
    assert (now.live, now.version, now.fields["kicker"]) == (True, 4, "At sea")


REFUSALS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "creating what is live": ("article/live", "ArticlePublished", PUBLISHED, "exists already"),
    "revising what never was": ("article/x", "ArticleRevised", {}, "does not exist"),
    "revising what was removed": ("article/gone", "ArticleRevised", {}, "was removed"),
    "removing what was removed": ("article/gone", "ArticleRetracted", {}, "was removed"),
    "reinstating what is live": ("article/live", "ArticleReinstated", {}, "was not removed"),
    "reinstating what never was": ("article/x", "ArticleReinstated", {}, "does not exist"),
    "an empty headline": ("article/live", "ArticleRevised", {"headline": "  "}, "is empty"),
    "an empty alias": ("tag/sea", "TagRevised", {"aliases": ["Ocean", " "]}, "one of them is"),
    "a kind of tag that is none": ("tag/sea", "TagRevised", {"kind": "fish"}, "no kind of tag"),
    "a reference to what does not exist": (
        "article/live", "ArticleRevised", {"section_id": "section/x"}, "does not exist",
    ),
    "a reference of another category": (
        "article/live", "ArticleRevised", {"byline_ids": ["tag/sea"]}, "is no byline",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS)
def test_an_editor_is_refused_and_told_what_is_the_case(archive: Archive, kind: str) -> None:
    stream, type_name, data, reason = REFUSALS[kind]
    with pytest.raises(Refused, match=reason):
        append(archive, NewEvent(stream, type_name, data))
    assert archive.log.head == 6


def test_a_new_reference_to_what_was_removed_is_refused_but_an_old_one_may_stay(
    archive: Archive,
) -> None:
    append(
        archive, NewEvent("article/live", "ArticleRevised", {"tag_ids": ["tag/sea", "tag/gone"]})
    )
    append(archive, NewEvent("article/new", "ArticlePublished", PUBLISHED))
    with pytest.raises(Refused, match="tag/gone was removed"):
        append(archive, NewEvent("article/new", "ArticleRevised", {"tag_ids": ["tag/gone"]}))


def test_a_section_cannot_be_its_own_parent(archive: Archive) -> None:
    append(archive, NewEvent("section/world", "SectionOpened", {"name": "World"}))
    with pytest.raises(Refused, match="cannot refer to itself"):
        append(archive, NewEvent("section/world", "SectionRevised", {"parent_id": "section/world"}))


def test_a_byline_cannot_end_before_it_begins(archive: Archive) -> None:
    data = {"name": "Ana", "active_from": "1912", "active_to": "April 1911"}
    with pytest.raises(Refused, match="April 1911 is before active_from, 1912; exchange them"):
        append(archive, NewEvent("byline/ana", "BylineRegistered", data))
    append(archive, NewEvent("byline/ana", "BylineRegistered", data | {"active_to": "1912"}))
    with pytest.raises(Refused, match="exchange them"):
        append(archive, NewEvent("byline/ana", "BylineRevised", {"active_from": "1 Feb 1912"}))
    append(archive, NewEvent("byline/ana", "BylineRevised", {"cleared": ["active_to"]}))
    append(archive, NewEvent("byline/ana", "BylineRevised", {"active_from": "1 Feb 1912"}))


def test_what_was_removed_may_be_created_afresh_and_forgets_its_fields(archive: Archive) -> None:
    append(archive, NewEvent("article/gone", "ArticlePublished", PUBLISHED | {"headline": "Again"}))
    now = read_entity(archive.log, "article/gone")
    assert (now.live, now.fields["headline"], "kicker" in now.fields) == (True, "Again", False)


def test_clearing_empties_a_field(archive: Archive) -> None:
    append(archive, NewEvent("article/live", "ArticleRevised", {"cleared": ["tag_ids"]}))
    assert "tag_ids" not in read_entity(archive.log, "article/live").fields


def test_saying_the_same_thing_twice_by_its_id_is_not_refused(archive: Archive) -> None:
    event = NewEvent("article/new", "ArticlePublished", PUBLISHED, event_id="same")
    first = append(archive, event)
    again = append(archive, event)
    assert (again.first, again.last, again.added) == (first.first, first.last, 0)


def test_an_expected_version_that_is_not_the_actual_one_is_a_conflict(archive: Archive) -> None:
    with pytest.raises(WrongExpectedVersion, match="at version 1") as caught:
        append(archive, NewEvent("article/live", "ArticleRevised", {}), expected_version=7)
    assert caught.value.actual == 1


def test_what_does_not_fit_is_told_before_what_is_not_allowed(archive: Archive) -> None:
    with pytest.raises(InvalidEvent, match=r"data\.headline: must be a string"):
        append(archive, NewEvent("article/x", "ArticleRevised", {"headline": 5}))
