"""Merging two entities that are one, and undoing it: given events, then state and documents."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from histories import histories
from hypothesis import strategies as st
from tiers import given_in_tiers

from archive import Archive, MergePreview
from event_log import Category, Effect, EventType, NewEvent, WrongExpectedVersion
from newsroom import DOMAIN
from replay import HISTORY, Domain, Refused

PUBLISHED = {"headline": "Whales", "published_at": "1851-10-18"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Two bylines of one person, with articles, an image, and an article that was retracted."""
    archive = Archive(tmp_path / "home", DOMAIN)
    archive.append("byline/ana", "BylineRegistered", {"name": "Ana Ruiz", "aliases": ["A. R."]})
    two = {"name": "Ana Keller", "aliases": ["A. K.", "Ana Ruiz"]}
    archive.append("byline/keller", "BylineRegistered", two)
    archive.append("byline/ben", "BylineRegistered", {"name": "Ben"})
    for name, bylines in {
        "both": ["byline/keller", "byline/ben", "byline/ana"],
        "kept": ["byline/ana"],
        "merged": ["byline/ben", "byline/keller"],
        "gone": ["byline/keller"],
    }.items():
        archive.append(f"article/{name}", "ArticlePublished", {**PUBLISHED, "byline_ids": bylines})
    archive.append("article/gone", "ArticleRetracted")
    archive.append("image/1", "ImageAdded", {"url": "/1", "photographer_id": "byline/keller"})
    return archive


def bylines(archive: Archive) -> dict[str, Any]:
    names = ("both", "kept", "merged", "gone")
    return {n: archive.entity(f"article/{n}").fields["byline_ids"] for n in names}


def documents(archive: Archive, *views: str) -> dict[str, Any]:
    """The documents of views, without what says when they were written."""
    stamps = ("sequence", "version", "updated_at")
    return {
        name: [
            {field: value for field, value in json.loads(line).items() if field not in stamps}
            for line in archive.export(name)
        ]
        for name in views or ("articles", "bylines", "images")
    }


def test_what_referred_to_the_merged_one_refers_to_the_kept_one_in_its_place(
    archive: Archive,
) -> None:
    merged = archive.merge("byline/ana", "byline/keller")
    assert bylines(archive) == {
        "both": ["byline/ana", "byline/ben"],
        "kept": ["byline/ana"],
        "merged": ["byline/ben", "byline/ana"],
        "gone": ["byline/ana"],
    }
    assert archive.entity("image/1").fields["photographer_id"] == "byline/ana"
    assert not archive.entity("article/gone").live
    assert merged.revised == {"article": 3, "image": 1}
    assert archive.used_by("byline/keller") == {"byline/keller": {}}


def test_the_merged_one_is_removed_and_its_names_become_aliases_of_the_kept_one(
    archive: Archive,
) -> None:
    archive.merge("byline/ana", "byline/keller")
    assert not archive.entity("byline/keller").live
    assert archive.entity("byline/ana").fields["aliases"] == ["A. R.", "Ana Keller", "A. K."]
    found = {document["id"]: document for document in documents(archive)["bylines"]}
    assert found["byline/ana"]["article_count"] == 3
    assert "byline/keller" not in found


def test_all_is_one_append_with_one_correlation_id_and_only_the_removal_has_the_note(
    archive: Archive,
) -> None:
    head = archive.log.head
    merged = archive.merge(
        "byline/ana", "byline/keller", actor="ben", annotations={"note": "One person"}
    )
    events = list(archive.log.read(head))
    assert (merged.receipt.first, merged.receipt.added) == (head + 1, len(events))
    assert {(event.correlation_id, event.actor) for event in events} == {
        (merged.correlation_id, "ben")
    }
    assert [e.stream for e in events if "note" in e.data] == ["byline/keller"]
    assert len({event.recorded_at for event in events}) == 1


def test_a_preview_counts_what_the_merge_changes_and_appends_nothing(archive: Archive) -> None:
    head, asked = archive.log.head, []
    preview = archive.merge_preview("byline/ana", "byline/keller")
    assert preview.revised == {"article": 3, "image": 1}
    assert preview.aliases == ("A. R.", "Ana Keller", "A. K.")
    assert archive.log.head == head
    assert (
        archive.merge("byline/ana", "byline/keller", before=asked.append).revised == preview.revised
    )
    assert asked == [preview]


def test_nothing_is_appended_when_what_is_called_before_raises(archive: Archive) -> None:
    def refuse(_preview: MergePreview) -> None:
        raise Refused("not now")

    head = archive.log.head
    with pytest.raises(Refused, match="not now"):
        archive.merge("byline/ana", "byline/keller", before=refuse)
    assert archive.log.head == head


def test_undone_together_all_is_as_it_was(archive: Archive) -> None:
    before = documents(archive)
    merged = archive.merge("byline/ana", "byline/keller")
    assert documents(archive) != before
    undone = archive.undo_all(merged.correlation_id, actor="ana", annotations={"reason": "Two"})
    assert documents(archive) == before
    assert bylines(archive)["gone"] == ["byline/keller"]
    events = list(archive.log.read(undone.first - 1))
    assert len({event.correlation_id for event in events} - {merged.correlation_id}) == 1
    assert [event.stream for event in events if "reason" in event.data] == ["byline/keller"]


def test_a_preview_of_the_undoing_has_every_entity_that_changes_field_by_field(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = archive.merge("byline/ana", "byline/keller")
    head, seen = archive.log.head, []
    preview = archive.undo_preview(merged.correlation_id)
    assert archive.log.head == head
    assert preview.changed == {"article": 3, "byline": 2, "image": 1}
    changed = {each.stream: each for each in preview.entities}
    assert next(iter(changed)) == "byline/keller"
    assert changed["byline/keller"].types == ("BylineRegistered",)
    both = changed["article/both"]
    assert both.old["byline_ids"] == ["byline/ana", "byline/ben"]
    assert both.new["byline_ids"] == ["byline/keller", "byline/ben", "byline/ana"]
    monkeypatch.setattr("archive.revert_all.MOST_SHOWN", 2)
    archive.undo_all(merged.correlation_id, before=seen.append)
    assert (len(seen[0].entities), seen[0].left_out) == (2, 4)


def test_after_one_event_was_undone_alone_the_others_are_undone_together(
    archive: Archive,
) -> None:
    before = documents(archive)
    merged = archive.merge("byline/ana", "byline/keller")
    for stream in ("byline/keller", "article/both"):
        archive.undo(archive.log.stream(stream)[-1].sequence)
    assert documents(archive) != before
    archive.undo_all(merged.correlation_id)
    assert documents(archive) == before


def test_an_undoing_is_undone_as_well(archive: Archive) -> None:
    archive.merge("byline/ana", "byline/keller")
    after = documents(archive)
    for _ in range(2):
        last = archive.log.stream("byline/keller")[-1].correlation_id
        assert last is not None
        archive.undo_all(last)
    assert documents(archive) == after


def test_other_fields_that_changed_since_stay_when_it_is_undone(archive: Archive) -> None:
    merged = archive.merge("byline/ana", "byline/keller")
    archive.append("article/both", "ArticleRevised", {"headline": "Whales seen"})
    archive.undo_all(merged.correlation_id)
    assert archive.entity("article/both").fields["headline"] == "Whales seen"
    assert bylines(archive)["both"] == ["byline/keller", "byline/ben", "byline/ana"]


def test_it_is_not_undone_where_the_same_was_changed_again_and_that_is_named(
    archive: Archive,
) -> None:
    merged = archive.merge("byline/ana", "byline/keller")
    again = archive.append("article/both", "ArticleRevised", {"byline_ids": ["byline/ben"]}).last
    said = f"article/both: data.byline_ids was changed again by sequence {again}"
    with pytest.raises(Refused, match=said):
        archive.undo_all(merged.correlation_id)
    assert archive.log.head == again


def test_what_has_no_such_correlation_id_is_not_undone(archive: Archive) -> None:
    with pytest.raises(Refused, match="no event has the correlation id 'none'"):
        archive.undo_all("none")


def test_events_of_one_stream_and_created_ones_are_undone_together(archive: Archive) -> None:
    def event(stream: str, type: str, **data: Any) -> NewEvent:
        return NewEvent(stream, type, data, correlation_id="together")

    before = documents(archive)
    archive.append_all(
        [
            event("tag/sea", "TagDefined", name="Sea"),
            event("article/kept", "ArticleRevised", headline="a", body="long", tag_ids=["tag/sea"]),
            event("article/kept", "ArticleRevised", headline="b", cleared=["byline_ids"]),
            event("article/merged", "ArticleRetracted"),
        ]
    )
    archive.undo_all("together")
    assert documents(archive) == before


def refused(archive: Archive, kept: str, merged: str, said: str) -> None:
    head = archive.log.head
    for call in (archive.merge, archive.merge_preview):
        with pytest.raises(Refused, match=said):
            call(kept, merged)
    assert archive.log.head == head


REFUSALS = {
    "itself": ("byline/ana", "byline/ana", "byline/ana is merged with itself"),
    "another category": ("byline/ana", "article/kept", "are of two categories, byline and article"),
    "what does not exist": ("byline/ana", "byline/x", "byline/x does not exist"),
    "what was removed": ("article/gone", "article/kept", "article/gone was removed, at version 2"),
    "no category": ("x/1", "x/2", "there is no category 'x'; there is article"),
}


@pytest.mark.parametrize(("kept", "merged", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_merged_is_refused(
    archive: Archive, kept: str, merged: str, said: str
) -> None:
    refused(archive, kept, merged, said)


def test_a_section_takes_the_place_of_none_that_it_lies_below(archive: Archive) -> None:
    for name, parent in {"a": None, "b": "section/a", "c": "section/b"}.items():
        data = {"name": name, "parent_id": parent}
        archive.append(f"section/{name}", "SectionOpened", data)
    refused(archive, "section/b", "section/a", "section/b: data.parent_id: section/b cannot refer")
    refused(archive, "section/c", "section/a", "section/b → section/c → section/b is a cycle")
    archive.merge("section/a", "section/c")
    archive.merge("section/a", "section/b")


def things(**effects: Effect) -> Category:
    types = tuple(EventType(name, effect) for name, effect in effects.items())
    return Category("thing", pa.schema([("name", pa.string()), ("of", pa.string())]), types)


def of_things(folder: Path, thing: Category, **more: Any) -> Archive:
    archive = Archive(folder, Domain("things", [thing], [HISTORY], **more))
    for name, of in (("1", None), ("2", None), ("3", "thing/2")):
        archive.append(f"thing/{name}", "Made", {"name": name, "of": of})
    return archive


REFERENCES = {"thing": {"of": "thing"}}


def test_a_category_without_an_event_that_removes_or_revises_is_refused(tmp_path: Path) -> None:
    stays = of_things(tmp_path / "stays", things(Made=Effect.CREATES))
    refused(stays, "thing/1", "thing/2", "thing has no event that removes")
    gone = things(Made=Effect.CREATES, Gone=Effect.REMOVES)
    fixed = of_things(tmp_path / "fixed", gone, references=REFERENCES)
    refused(fixed, "thing/1", "thing/2", "thing has no event that revises, so thing/3 goes on")
    fixed.merge("thing/1", "thing/3")


def test_any_domain_merges_and_its_rules_may_refuse_it(tmp_path: Path) -> None:
    def rules(entity: Any, event: NewEvent) -> None:
        if entity.fields.get("name") == "3" and "of" in event.data:
            raise Refused("3 never changes")

    thing = things(Made=Effect.CREATES, Changed=Effect.REVISES, Gone=Effect.REMOVES)
    free = of_things(tmp_path / "free", thing, references=REFERENCES)
    assert free.merge("thing/1", "thing/2").revised == {"thing": 1}
    assert free.entity("thing/3").fields["of"] == "thing/1"
    ruled = of_things(tmp_path / "ruled", thing, references=REFERENCES)
    ruled.domain.rules = rules
    refused(ruled, "thing/1", "thing/2", "thing/3: 3 never changes; nothing was appended")


def beside(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, *between: Callable[[], object]
) -> None:
    """Call functions, one each, right before the next commits of this archive's log."""
    commit, waiting = archive.log.commit, list(between)

    def late(*arguments: Any) -> Any:
        if waiting:
            waiting.pop(0)()
        return commit(*arguments)

    monkeypatch.setattr(archive.log, "commit", late)


def test_a_revision_that_comes_between_is_kept(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Archive(archive.home, DOMAIN)
    told = {"headline": "Sunk", "byline_ids": ["byline/keller", "byline/ben"]}
    beside(archive, monkeypatch, lambda: other.append("article/kept", "ArticleRevised", told))
    beside_all = archive.merge("byline/ana", "byline/keller")
    assert archive.entity("article/kept").fields["headline"] == "Sunk"
    assert bylines(archive)["kept"] == ["byline/ana", "byline/ben"]
    assert beside_all.revised["article"] == 4


def test_what_refers_to_the_merged_one_by_an_event_that_comes_between_is_revised_after(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Archive(archive.home, DOMAIN)
    told = {**PUBLISHED, "byline_ids": ["byline/keller"]}
    beside(archive, monkeypatch, lambda: other.append("article/new", "ArticlePublished", told))
    merged = archive.merge("byline/ana", "byline/keller")
    assert archive.entity("article/new").fields["byline_ids"] == ["byline/ana"]
    assert merged.revised["article"] == 4
    archive.undo_all(merged.correlation_id)
    assert archive.entity("article/new").fields["byline_ids"] == ["byline/keller"]


def test_where_others_are_faster_again_and_again_it_gives_up(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Archive(archive.home, DOMAIN)

    def revise() -> None:
        other.append("article/both", "ArticleRevised", {"headline": str(other.log.head)})

    beside(archive, monkeypatch, *[revise] * 20)
    monkeypatch.setattr("archive.merge.TRIES", 2)
    with pytest.raises(WrongExpectedVersion):
        archive.merge("byline/ana", "byline/keller")
    assert archive.entity("byline/keller").live


PAIRS = [(f"{c}/1", f"{c}/2") for c in ("byline", "tag", "section", "image")]


NAMED = st.lists(st.sampled_from([f"byline/{number}" for number in "123"]), max_size=4)
ARTICLES = st.lists(
    st.tuples(
        st.sampled_from("1234"),
        NAMED,
        st.sampled_from(["ArticlePublished", "ArticleRevised", "ArticleRetracted"]),
    ),
    min_size=4,
    max_size=12,
)


def plainly(names: list[str]) -> list[str]:
    """The names with the first byline in the place of the second, once."""
    renamed = ["byline/1" if name == "byline/2" else name for name in names]
    first = renamed.index("byline/1")
    return [n for place, n in enumerate(renamed) if n != "byline/1" or place == first]


@given_in_tiers(2, 15, ARTICLES)
def test_every_article_of_the_merged_one_is_revised_and_undone_the_documents_are_as_before(told):
    archive = Archive(tempfile.mkdtemp(), DOMAIN)
    archive.remember_domain()
    first = [(f"byline/{n}", "BylineRegistered", {"name": n}) for n in "123"]
    first += [(f"article/{n}", "ArticlePublished", PUBLISHED) for n in "1234"]
    events = [NewEvent(*event) for event in first]
    for name, names, type_ in told:
        data = PUBLISHED if type_ == "ArticlePublished" else {}
        events.append(NewEvent(f"article/{name}", type_, {**data, "byline_ids": names}))
    archive.log.append(events)
    streams = [f"article/{n}" for n in "1234"] + [f"byline/{n}" for n in "123"]
    before = documents(archive, "bylines")
    were = {s: (archive.entity(s).live, archive.entity(s).fields) for s in streams}
    named = {s: fields["byline_ids"] for s, (_, fields) in were.items() if "byline_ids" in fields}
    expected = {s: plainly(names) for s, names in named.items() if "byline/2" in names}
    merged = archive.merge("byline/1", "byline/2")
    assert merged.revised == ({"article": len(expected)} if expected else {})
    for stream, names in named.items():
        assert archive.entity(stream).fields["byline_ids"] == expected.get(stream, names)
    archive.undo_all(merged.correlation_id)
    assert documents(archive, "bylines") == before
    assert {s: (archive.entity(s).live, archive.entity(s).fields) for s in streams} == were


@given_in_tiers(1, 10, histories(), st.sampled_from(PAIRS))
def test_merged_and_undone_no_entity_has_other_fields(events, pair):
    """Of removed entities too, which no document shows; both that are merged are there and live."""
    archive = Archive(tempfile.mkdtemp(), DOMAIN)
    archive.remember_domain()
    first = {"byline": "BylineRegistered", "tag": "TagDefined", "section": "SectionOpened"}
    first["image"] = "ImageAdded"
    category = pair[0].partition("/")[0]
    needed = {"url": "/1"} if category == "image" else {"name": "One"}
    archive.log.append([*events, *(NewEvent(s, first[category], needed) for s in pair)])
    streams = sorted({event.stream for event in archive.log.read()})
    before = {s: (archive.entity(s).live, archive.entity(s).fields) for s in streams}
    with suppress(Refused):  # the domain's rules, which an import does not keep
        merged = archive.merge(*pair)
        archive.undo_all(merged.correlation_id)
    assert {s: (archive.entity(s).live, archive.entity(s).fields) for s in streams} == before
