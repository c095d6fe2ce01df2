"""What readers may know of an entity: given these events, then this public history."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Archive
from event_log import INSTANT, Category, Effect, EventType, NewEvent
from replay import HISTORY, Domain, InvalidDomain, View, chosen, visible

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAST, FUTURE = "1912-04-15T00:00:00Z", "2912-04-15T00:00:00Z"
DAY = datetime(1912, 4, 16, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "home")


def tell(archive: Archive, *events: tuple[str, dict[str, Any]], stream: str = "article/1") -> None:
    archive.remember_domain()
    archive.log.append(
        [NewEvent(stream, t, d, occurred_at="1912-04-16", actor="ana") for t, d in events]
    )


def published(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "ArticlePublished", {"headline": "All safe", "published_at": PAST, **fields}


def test_each_event_has_its_changes_its_date_and_its_public_annotations(archive: Archive) -> None:
    correction = {"headline": "1,500 lost", "reason": "The wire was wrong", "note": "Not all safe"}
    tell(archive, published(), ("ArticleRevised", correction))
    first, second = archive.public_history("article/1", now=NOW)
    assert (first.version, first.sequence, first.effect, first.annotations) == (1, 1, "created", {})
    assert {each.field for each in first.changes} == {"headline", "published_at"}
    assert asdict(second) == {
        "version": 2,
        "sequence": 2,
        "type": "ArticleRevised",
        "effect": "revised",
        "date": DAY,
        "annotations": {"note": "Not all safe"},
        "changes": ({"field": "headline", "old": "All safe", "new": "1,500 lost"},),
    }


def test_nothing_tells_who_it_was_or_why_for_the_desk(archive: Archive) -> None:
    tell(archive, published(reason="secret"), ("ArticleRetracted", {"reason": "secret"}))
    for event in archive.public_history("article/1", now=NOW):
        said = json.dumps(asdict(event), default=str)
        assert "ana" not in said
        assert "secret" not in said


def test_an_event_without_a_date_has_the_instant_when_it_was_recorded(archive: Archive) -> None:
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    (event,) = archive.public_history("tag/sea")
    assert event.date == next(iter(archive.log.read())).recorded_at


def test_a_text_is_whole_however_long_and_a_cleared_one_has_no_new_value(archive: Archive) -> None:
    long = "word " * 1_000
    tell(archive, published(body=long, kicker="Sea"), ("ArticleRevised", {"cleared": ["kicker"]}))
    first, second = archive.public_history("article/1", now=NOW)
    assert long in [change.new for change in first.changes]
    assert [(each.field, each.old, each.new) for each in second.changes] == [
        ("kicker", "Sea", None)
    ]


def test_an_entity_that_is_created_again_tells_what_it_no_longer_has(archive: Archive) -> None:
    again = ("TagRemoved", {}), ("TagDefined", {"name": "Ocean"})
    tell(archive, ("TagDefined", {"name": "Sea", "kind": "place"}), *again, stream="tag/1")
    last = archive.public_history("tag/1")[-1]
    assert [(each.field, each.old, each.new) for each in last.changes] == [
        ("name", "Sea", "Ocean"),
        ("kind", "place", None),
    ]


def test_corrections_are_the_later_events_with_a_public_note(archive: Archive) -> None:
    tell(
        archive,
        published(note="New"),
        ("ArticleRevised", {"headline": "a", "note": "Corrected"}),
        ("ArticleRevised", {"headline": "b", "reason": "Style"}),
        ("ArticleRevised", {"headline": "c", "note": " "}),
        ("ArticleRetracted", {"note": "Withdrawn"}),
        ("ArticleReinstated", {"note": "Shown again"}),
    )
    told = [event.annotations["note"] for event in archive.corrections("article/1", now=NOW)]
    assert told == ["Corrected", "Withdrawn", "Shown again"]


def test_a_removed_entity_tells_its_note_and_date_and_none_of_its_values(archive: Archive) -> None:
    events = published(), ("ArticleRetracted", {"note": "Untrue"}), ("ArticleRevised", {"url": "/"})
    tell(archive, *events)
    withdrawal = archive.withdrawal("article/1", now=NOW)
    assert withdrawal is not None
    assert (withdrawal.version, withdrawal.date) == (2, DAY)
    assert withdrawal.annotations == {"note": "Untrue"}
    history = archive.public_history("article/1", now=NOW)
    assert [(event.version, event.changes) for event in history] == [(1, ()), (2, ())]


def test_what_is_shown_was_not_withdrawn(archive: Archive) -> None:
    tell(archive, published(), ("ArticleRetracted", {}), ("ArticleReinstated", {}))
    assert archive.withdrawal("article/1", now=NOW) is None
    assert archive.withdrawal("article/2", now=NOW) is None
    assert archive.public_history("article/1", now=NOW)[0].changes


EMBARGOED = {
    "not yet out": [published(published_at=FUTURE)],
    "dated later since": [published(), ("ArticleRevised", {"published_at": FUTURE})],
    "removed before it was out": [published(published_at=FUTURE), ("ArticleRetracted", {})],
}


@pytest.mark.parametrize("events", EMBARGOED.values(), ids=EMBARGOED)
def test_what_is_under_embargo_is_as_if_it_did_not_exist(
    archive: Archive, events: list[tuple[str, dict[str, Any]]]
) -> None:
    tell(archive, *events)
    for found in (archive.public_history, archive.corrections):
        assert found("article/1", now=NOW) == found("article/none", now=NOW) == []
    assert archive.withdrawal("article/1", now=NOW) is None


def test_an_article_is_out_at_its_instant(archive: Archive) -> None:
    tell(archive, published(published_at=NOW))
    assert archive.public_history("article/1", now=NOW)


def revised(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "ArticleRevised", fields


RETRACTED, REINSTATED = ("ArticleRetracted", {"note": "Gone"}), ("ArticleReinstated", {})
LATER = "2913-04-15T00:00:00Z"
DRAFT = published(headline="Draft", published_at=FUTURE)
LIVES: dict[str, tuple[list[tuple[str, dict[str, Any]]], list[tuple[int, str, dict[str, Any]]]]] = {
    "a draft replaced under embargo": (
        [DRAFT, revised(headline="Typo", note="Not Draft"), revised(published_at=PAST)],
        [(3, "created", {"headline": "Typo", "published_at": PAST})],
    ),
    "an embargo moved later": (
        [published(), revised(published_at=FUTURE, headline="Draft"), revised(published_at=PAST)],
        [
            (1, "created", {"headline": "All safe", "published_at": PAST}),
            (3, "revised", {"headline": "Draft"}),
        ],
    ),
    "an embargo moved earlier": (
        [DRAFT, revised(published_at=LATER), revised(published_at=PAST, headline="Out")],
        [(3, "created", {"headline": "Out", "published_at": PAST})],
    ),
    "what was said for a while under a new embargo": (
        [
            published(),
            revised(published_at=FUTURE, headline="Draft"),
            revised(headline="Draft 2"),
            revised(published_at=PAST, headline="Out"),
        ],
        [
            (1, "created", {"headline": "All safe", "published_at": PAST}),
            (4, "revised", {"headline": "Out"}),
        ],
    ),
    "removed and reinstated under embargo": (
        [DRAFT, RETRACTED, REINSTATED, revised(published_at=PAST, headline="Out")],
        [(4, "created", {"headline": "Out", "published_at": PAST})],
    ),
    "removed, and reinstated under embargo": (
        [
            published(),
            RETRACTED,
            ("ArticleReinstated", {"published_at": FUTURE, "headline": "Draft"}),
            revised(published_at=PAST, headline="Out"),
        ],
        [
            (1, "created", {"headline": "All safe", "published_at": PAST}),
            (2, "removed", {}),
            (4, "reinstated", {"headline": "Out"}),
        ],
    ),
    "revised while it was removed": (
        [published(), RETRACTED, revised(headline="Draft"), REINSTATED],
        [
            (1, "created", {"headline": "All safe", "published_at": PAST}),
            (2, "removed", {}),
            (4, "reinstated", {"headline": "Draft"}),
        ],
    ),
    "a correction after it is out": (
        [DRAFT, revised(published_at=PAST, headline="Out"), revised(headline="Better", note="So")],
        [
            (2, "created", {"headline": "Out", "published_at": PAST}),
            (3, "revised", {"headline": "Better"}),
        ],
    ),
}


def as_read(archive: Archive, **asked: Any) -> list[tuple[int, str, dict[str, Any]]]:
    def plain(value: Any) -> Any:
        return value.strftime("%Y-%m-%dT%XZ") if isinstance(value, datetime) else value

    return [
        (each.version, each.effect, {change.field: plain(change.new) for change in each.changes})
        for each in archive.public_history("article/1", **asked)
    ]


@pytest.mark.parametrize(("events", "known"), LIVES.values(), ids=LIVES)
def test_what_was_replaced_under_embargo_is_never_public(
    archive: Archive,
    events: list[tuple[str, dict[str, Any]]],
    known: list[tuple[int, str, dict[str, Any]]],
) -> None:
    for event in events:
        tell(archive, event)
    assert as_read(archive, now=NOW) == known
    assert [each[0] for each in as_read(archive, embargoed=True)] == [
        number
        for number, (type, _) in enumerate(events, 1)
        if (type, events[number - 2]) != ("ArticleRevised", RETRACTED)
    ]


def test_a_note_on_what_nobody_saw_is_no_correction_and_one_on_what_was_out_is(
    archive: Archive,
) -> None:
    out = revised(published_at=PAST, note="Now out")
    tell(archive, DRAFT, revised(headline="Typo", note="Not Draft"), out)
    assert archive.corrections("article/1", now=NOW) == []
    assert archive.public_history("article/1", now=NOW)[0].annotations == {}
    tell(archive, revised(headline="Better", note="Not Typo"))
    (event,) = archive.corrections("article/1", now=NOW)
    assert event.annotations == {"note": "Not Typo"}
    desk = archive.corrections("article/1", embargoed=True)
    assert [each.annotations["note"] for each in desk] == ["Not Draft", "Now out", "Not Typo"]


def test_what_was_removed_before_it_was_out_stays_unknown_when_its_date_has_come(
    archive: Archive,
) -> None:
    tell(archive, DRAFT, RETRACTED)
    after = datetime(2920, 1, 1, tzinfo=UTC)
    assert archive.public_history("article/1", now=after) == []
    assert archive.withdrawal("article/1", now=after) is None
    desk = archive.withdrawal("article/1", embargoed=True)
    assert desk is not None
    assert desk.annotations == {"note": "Gone"}


def test_what_was_out_between_two_events_was_public(archive: Archive) -> None:
    """The embargo ends by the clock while a version is the current one."""
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    tell(archive, published(headline="Was out", published_at=soon))
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.01)
    tell(archive, revised(headline="Better", note="Corrected"))
    assert [each[0] for each in as_read(archive)] == [1, 2]
    assert archive.corrections("article/1")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ArticleRevised", "ArticleRetracted", "ArticleReinstated"]),
        st.sampled_from([None, PAST, FUTURE]),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return Archive(tmp_path_factory.mktemp("lives"))


@given(STEPS, st.sampled_from([PAST, FUTURE]))
def test_no_value_that_was_current_only_under_embargo_is_public(
    lives: Archive, steps: list[tuple[str, str | None, bool]], date: str
) -> None:
    stream = f"article/{uuid4()}"
    events = [published(headline="word0", published_at=date, note="note0")]
    headline, live, seen, every = "word0", True, set[str](), {"word0"}
    shown = [date == PAST]
    for number, (type, moved, worded) in enumerate(steps, 1):
        seen |= {headline} if shown[-1] else set()
        headline = f"word{number}" if worded else headline
        data = {"headline": headline} if worded else {}
        date = moved or date
        events.append((type, {**data, "note": f"note{number}", "published_at": date}))
        live = type == "ArticleReinstated" or (live and type == "ArticleRevised")
        every.add(headline)
        shown.append(live and date == PAST)
    seen |= {headline} if shown[-1] else set()
    tell(lives, *events, stream=stream)
    history = lives.public_history(stream, now=NOW)
    told = {str(change.new) for each in history for change in each.changes}
    told |= {str(change.old) for each in history for change in each.changes}
    assert told & every <= seen
    assert FUTURE[:4] not in str(told)
    if shown[-1]:
        assert told & every == seen
        assert [e.version for e in history if e.effect != "removed"] == [
            number for number, is_shown in enumerate(shown, 1) if is_shown
        ]


def test_a_byline_is_told_though_its_last_article_is_under_embargo(archive: Archive) -> None:
    archive.append("byline/1", "BylineRegistered", {"name": "Ana"})
    tell(archive, published(published_at=FUTURE, byline_ids=["byline/1"]))
    assert archive.public_history("byline/1", now=NOW)


PAPER = Category(
    "paper",
    pa.schema([("title", pa.string()), ("out", INSTANT)]),
    (
        EventType("PaperWritten", Effect.CREATES, ("title",)),
        EventType("PaperRevised", Effect.REVISES),
        EventType("PaperBurnt", Effect.REMOVES),
    ),
    annotations=pa.schema([("why", pa.string()), ("public_why", pa.string())]),
)
PAPERS = View(
    name="papers",
    code_version=1,
    documents=lambda state, keys: visible(state, "paper", keys).select("id", "title", shown="out"),
    lineage=lambda state, keys: chosen(state.entities("paper"), keys).select("id", entity="id"),
    title="title",
    text={"title": "title"},
    date="shown",
    per="paper",
)


@pytest.fixture
def papers(tmp_path: Path) -> Archive:
    """Papers whose view calls the field ``out`` otherwise: one is out, others not yet."""
    domain = Domain("papers", [PAPER], [PAPERS, HISTORY], public="public_why")
    archive = Archive(tmp_path / "papers", domain)
    for name, out in (("out", PAST), ("undated", None), ("later", FUTURE), ("burnt", FUTURE)):
        archive.append(f"paper/{name}", "PaperWritten", {"title": name, "out": out, "why": "x"})
    archive.append("paper/burnt", "PaperBurnt", {"public_why": "Untrue"})
    archive.append("paper/out", "PaperBurnt", {"why": "x", "public_why": "Untrue"})
    return archive


def test_any_domain_hides_what_its_documents_date_in_the_future(papers: Archive) -> None:
    told = {n: papers.public_history(f"paper/{n}", now=NOW) for n in ("undated", "later", "burnt")}
    assert {name: bool(events) for name, events in told.items()} == {
        "undated": True,
        "later": False,
        "burnt": False,
    }
    withdrawal = papers.withdrawal("paper/out", now=NOW)
    assert withdrawal is not None
    assert withdrawal.annotations == {"public_why": "Untrue"}


@pytest.mark.parametrize(
    ("public", "said"),
    [
        (("whi",), "public: 'whi': no category has this annotation; there is why, public_why"),
        (("why", "title"), "public: 'title': is a field of paper, which readers see in"),
    ],
)
def test_what_is_no_annotation_cannot_be_public(public: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidDomain, match=said):
        Domain("papers", [PAPER], [PAPERS], public=public)


def test_a_domain_without_annotations_says_so() -> None:
    bare = replace(PAPER, annotations=pa.schema([]))
    with pytest.raises(InvalidDomain, match="no category has this annotation; there is none"):
        Domain("papers", [bare], [PAPERS], public=("note",))
