"""The file of a connector that was lost, is older than the log, or is another archive's."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from captured_cms import CMS, Cms, article, author, wrote
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.capture.capture import TakenOver
from connectors.capture.kept import Kept
from connectors.capture.replaying import ReplayRefused

WITHOUT_LISTS = CMS[: CMS.index("  article_author:")]
ODD = "  odd: {stream: 'tag/{id}', unknown: dead_letter}\n"


@pytest.fixture
def cms(tmp_path: Path) -> Cms:
    made = Cms(tmp_path)
    made.mapping_text = WITHOUT_LISTS + ODD
    return made


def odd(number: int, name: str, **rest: Any) -> tuple[str, Any, Any]:
    return "odd", {"id": number}, {"id": number, "name": name, **rest}


def lose(cms: Cms) -> None:
    for path in (cms.folder / "connect").glob("cms.sqlite*"):
        path.unlink()


def letters(cms: Cms) -> list[tuple[int, str, tuple[str, ...], bool]]:
    return [
        (each.message.origin.offset, each.reason, each.lines, each.waits)
        for each in cms.connector().letters()
    ]


def mend(cms: Cms) -> None:
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")


# what was set aside


def test_what_was_set_aside_is_found_again_though_the_mapping_has_no_lists(cms: Cms) -> None:
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)), ("c", *odd(2, "Pier")))
    cms.broker.write("cms", {"id": 1}, b"no json")
    cms.tables.transaction(("u", *odd(1, "Ocean")), ("u", *odd(2, "Quay")))
    cms.tables.transaction(("d", *odd(2, "Quay")[:2], None))
    cms.connect()
    before, events = letters(cms), cms.events()
    assert len(before) == 3
    lose(cms)
    cms.connect()
    assert (letters(cms), cms.events()) == (before, events)
    assert any("3 messages that had been set aside is so again" in told for told in cms.told)
    cms.tables.transaction(("u", *odd(1, "Whale")))
    cms.connect()
    mend(cms)
    cms.connector().replay()
    assert cms.fields("tag/1") == {"name": "Whale"}
    assert [each[1] for each in letters(cms)] == [before[1][1]]


def test_what_was_replayed_before_is_not_set_aside_again(cms: Cms) -> None:
    strict = cms.mapping_text
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.tables.transaction(("u", *odd(1, "Sea")), ("c", *odd(2, "Pier", new=1)))
    cms.connect()
    mend(cms)
    cms.connector().replay()
    cms.tables.transaction(("u", *odd(1, "Ocean")))
    cms.connect()
    events = cms.events()
    lose(cms)
    cms.mapping_text = strict
    cms.connect()
    assert letters(cms) == []
    cms.tables.transaction(("u", *odd(1, "Whale")), ("u", *odd(2, "Quay")))
    cms.connect()
    assert cms.events()[len(events) :] == [
        ("tag/1", "TagRevised", {"name": "Whale"}),
        ("tag/2", "TagRevised", {"name": "Quay"}),
    ]


def test_a_change_that_made_no_event_is_not_set_aside_when_later_ones_did(cms: Cms) -> None:
    """A mapping that is stricter now refuses what passed then, and left no trace."""
    strict = cms.mapping_text.replace("dead_letter", "dead_letter, ignored: [state]")
    cms.mapping_text = cms.mapping_text.replace("dead_letter", "ignore, where: {state: up}")
    cms.tables.transaction(("c", *odd(1, "Sea", state="down", new=1)))  # it is left out
    cms.tables.transaction(("u", *odd(1, "Sea", state="up")))
    cms.connect()
    lose(cms)
    cms.mapping_text = strict
    cms.connect()
    assert letters(cms) == []


def test_offsets_that_the_topic_does_not_hold_are_told(cms: Cms) -> None:
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.tables.transaction(("c", *odd(2, "Pier", new=1)))
    cms.connect()
    lose(cms)
    cms.broker.cut("cms", 3)
    cms.connect()
    [told] = [told for told in cms.told if "not known any more" in told]
    assert "cms, partition 0, offsets 0 to 2" in told
    assert [lines for _, _, lines, _ in letters(cms)] == [('public.odd {"id":2}',)]


def test_a_lost_file_is_made_again_once_though_there_were_replays(cms: Cms) -> None:
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.connect()
    mend(cms)
    cms.connector().replay()
    lose(cms)
    cms.connect()
    told = len(cms.told)
    cms.connect()
    assert told
    assert len(cms.told) == told


def test_making_it_again_goes_on_where_it_was_stopped(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.mapping_text = CMS + ODD
    for number in range(1, 9):
        cms.tables.transaction(("c", *article(number)), ("c", *wrote(number, 1)))
        cms.tables.transaction(("c", *odd(number, "Sea", new=1)))
    cms.connect()
    before = letters(cms)
    lose(cms)
    monkeypatch.setattr("connectors.capture.rebuilding.AT_A_TIME", 5)
    asked = []
    rebuilt = Kept.rebuilt

    def dies(kept: Kept, *given: Any) -> None:
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        rebuilt(kept, *given)

    monkeypatch.setattr(Kept, "rebuilt", dies)
    with pytest.raises(KeyboardInterrupt):
        cms.connect()
    cms.connect()
    assert letters(cms) == before
    cms.tables.transaction(*[("c", *wrote(number, 2, 2)) for number in range(1, 9)])
    cms.connect()
    for number in range(1, 9):
        assert cms.fields(f"article/{number}")["byline_ids"] == ["byline/1", "byline/2"]


def test_what_debezium_sends_again_is_known_after_the_file_was_lost(cms: Cms) -> None:
    cms.mapping_text = CMS
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)))
    first = cms.tables.last
    cms.tables.transaction(("d", *wrote(1, 1)[:2], None))
    cms.connect()
    lose(cms)
    for key, value in first:
        cms.broker.write("cms", key, value)
    figures = cms.connect()
    assert figures.known == 2
    assert "byline_ids" not in cms.fields("article/1")


# an older log, another archive


def test_a_log_that_is_an_older_copy_gets_again_what_came_since(cms: Cms) -> None:
    cms.mapping_text = CMS + ODD
    cms.tables.transaction(("c", *article(1)), ("c", *odd(1, "Sea", new=1)))
    cms.connect()
    shutil.copytree(cms.folder / "log", cms.folder / "copy")
    cms.tables.transaction(("c", *article(2)), ("c", *wrote(1, 1)), ("c", *odd(2, "Pier", new=1)))
    cms.connect()
    before, set_aside = cms.events(), letters(cms)
    shutil.rmtree(cms.folder / "log")
    (cms.folder / "copy").rename(cms.folder / "log")
    restored = Cms(cms.folder)
    restored.broker, restored.tables, restored.mapping_text = cms.broker, cms.tables, CMS + ODD
    restored.connect()
    assert restored.events() == before
    assert letters(restored) == set_aside


@pytest.fixture
def other(cms: Cms) -> Cms:
    """The same log and topics, but the home of another archive."""
    made = Cms(cms.folder)
    made.broker, made.tables, made.log = cms.broker, cms.tables, cms.log
    cms.mapping_text = made.mapping_text = CMS + ODD
    connector = made.connector

    def elsewhere(**changed: str) -> Any:
        found = connector(**changed)
        found.folder = cms.folder / "elsewhere"
        return found

    made.connector = elsewhere  # type: ignore[method-assign]
    return made


def test_two_archives_in_turn_are_told_and_lose_nothing(cms: Cms, other: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)), ("c", *odd(1, "Sea", new=1)))
    cms.connect()
    assert cms.told[:-1] == []  # but for the letter
    cms.tables.transaction(("c", *wrote(1, 2, 2)), ("u", *odd(1, "Ocean")))
    other.connect()
    told = other.told[0]
    assert "elsewhere/connect/cms.sqlite" in told
    assert "cms, partition 0: the file at 0, the log at 5" in told
    assert "another archive's connector" in told
    assert "let only one run" in told
    cms.tables.transaction(("c", *wrote(1, 3, 3)))
    cms.told.clear()
    cms.connect()
    assert "cms, partition 0: the file at 5, the log at 9" in cms.told[0]
    assert cms.fields("article/1")["byline_ids"] == ["byline/1", "byline/2", "byline/3"]
    assert letters(cms)[:2] == letters(other)
    assert len(letters(cms)) == 2


def test_letters_that_another_archive_replayed_are_not_replayed_again(cms: Cms, other: Cms) -> None:
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.connect()
    other.connect()
    mend(cms)
    mend(other)
    other.connector().replay()
    cms.tables.transaction(("u", *odd(1, "Ocean")))
    other.connect()
    with pytest.raises(ReplayRefused, match=r"cms\.sqlite does not have .* --until-end"):
        cms.connector().replay()
    cms.connect()
    assert letters(cms) == []
    assert cms.connector().replay().events == 0
    assert cms.fields("tag/1") == {"name": "Ocean"}


@pytest.mark.parametrize("first", ["cms", "other"])
def test_of_two_archives_that_run_the_later_one_ends_and_says_what_to_do(
    first: str, cms: Cms, other: Cms
) -> None:
    early, late = (cms, other) if first == "cms" else (other, cms)
    early.connect()  # both have begun before anything comes
    late.connect()
    cms.tables.transaction(("c", *author(1)))
    running = late.connector()
    take = running.source.take

    def overtaken(most: int, seconds: float) -> Any:
        taken = take(most, seconds)
        if taken.messages:
            early.connect()
        return taken

    running.source.take = overtaken
    with pytest.raises(TakenOver, match=r"stop the other, which may be of another home"):
        running.run(late.told.append, until_end=True)
    running.source.take = take
    late.connect()
    assert [event[0] for event in cms.events()] == ["byline/1"]


# the law: whatever is set aside, lost and replayed, the log comes to say what the tables have

KEYED_AND_LOOSE = (
    WITHOUT_LISTS
    + ODD
    + "  loose: {stream: 'section/{id}', unknown: dead_letter, identity: full}\n"
)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["odd", "loose"]), st.integers(1, 3), st.booleans(), st.booleans()
        ),
        st.sampled_from(["connect", "lose", "poison"]),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_replayed_in_the_end_the_log_says_what_the_tables_have(steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cms = Cms(Path(folder))
        cms.mapping_text = KEYED_AND_LOOSE
        has: dict[tuple[str, int], dict[str, Any]] = {}
        for number, step in enumerate(steps):
            if step == "connect":
                cms.connect()
            elif step == "lose":
                lose(cms)
            elif step == "poison":
                cms.broker.write("cms", {"id": 1}, b"no json")
            else:
                change(cms, has, number, *step)
        cms.connect()
        cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
        cms.connector().replay()
        cms.connect()
        for table, category in (("odd", "tag"), ("loose", "section")):
            for line in (1, 2, 3):
                name = has.get((table, line), {}).get("name")
                assert cms.fields(f"{category}/{line}").get("name") == name
        assert len(cms.connector().letters()) == steps.count("poison")


def change(
    cms: Cms, has: dict[Any, Any], number: int, table: str, line: int, removes: bool, new: bool
) -> None:
    """Change a line of a table in the way that it can be: one that does not fit has a column."""
    before = has.pop((table, line), None)
    after = None if removes else {"id": line, "name": f"n{number}"} | ({"new": 1} if new else {})
    if before is None and after is None:
        return
    if after is not None:
        has[table, line] = after
    if table == "loose":
        cms.tables.change(table, before, after)
    else:
        op = "c" if before is None else "d" if after is None else "u"
        cms.tables.transaction((op, table, {"id": line}, after))
