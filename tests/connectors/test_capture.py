"""Changes of tables become events, each once, whatever comes twice, in between, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from captured import CapturedSource
from captured_cms import CMS, Cms, article, author, wrote

from connectors.capture.capture import Capture, TakenOver
from connectors.capture.kept import Kept, KeptUnusable
from connectors.capture.rebuilding import ListsLost
from connectors.capture.rounds import Stopped
from connectors.capture.topics import ReadByAnother, Replaced
from connectors.standing import RunsAlready, hold, standings
from event_log import EventLog, InvalidEvent, NewEvent


@pytest.fixture
def cms(tmp_path: Path) -> Cms:
    return Cms(tmp_path)


def position(cms: Cms) -> int:
    [partition] = CapturedSource(cms.broker, ["cms"]).partitions()
    return cms.log.position_of(partition.producer)


# what becomes of changes


def test_lines_become_entities_and_child_lines_a_list_of_their_parent(cms: Cms) -> None:
    cms.tables.transaction(
        ("c", *author(1)), ("c", *article(1)), ("c", *wrote(1, 1, 2)), ("c", *wrote(1, 2, 1))
    )
    cms.tables.transaction(("u", *article(1, "Sea")), ("d", *wrote(1, 2)[:2], None))
    cms.connect()
    assert cms.fields("byline/1") == {"name": "Ana"}
    found = cms.fields("article/1")
    assert (found["headline"], found["byline_ids"]) == ("Sea", ["byline/1"])
    assert [e[:2] for e in cms.events()] == [
        ("byline/1", "BylineRegistered"),
        ("article/1", "ArticlePublished"),
        ("article/1", "ArticleRevised"),
    ]


def test_children_that_come_before_their_parent_are_in_the_event_that_creates_it(
    cms: Cms,
) -> None:
    cms.tables.transaction(("c", *wrote(1, 1)))
    cms.connect()
    assert cms.events() == []
    cms.tables.transaction(("c", *article(1)))
    cms.connect()
    [(stream, _, data)] = cms.events()
    assert (stream, data["byline_ids"]) == ("article/1", ["byline/1"])


def test_a_change_of_an_entity_that_the_log_lacks_creates_it(cms: Cms) -> None:
    cms.tables.transaction(("u", *article(7)), ("d", "author", {"id": 9}, None))
    figures = cms.connect()
    assert [e[:2] for e in cms.events()] == [("article/7", "ArticlePublished")]
    assert figures.letters == 0


# exactly once


def test_what_debezium_sends_again_adds_nothing_even_when_more_came_between(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)), ("d", *wrote(1, 1)[:2], None))
    first = cms.tables.last
    cms.tables.transaction(("d", *article(1)[:2], None))
    cms.connect()
    before = cms.events()
    for key, value in first:
        cms.broker.write("cms", key, value)
    cms.tables.again()
    figures = cms.connect()
    assert cms.events() == before
    assert figures.known == 4
    assert cms.fields("article/1") == {}


def test_a_transaction_that_breaks_off_and_comes_again_whole_is_there_once(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *article(2)), ("c", *article(3)))
    *whole, _end = cms.tables.last
    topic = cms.broker.topics["cms"]
    topic.messages[0].pop()  # its end did not come, nor its last change
    topic.messages[0].pop()
    cms.connect()
    assert cms.events() == []
    for key, value in [*whole, _end]:
        cms.broker.write("cms", key, value)
    cms.connect()
    assert sorted(e[0] for e in cms.events()) == ["article/1", "article/2", "article/3"]


class Killed(BaseException):
    """The process ends at a place that a test chose."""


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_kill_at_the_commit_loses_and_doubles_nothing_of_the_lists(
    place: str, cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)))
    cms.connect()
    cms.tables.transaction(("c", *wrote(1, 2, 2)))
    cms.tables.transaction(("d", *wrote(1, 1)[:2], None))
    commit = EventLog.commit

    def dies(log: EventLog, *given: Any, **named: Any) -> Any:
        if place == "after":
            commit(log, *given, **named)
        raise Killed

    monkeypatch.setattr(EventLog, "commit", dies)
    with pytest.raises(Killed):
        cms.connect()
    monkeypatch.undo()
    cms.tables.transaction(("c", *wrote(1, 3, 3)))
    cms.connect()
    assert cms.fields("article/1")["byline_ids"] == ["byline/2", "byline/3"]
    lists = [e[2]["byline_ids"] for e in cms.events() if "byline_ids" in e[2]]
    assert lists == [
        ["byline/1"],
        ["byline/1", "byline/2"],
        ["byline/2"],
        ["byline/2", "byline/3"],
    ]


def test_of_two_connectors_one_ends_and_says_so(cms: Cms, tmp_path: Path) -> None:
    cms.tables.transaction(("c", *article(1)))
    other = Cms(tmp_path)
    other.broker, other.tables = cms.broker, cms.tables
    other.folder = tmp_path / "other"  # another machine, with the same log
    other.folder.mkdir()
    slow = cms.connector()
    overtaken = Overtaken(CapturedSource(cms.broker, ["cms"]), lambda: run_elsewhere(cms))
    slow.source = overtaken
    with pytest.raises(TakenOver, match="another connector reads cms into this log"):
        slow.run(cms.told.append, until_end=True)
    assert [e[0] for e in cms.events()] == ["article/1"]


def run_elsewhere(cms: Cms) -> None:
    elsewhere = cms.connector()
    elsewhere.folder = cms.folder / "elsewhere"
    elsewhere.run(cms.told.append, until_end=True)


class Overtaken(CapturedSource):
    """A source that lets somebody else go first, once messages were taken."""

    def __init__(self, source: CapturedSource, first: Any) -> None:
        super().__init__(source._broker, source._topics)
        self._first = first

    def take(self, most: int, seconds: float) -> Any:
        taken = super().take(most, seconds)
        if taken.messages and self._first is not None:
            first, self._first = self._first, None
            first()
        return taken


def test_a_second_mapping_of_a_topic_is_refused_for_it_would_never_see_what_was_read(
    cms: Cms,
) -> None:
    cms.tables.transaction(("c", *author(1)), ("c", *article(1)))
    cms.connect()
    cms.mapping_text = CMS.replace("source: cms", "source: desk")
    with pytest.raises(ReadByAnother, match=r"topic cms .* source cms\..* source: cms in it"):
        cms.connect()
    with pytest.raises(ReadByAnother):
        cms.connector().look(1, cms.told.append)
    cms.broker.make("cms")  # another topic, which nobody reads
    cms.tables.transaction(("c", *article(2)))
    cms.connect()
    assert cms.fields("article/2")


def test_a_table_that_the_mapping_has_later_is_told_and_comes_by_a_snapshot(cms: Cms) -> None:
    cms.mapping_text = CMS.replace("  author:\n    stream: byline/{id}\n", "")
    cms.tables.transaction(("c", *author(1)), ("c", *article(1)))
    cms.connect()
    assert cms.told == []
    cms.mapping_text = CMS
    cms.connect()
    cms.connect()
    [told] = cms.told
    assert "the mapping has public.author now" in told
    cms.tables.snapshot(author(1), mark="incremental")
    cms.connect()
    assert cms.fields("byline/1") == {"name": "Ana"}


def test_a_second_connector_of_the_same_archive_does_not_begin(cms: Cms) -> None:
    lock = hold(cms.folder, "cms")
    with pytest.raises(RunsAlready, match="cms runs already"):
        cms.connect()
    lock.release()
    cms.connect()


# transactions


def test_a_transaction_has_one_correlation_id_and_small_ones_share_a_commit(cms: Cms) -> None:
    first = cms.tables.transaction(("c", *article(1)), ("c", *article(2)))
    second = cms.tables.transaction(("c", *article(3)))
    cms.connect()
    correlations = [event.correlation_id for event in cms.log.read()]
    assert correlations == [f"cms:{first}", f"cms:{first}", f"cms:{second}"]
    assert cms.commits() == [["article/1", "article/2", "article/3"]]


def test_a_transaction_is_one_commit_though_it_came_in_parts(cms: Cms) -> None:
    cms.mapping_text = cms.mapping_text.replace("wait_ms: 0", "wait_ms: 0, commit: 2")
    cms.tables.transaction(*[("c", *article(n)) for n in range(1, 8)])
    cms.connect()
    assert [len(commit) for commit in cms.commits()] == [7]


def test_a_transaction_above_the_limit_is_split_and_said(cms: Cms) -> None:
    cms.mapping_text = cms.mapping_text.replace(
        "wait_ms: 0", "wait_ms: 0, commit: 2, transaction: 3"
    )
    number = cms.tables.transaction(*[("c", *article(n)) for n in range(1, 8)])
    cms.connect()
    assert [len(commit) for commit in cms.commits()] == [3, 3, 1]
    assert {event.correlation_id for event in cms.log.read()} == {f"cms:{number}"}
    [said] = [told for told in cms.told if "more than 3 changes" in told]
    assert said.startswith(f"transaction {number} has")


def test_a_transaction_of_many_bytes_is_split_too(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.capture.units.MOST_BYTES", 1_000)
    cms.mapping_text = cms.mapping_text.replace("wait_ms: 0", "wait_ms: 0, commit: 1")
    cms.tables.transaction(*[("c", *article(n, "w" * 200)) for n in range(1, 4)])
    cms.connect()
    assert [len(commit) for commit in cms.commits()] == [2, 1]


def test_without_boundaries_changes_still_have_the_id_of_their_transaction(cms: Cms) -> None:
    cms.tables.boundaries = False
    number = cms.tables.transaction(("c", *article(1)), ("c", *article(2)))
    cms.connect()
    assert [event.correlation_id for event in cms.log.read()] == [f"cms:{number}"] * 2


def test_a_topic_of_several_partitions_is_read_and_said_to_have_no_whole_transactions(
    cms: Cms,
) -> None:
    cms.broker.make("cms", partitions=3)
    cms.tables.transaction(("c", *article(1)))
    for partition in (1, 2):
        key, value = author(partition)[1:]
        source = {"name": "cms", "schema": "public", "table": "author", "lsn": 9, "txId": partition}
        said = {"op": "c", "before": None, "after": value, "source": source}
        cms.broker.write("cms", key, said, partition=partition)
    cms.connect()
    assert sorted(e[0] for e in cms.events()) == ["article/1", "byline/1", "byline/2"]
    [told] = cms.told
    assert "the topic cms has 3 partitions" in told
    cms.mapping_text += "transactions: false\n"
    cms.connect()
    assert len(cms.told) == 1


# snapshots


def test_a_snapshot_taken_again_adds_only_what_differs(cms: Cms) -> None:
    lines = [author(1), author(2, "Bo"), article(1), wrote(1, 1), wrote(1, 2, 2)]
    cms.tables.snapshot(*lines)
    cms.connect()
    before = len(cms.events())
    cms.tables.snapshot(*lines)
    cms.tables.snapshot(author(2, "Beate"), mark="incremental")
    cms.connect()
    assert cms.events()[before:] == [("byline/2", "BylineRevised", {"name": "Beate"})]
    assert not any("did not show" in told for told in cms.told)


def test_what_a_whole_snapshot_lacks_is_reported_and_not_removed(cms: Cms) -> None:
    cms.tables.snapshot(author(1), author(2), article(1), article(2), wrote(1, 1), wrote(1, 2))
    cms.connect()
    cms.tables.snapshot(author(1), article(1), wrote(1, 1))
    cms.tables.transaction(("c", *article(3)), ("c", *wrote(3, 1)))
    cms.connect()
    lines = (cms.folder / "connect" / "cms.missing.jsonl").read_bytes().splitlines()
    found = {(m["table"], m["what"]): m["names"] for m in map(orjson.loads, lines)}
    key = '{"article_id":1,"author_id":2}'
    of_list = ("public.article_author", "public.article_author.byline_ids")
    assert found == {
        ("public.author", "streams"): ["byline/2"],
        ("public.article", "streams"): ["article/2"],
        of_list: [key],
    }
    assert cms.fields("article/2")
    assert cms.fields("article/1")["byline_ids"] == ["byline/1", "byline/2"]
    assert any("did not show 1 entity that there is: article/2" in told for told in cms.told)


def test_a_snapshot_that_was_broken_off_and_begins_anew_is_compared_as_one(cms: Cms) -> None:
    cms.tables.snapshot(author(1), article(1), article(2))
    cms.connect()
    lines = [author(1), article(1), article(2)]
    cms.tables.snapshot(*lines[:2], mark="first")
    cms.connect()
    cms.tables.snapshot(*lines)
    cms.connect()
    assert not any("did not show" in told for told in cms.told)


# positions


def test_what_says_nothing_moves_the_position_without_an_event(cms: Cms) -> None:
    cms.broker.write("cms", {"x": 1}, {"ts_ms": 5})
    cms.broker.write("cms", {"id": 1}, None)
    cms.tables.transaction(("c", "other", {"id": 1}, {"id": 1}))
    cms.broker.leave_hole("cms", 3)
    figures = cms.connect()
    assert (figures.events, figures.unmapped) == (0, 1)
    assert cms.log.head == 0
    assert position(cms) == cms.broker.topics["cms"].next[0]


def test_a_lost_move_is_read_again_and_harms_nothing(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)))
    cms.connect()
    cms.tables.transaction(("c", *wrote(9, 1)))  # a child without a parent: no event
    cms.connect()
    [move] = (cms.folder / "log" / "positions").glob("*.json")
    move.unlink()
    cms.tables.transaction(("c", *article(9)))
    cms.connect()
    assert cms.fields("article/9")["byline_ids"] == ["byline/1"]


# what cannot be read on


def test_a_topic_that_was_made_again_is_an_error_until_somebody_says_to_begin_again(
    cms: Cms,
) -> None:
    cms.tables.transaction(("c", *article(1)))
    cms.connect()
    cms.broker.make("cms")
    cms.tables.transaction(("c", *article(2)))
    with pytest.raises(Replaced, match=r"deleted and made again.*--begin-again") as told:
        cms.connect()
    assert "snapshot" in str(told.value)
    assert cms.fields("article/2") == {}
    cms.connect(begin_again=True)
    cms.connect()
    assert cms.fields("article/2")


def test_a_topic_made_again_while_it_is_read_is_found_before_anything_of_it_counts(
    cms: Cms,
) -> None:
    cms.tables.transaction(("c", *article(1)))
    connector = cms.connector()

    def make_again() -> None:
        cms.broker.make("cms")

    connector.source = Overtaken(CapturedSource(cms.broker, ["cms"]), make_again)
    with pytest.raises(Replaced):
        connector.run(cms.told.append, until_end=True)
    assert cms.events() == []


@pytest.fixture
def idle(cms: Cms, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], str]:
    """Run a connector that has read all, let something happen, and return how it ends."""
    monkeypatch.setattr("connectors.capture.waiting.AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("connectors.capture.waiting.DELETED_SECONDS", 0.3)
    monkeypatch.setattr("connectors.capture.capture.MOVE_SECONDS", 0.0)
    monkeypatch.setattr("connectors.capture.capture.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("connectors.capture.connector.SAY_SECONDS", 0.0)

    def ended(happens: Callable[[], None]) -> str:
        cms.tables.transaction(("c", *article(1)))
        running, steps = list[Capture](), []

        def said(_: object) -> None:
            steps.append(1)
            if len(steps) == 20:
                happens()
            elif len(steps) == 5_000:
                running[0].stop()

        with pytest.raises(Replaced) as told:
            cms.connector().run(cms.told.append, started=running.append, said=said)
        assert [e[0] for e in cms.events()] == ["article/1"]
        return str(told.value)

    return ended


def test_a_topic_that_is_deleted_while_nothing_comes_is_told_and_ends_it(
    cms: Cms, idle: Callable[[Callable[[], None]], str]
) -> None:
    told = idle(lambda: cms.broker.topics.clear())
    assert told.startswith("the topic cms was deleted (its id was")
    assert "--begin-again" in told
    assert cms.told == ["the topic cms is not there any more, as if it was deleted; waiting"]
    [standing] = standings(cms.folder)
    assert standing.note.startswith("the topic cms is not there any more")
    with pytest.raises(Replaced, match="the topic cms was deleted"):
        cms.connector().run(cms.told.append)  # nor does it wait for ever when it starts


def test_a_topic_that_is_made_again_while_nothing_comes_is_said_to_be_another(
    cms: Cms, idle: Callable[[Callable[[], None]], str]
) -> None:
    told = idle(lambda: cms.broker.make("cms"))
    assert told.startswith("the topic cms was deleted and made again")
    cms.tables.transaction(("c", *article(2)))
    cms.connect(begin_again=True)
    assert cms.fields("article/2")


def test_an_offset_that_is_not_held_any_more_is_an_error_until_told_otherwise(cms: Cms) -> None:
    cms.tables.transaction(("c", *author(1)))
    cms.connect()
    for n in range(2, 6):
        cms.tables.transaction(("c", *author(n)))
    cms.broker.cut("cms", cms.broker.topics["cms"].next[0] - 3)
    with pytest.raises(Replaced, match="offset 3 is not held any more, it begins at 12"):
        cms.connect()
    cms.connect(begin_again=True)
    assert [e[0] for e in cms.events()] == ["byline/1", "byline/5"]
    cms.connect()


def test_a_lost_file_is_made_again_from_the_topic(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)), ("c", *wrote(1, 2, 2)))
    cms.connect()
    before = cms.events()
    lose(cms)
    cms.connect()
    assert cms.events() == before
    assert any("read again from the topic" in told for told in cms.told)
    cms.tables.transaction(("d", *wrote(1, 1)[:2], None))
    cms.connect()
    assert cms.fields("article/1")["byline_ids"] == ["byline/2"]


def test_a_lost_file_that_the_topic_does_not_give_back_is_an_error(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)))
    cms.connect()
    lose(cms)
    cms.broker.cut("cms", 2)
    with pytest.raises(ListsLost, match=r"snapshot of public\.article_author"):
        cms.connect()
    cms.connect(begin_again=True)
    cms.connect()


def lose(cms: Cms) -> None:
    for path in (cms.folder / "connect").glob("cms.sqlite*"):
        path.unlink()


def test_an_older_file_is_brought_up_to_the_log(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)))
    cms.connect()
    path = Kept.path_of(cms.folder, "cms")
    old = path.read_bytes()
    cms.tables.transaction(("c", *wrote(1, 2, 2)))
    cms.connect()
    lose(cms)
    path.write_bytes(old)
    cms.tables.transaction(("c", *wrote(1, 3, 3)))
    cms.connect()
    assert cms.fields("article/1")["byline_ids"] == ["byline/1", "byline/2", "byline/3"]


# dead letters


@pytest.fixture
def held_file(cms: Cms) -> Iterator[sqlite3.Connection]:
    """The connector's file, which another process has to itself, and nobody waits for it."""
    cms.tables.transaction(("c", *article(1)))
    cms.connect()
    with closing(sqlite3.connect(Kept.path_of(cms.folder, "cms"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_file_in_use_is_read_and_never_said_to_be_damaged(
    held_file: sqlite3.Connection, cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *at, **how: connect(*at, **{**how, "timeout": 0})
    )
    assert cms.connector().letters() == []
    cms.tables.transaction(("c", *article(2)))
    assert len(cms.connector().look(9, cms.told.append).events) == 1
    with pytest.raises(KeptUnusable, match=r"cms\.sqlite is in use by another process"):
        cms.connect()
    held_file.execute("ROLLBACK")
    cms.connect()
    assert cms.fields("article/2")


def test_a_full_disk_is_told_as_such_and_the_next_run_goes_on(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.tables.transaction(*(("c", *article(n, "Whales " * 9)) for n in range(1, 50)))
    cms.connect()
    kept_to = Kept.begin

    def full(kept: Kept) -> None:
        pages = kept.connection.execute("PRAGMA page_count").fetchone()[0]
        kept.connection.execute(f"PRAGMA max_page_count = {pages}")
        kept_to(kept)

    monkeypatch.setattr(Kept, "begin", full)
    cms.tables.transaction(*(("c", *wrote(1, n, n)) for n in range(1, 500)))
    with pytest.raises(KeptUnusable, match=r"cms\.sqlite: database or disk is full; .* room"):
        cms.connect()
    monkeypatch.undo()
    cms.connect()
    assert len(cms.fields("article/1")["byline_ids"]) == 499


def test_a_poison_message_is_set_aside_with_where_it_lies_and_the_rest_goes_on(cms: Cms) -> None:
    offset = cms.broker.write("cms", {"id": 1}, b"\xff no json")
    cms.tables.transaction(("c", *article(1)))
    figures = cms.connect()
    assert figures.letters == 1
    assert cms.fields("article/1")
    [letter] = cms.connector().letters()
    told = letter.told()
    assert (told["topic"], told["partition"], told["offset"]) == ("cms", 0, offset)
    assert "not JSON" in str(told["reason"])
    assert letter.message.value == b"\xff no json"
    assert cms.connect().letters == 0  # the position is behind it


def test_what_comes_later_of_the_same_line_waits_and_is_replayed_in_order(cms: Cms) -> None:
    cms.mapping_text += "  odd: {stream: 'tag/{id}', unknown: dead_letter}\n"
    odd = {"id": 1, "name": "Sea", "new": 5}
    cms.tables.transaction(("c", "odd", {"id": 1}, odd))
    cms.tables.transaction(("u", "odd", {"id": 1}, {"id": 1, "name": "Ocean"}))
    cms.connect()
    cms.tables.transaction(("u", "odd", {"id": 1}, {"id": 1, "name": "Whale"}))
    cms.tables.transaction(("c", "odd", {"id": 2}, {"id": 2, "name": "Ship"}))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["tag/2"]
    letters = cms.connector().letters()
    assert [letter.waits for letter in letters] == [False, True, True]
    assert "new" in letters[0].reason
    replayed = cms.connector().replay()
    assert (replayed.tried, replayed.left) == (3, 3)
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
    replayed = cms.connector().replay()
    assert (replayed.tried, replayed.left, replayed.events) == (3, 0, 3)
    assert [e[2]["name"] for e in cms.events() if e[0] == "tag/1"] == ["Sea", "Ocean", "Whale"]
    cms.tables.transaction(("u", "odd", {"id": 1}, {"id": 1, "name": "Last"}))
    cms.connect()
    assert cms.fields("tag/1")["name"] == "Last"


ODD = "  odd: {stream: 'tag/{id}', unknown: dead_letter, truncate: remove}\n"


def odd(number: int, name: str, **rest: Any) -> tuple[str, Any, Any]:
    return "odd", {"id": number}, {"id": number, "name": name, **rest}


def test_a_truncation_waits_for_what_was_set_aside_of_its_table(cms: Cms) -> None:
    cms.mapping_text += ODD
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)), ("c", *odd(2, "Pier")))
    cms.tables.transaction(("t", "odd", None, None), ("c", *odd(3, "Quay")))
    cms.connect()
    assert [each.waits for each in cms.connector().letters()] == [False, True, True]
    cms.tables.transaction(("c", *odd(4, "Mole")), ("c", *author(1)))  # it waits in a later run too
    cms.connect()
    assert [e[0] for e in cms.events()] == ["tag/2", "byline/1"]
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
    cms.connector().replay()
    assert cms.connector().letters() == []
    live = [number for number in range(1, 5) if cms.fields(f"tag/{number}")]
    assert live == [3, 4]


def test_a_truncation_that_removes_nothing_waits_for_nothing(cms: Cms) -> None:
    cms.mapping_text += ODD.replace("remove", "ignore")
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.tables.transaction(("t", "odd", None, None), ("c", *odd(2, "Pier")))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["tag/2"]


KEYLESS = "  loose: {stream: 'tag/{id}', unknown: dead_letter, identity: full}\n"


def loose(number: int, name: str, **rest: Any) -> dict[str, Any]:
    return {"id": number, "name": name, **rest}


def mend(cms: Cms) -> None:
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
    cms.connector().replay()


def test_a_line_without_a_key_waits_for_what_was_set_aside_of_the_same_stream(cms: Cms) -> None:
    cms.mapping_text += KEYLESS
    cms.tables.change("loose", None, loose(1, "Sea", new=1))
    cms.tables.change("loose", loose(1, "Sea", new=1), loose(1, "Ocean"))
    cms.tables.change("loose", None, loose(2, "Pier"))
    cms.connect()
    cms.tables.snapshot(("loose", None, loose(1, "Whale")), mark="incremental")
    cms.connect()
    assert [e[0] for e in cms.events()] == ["tag/2"]
    letters = cms.connector().letters()
    assert [(each.line, each.waits) for each in letters] == [
        ("public.loose tag/1", False),
        ("public.loose tag/1", True),
        ("public.loose tag/1", True),
    ]
    mend(cms)
    assert cms.connector().letters() == []
    assert [e[2]["name"] for e in cms.events() if e[0] == "tag/1"] == ["Sea", "Ocean", "Whale"]


def test_a_line_without_a_key_that_becomes_another_holds_both(cms: Cms) -> None:
    cms.mapping_text += KEYLESS
    cms.tables.change("loose", None, loose(1, "Sea"))
    cms.tables.change("loose", loose(1, "Sea"), loose(2, "Sea", new=1))
    cms.tables.change("loose", loose(2, "Sea", new=1), loose(2, "Ocean"))
    cms.tables.change("loose", None, loose(1, "Pier"))
    cms.connect()
    assert [e[:2] for e in cms.events()] == [("tag/1", "TagDefined")]
    letters = cms.connector().letters()
    assert letters[0].line == "public.loose tag/1 and public.loose tag/2"
    mend(cms)
    assert (cms.fields("tag/1"), cms.fields("tag/2")) == ({"name": "Pier"}, {"name": "Ocean"})


def test_where_no_line_is_told_the_whole_table_waits_and_only_that(cms: Cms) -> None:
    cms.mapping_text += KEYLESS
    cms.tables.change("loose", None, {"id": None, "name": "Sea"})
    cms.tables.change("loose", None, loose(2, "Pier"))
    cms.tables.transaction(("c", *author(1)))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["byline/1"]
    assert [each.line for each in cms.connector().letters()] == [
        "public.loose *",
        "public.loose tag/2",
    ]
    cms.tables.change("loose", None, loose(3, "Quay"))
    assert cms.connect().letters == 1


def refusing(monkeypatch: pytest.MonkeyPatch, stream: str, field: str, reason: str) -> None:
    """Let the log refuse what has an event of a stream."""
    commit = EventLog.commit

    def refuses(log: EventLog, batch: Any, *given: Any, **named: Any) -> Any:
        streams = [envelope[1] for envelope, _ in batch.lines or ()]
        if stream in streams:
            raise InvalidEvent(field, reason, streams.index(stream))
        return commit(log, batch, *given, **named)

    monkeypatch.setattr(EventLog, "commit", refuses)


def test_children_without_a_key_wait_for_their_parent_s_list(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *article(2)))
    cms.connect()
    refused = cms.mapping_text.replace("order: ordinal", "order: place")
    loosely = [{"article_id": n, "author_id": n, "ordinal": 1, "place": 1} for n in (1, 2)]
    refusing(monkeypatch, "article/1", "byline_ids", "is refused")
    cms.mapping_text = refused
    cms.tables.change("article_author", None, loosely[0])
    cms.connect()
    monkeypatch.undo()
    cms.tables.change("article_author", loosely[0], None)
    cms.tables.change("article_author", None, loosely[1])
    cms.connect()
    letters = cms.connector().letters()
    assert [(each.line, each.waits) for each in letters] == [
        ("public.article_author article/1", False),
        ("public.article_author article/1", True),
    ]
    cms.connector().replay()
    assert cms.connector().letters() == []
    assert "byline_ids" not in cms.fields("article/1")
    assert cms.fields("article/2")["byline_ids"] == ["byline/2"]


def test_what_comes_after_a_message_that_cannot_be_read_waits_for_it(cms: Cms) -> None:
    """Its value tells the table and its key the line, though something else in it is wrong."""
    cms.tables.transaction(("c", *author(1)))
    key, value = cms.tables.last[1]
    value["source"] |= {"lsn": "much"}
    cms.broker.topics["cms"].messages[0].clear()
    cms.broker.write("cms", key, value)
    cms.tables.transaction(("u", *author(1, "Bea")), ("c", *author(2)))
    cms.connect()
    cms.tables.transaction(("u", *author(1, "Cy")))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["byline/2"]
    letters = cms.connector().letters()
    assert [each.line for each in letters] == ['public.author {"id":1}'] * 3
    replayed = cms.connector().replay()  # it still cannot be read, and the rest still waits
    assert (replayed.tried, replayed.left, replayed.events) == (3, 3, 0)


def test_a_replay_is_not_stopped_by_what_stays_set_aside(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.mapping_text += ODD
    for number in range(1, 4):
        cms.tables.transaction(("c", *odd(number, "Sea", new=1)))
        cms.connect()
    monkeypatch.setattr("connectors.capture.rounds.MOST_LETTERS", 2)
    cms.mapping_text += "poison: error\n"
    replayed = cms.connector().replay()
    assert (replayed.tried, replayed.left) == (3, 3)


def test_letters_are_replayed_by_their_offsets_though_the_clock_was_set_back(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.mapping_text += ODD
    for name, year in (("Sea", 2030), ("Ocean", 2020)):
        clock = SimpleNamespace(now=lambda zone, year=year: datetime(year, 1, 1, tzinfo=zone))
        monkeypatch.setattr("connectors.capture.letters.datetime", clock)
        cms.tables.transaction(("u", *odd(1, name, new=1)))
        cms.connect()
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
    cms.connector().replay()
    assert cms.fields("tag/1") == {"name": "Ocean"}


def test_a_mapping_that_stops_does_so_though_something_waits_before(cms: Cms) -> None:
    cms.mapping_text += ODD
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)))
    cms.connect()
    cms.mapping_text += "poison: error\n"
    cms.tables.transaction(("u", *odd(1, "Ocean")), ("c", *odd(2, "Pier", new=2)))
    with pytest.raises(Stopped, match=r"offset 5.*column new"):
        cms.connect()
    assert len(cms.connector().letters()) == 1


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_replay_that_is_killed_counts_once(
    place: str, cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.mapping_text += "  odd: {stream: 'tag/{id}', unknown: dead_letter}\n"
    cms.tables.transaction(("c", "odd", {"id": 1}, {"id": 1, "name": "Sea", "new": 5}))
    cms.connect()
    cms.mapping_text = cms.mapping_text.replace("unknown: dead_letter", "ignored: [new]")
    commit = EventLog.commit

    def dies(log: EventLog, *given: Any, **named: Any) -> Any:
        if place == "after":
            commit(log, *given, **named)
        raise Killed

    monkeypatch.setattr(EventLog, "commit", dies)
    with pytest.raises(Killed):
        cms.connector().replay()
    monkeypatch.undo()
    cms.connector().replay()
    cms.connector().replay()
    assert [e[:2] for e in cms.events()] == [("tag/1", "TagDefined")]
    assert cms.connector().letters() == []


def test_a_letter_of_a_round_that_was_killed_does_not_wait_for_itself(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms.mapping_text += ODD
    cms.tables.transaction(("c", *odd(1, "Sea", new=1)), ("c", *odd(2, "Pier")))

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    monkeypatch.setattr(EventLog, "commit", dies)
    with pytest.raises(Killed):
        cms.connect()
    monkeypatch.undo()
    cms.connect()
    [letter] = cms.connector().letters()
    assert "column new" in letter.reason
    assert not letter.waits


def test_what_the_log_refuses_is_set_aside_and_the_rest_of_the_round_counts(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, "article/2", "event_id", "is another event's")
    cms.tables.transaction(("c", *article(1)), ("c", *article(2)), ("c", *wrote(1, 1)))
    cms.tables.transaction(("c", *article(3)), ("u", *article(2, "Sea")))
    figures = cms.connect()
    assert figures.letters == 2
    assert [e[0] for e in cms.events()] == ["article/1", "article/3"]
    assert cms.fields("article/1")["byline_ids"] == ["byline/1"]
    reasons = [letter.reason for letter in cms.connector().letters()]
    assert "the log refuses ArticlePublished of article/2" in reasons[0]
    assert "waits" in reasons[1]


def test_a_function_that_would_end_the_process_sets_its_line_aside(cms: Cms) -> None:
    cms.mapping_text = cms.mapping_text.replace(
        "abstract: summary", 'abstract: {function: "sys:exit", columns: [summary]}'
    )
    cms.tables.transaction(("c", *article(1, summary="over")), ("c", *author(1)))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["byline/1"]
    [letter] = cms.connector().letters()
    assert letter.reason.endswith("column summary: abstract: SystemExit: over")


def test_a_mapping_may_say_to_stop_instead(cms: Cms) -> None:
    cms.tables.transaction(("c", "author", {"id": 1}, {"id": 1, "name": "Ana", "new": 1}))
    with pytest.raises(Stopped, match=r"offset 1.*column new"):
        cms.connect()
    assert position(cms) == 0
    assert cms.connector().letters() == []


def test_a_mapping_may_say_that_no_message_is_set_aside(cms: Cms) -> None:
    cms.mapping_text += "poison: error\n"
    cms.tables.transaction(("c", *article(1)))
    offset = cms.broker.write("cms", {"id": 1}, b"no json")
    with pytest.raises(Stopped, match=f"offset {offset}: .*not JSON"):
        cms.connect()
    assert (position(cms), cms.connector().letters()) == (0, [])


def test_too_many_dead_letters_in_one_round_stop_the_connector(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.capture.rounds.MOST_LETTERS", 3)
    for _ in range(5):
        cms.broker.write("cms", None, b"no")
    with pytest.raises(Stopped, match="5 messages do not fit"):
        cms.connect()
    assert position(cms) == 0


# seeing, waiting, ending


def test_a_look_shows_the_events_and_changes_nothing(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)), ("c", *wrote(1, 1)))
    cms.broker.write("cms", None, b"no")
    looked = cms.connector().look(100, cms.told.append)
    assert [(e.stream, e.data["byline_ids"]) for e in looked.events] == [
        ("article/1", ["byline/1"])
    ]
    assert len(looked.letters) == 1
    assert looked.messages == 5
    assert cms.log.head == 0
    assert position(cms) == 0
    assert not (cms.folder / "connect").exists()
    assert cms.connector().look(2, cms.told.append).messages == 2


def test_a_broker_that_is_away_is_said_once_and_waited_for(
    cms: Cms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.capture.waiting.AGAIN_SECONDS", 0.0)
    cms.tables.transaction(("c", *article(1)))
    cms.broker.away = "the broker does not answer"
    asked = []

    class Back(CapturedSource):
        def partitions(self) -> Any:
            asked.append(1)
            if len(asked) == 4:
                self._broker.away = ""
            return super().partitions()

    connector = cms.connector()
    connector.source = Back(cms.broker, ["cms"])
    connector.run(cms.told.append, until_end=True)
    assert cms.told == ["the broker does not answer; waiting", "the source answers again"]
    assert cms.fields("article/1")


def test_it_ends_when_it_is_told_to_and_goes_on_there(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)))

    stopping: list[Capture] = []
    connector = cms.connector()
    connector.run(cms.told.append, started=stopping.append, said=lambda _: stopping[0].stop())
    cms.tables.transaction(("c", *article(2)))
    cms.connect()
    assert [e[0] for e in cms.events()] == ["article/1", "article/2"]


def test_it_says_how_it_does_beside_the_log(cms: Cms) -> None:
    cms.tables.transaction(("c", *article(1)))
    cms.broker.write("cms", None, b"no")
    cms.connect()
    [standing] = standings(cms.folder)
    assert (standing.name, standing.direction, standing.lag) == ("cms", "connect", 0)
    assert (standing.events, standing.dead_letters, standing.running) == (1, 1, False)
    assert standing.position == str(cms.broker.topics["cms"].next[0])


def test_what_an_editor_did_meanwhile_is_known(cms: Cms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.capture.connector.SAY_SECONDS", 0)
    cms.tables.transaction(("c", *article(1)))
    running: list[Capture] = []

    def edit_once(_: object) -> None:
        if cms.log.head == 1:
            cms.log.append([NewEvent("article/1", "ArticleRetracted", {})])
            cms.tables.transaction(("u", *article(1, "Sea")))
        elif cms.log.head > 2:
            running[0].stop()

    cms.connector().run(cms.told.append, started=running.append, said=edit_once)
    assert [e[1] for e in cms.events()] == [
        "ArticlePublished",
        "ArticleRetracted",
        "ArticleReinstated",
    ]
    assert cms.fields("article/1")["headline"] == "Sea"


def test_one_line_of_many_that_does_not_fit_is_set_aside_alone(cms: Cms) -> None:
    lines = [article(n, None if n == 70 else f"Whales {n}") for n in range(1, 201)]  # type: ignore[arg-type]
    cms.tables.transaction(*[("c", *line) for line in lines])
    figures = cms.connect()
    assert (figures.events, figures.letters) == (199, 1)
    [letter] = cms.connector().letters()
    assert letter.line == 'public.article {"id":70}'
    assert cms.fields("article/71")["headline"] == "Whales 71"
