"""A relay sends each event once and in order, whatever is interrupted; with a sink in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from connectors import Relay, RelayError, cloud_events
from connectors import relay as relaying
from connectors.chunks import Chunk, sized
from connectors.relay import Interrupted, Place
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES

SOURCE = "/api/v1/events"


class Memory:
    """A sink that keeps what was committed; it can be interrupted before or after a commit."""

    name = "topic memory"

    def __init__(self, interruptions: Sequence[str] = ()) -> None:
        self.committed: list[tuple[int, str, bytes]] = []
        self.reached: Place | None = None
        self.sent: list[Chunk] = []
        self.together: list[int] = []
        """How many events counted together."""
        self.sizes: list[int] = []
        self.begun = 0
        self._interruptions = iter(interruptions)

    def begin(self) -> Place | None:
        self.begun += 1
        self.sent = []
        return self.reached

    def place(self) -> Place | None:
        return self.reached

    def put(self, chunk: Chunk) -> None:
        if next(self._interruptions, "") == "before":
            raise Interrupted("before it was sent")
        self.sent.append(chunk)

    def commit(self, place: Place) -> None:
        interruption = next(self._interruptions, "")
        if interruption == "before":
            raise Interrupted("before the commit")
        for chunk in self.sent:
            self.committed += zip(chunk.sequences, chunk.streams, chunk.cloud_events, strict=True)
        if self.sent:
            self.together.append(sum(len(chunk.sequences) for chunk in self.sent))
            self.sizes.append(sum(len(e) for chunk in self.sent for e in chunk.cloud_events))
        self.sent = []
        self.reached = place
        if interruption == "after":
            raise Interrupted("after the commit")

    def close(self) -> None:
        self.begun = 0

    @property
    def sequences(self) -> list[int]:
        return [sequence for sequence, _, _ in self.committed]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "TAKEOVER_SECONDS", 0.0)


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    made = EventLog(tmp_path / "log", CATEGORIES)
    made.append([_tag(n) for n in range(3)])
    made.append([NewEvent("section/1", "SectionOpened", {"name": "News"})])
    made.append([_tag(n) for n in range(3, 5)])
    return made


def _tag(number: int) -> NewEvent:
    return NewEvent(f"tag/{number}", "TagDefined", {"name": f"Tag {number}"})


def _relay(log: EventLog, sink: Memory, *more: object, **named: object) -> Relay:
    return Relay(log, sink, SOURCE, *more, **named)  # type: ignore[arg-type]


def _run_until_it_ends(relay: Relay) -> None:
    """As somebody does who starts a relay again whenever it fails."""
    while True:
        try:
            return relay.run(once=True)
        except RelayError as error:
            if "times in a row" not in str(error):
                raise


def test_all_events_are_sent_in_order_as_cloud_events(log: EventLog) -> None:
    sink = Memory()
    relay = _relay(log, sink)
    relay.run(once=True)
    told = [each for batch in log.scan() for each in cloud_events(batch, SOURCE)]
    assert [event for _, _, event in sink.committed] == told
    assert sink.sequences == [*range(1, 7)]
    assert (relay.position, relay.events) == (6, 6)
    (last,) = log.read(after=5)
    assert sink.reached == Place(6, last.digest.hex(), None, relay.owner)


def test_a_relay_goes_on_where_the_last_one_was(log: EventLog) -> None:
    sink = Memory()
    _relay(log, sink).run(once=True)
    log.append([_tag(5)])
    relay = _relay(log, sink)
    relay.run(once=True)
    assert sink.sequences == [*range(1, 8)]
    assert (relay.position, relay.events) == (7, 1)


def test_what_is_appended_is_sent_until_it_is_stopped(log: EventLog) -> None:
    sink = Memory()

    def now_and_then(relay: Relay) -> None:
        if relay.position == 6 and log.head == 6:
            log.append([_tag(5)])
        elif relay.position == 7:
            relay.stop()

    _relay(log, sink, now_and_then=now_and_then).run()
    assert sink.sequences == [*range(1, 8)]


@given_in_tiers(
    15,
    150,
    interruptions=st.lists(st.sampled_from(["", "", "before", "after"]), max_size=12),
    commits=st.lists(
        st.lists(st.sampled_from(["tag", "section"]), min_size=1, max_size=5),
        min_size=1,
        max_size=5,
    ),
    most=st.integers(1, 7),
    categories=st.sampled_from([None, ("tag",), ("section", "tag"), ("article",)]),
)
def test_whatever_is_interrupted_each_event_is_sent_once_in_order(
    interruptions: list[str],
    commits: list[list[str]],
    most: int,
    categories: tuple[str, ...] | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, sink = EventLog(folder, CATEGORIES), Memory(interruptions)
        number = 0
        for commit in commits:
            events = []
            for category in commit:
                number += 1
                type = "TagDefined" if category == "tag" else "SectionOpened"
                events.append(NewEvent(f"{category}/{number}", type, {"name": f"{number}"}))
            log.append(events)
            _run_until_it_ends(_relay(log, sink, categories, most_events=most))
        wanted = [e.sequence for e in log.read() if categories is None or e.category in categories]
        assert sink.sequences == wanted
        assert sink.reached is not None
        assert sink.reached.sequence == log.head
        assert max(sink.together, default=1) <= most


def test_no_more_counts_together_than_is_asked_for(log: EventLog) -> None:
    sink = Memory()
    _relay(log, sink, most_events=2).run(once=True)
    assert max(sink.together) <= 2
    one_by_one = Memory()
    _relay(log, one_by_one, most_bytes=1).run(once=True)
    assert one_by_one.together == [1] * 6


@given_in_tiers(
    20, 500, lengths=st.lists(st.integers(0, 9)), events=st.integers(1, 9), size=st.integers(1, 200)
)
def test_batches_keep_every_event_within_the_bounds(
    lengths: list[int], events: int, size: int
) -> None:
    number = iter(range(1_000))
    batches = [
        pa.record_batch({"n": pa.array([next(number) for _ in range(length)], pa.int64())})
        for length in lengths
    ]
    made = list(sized(batches, events, size))
    assert [n for batch in made for n in batch.column("n").to_pylist()] == [*range(sum(lengths))]
    assert all(1 <= len(batch) <= events for batch in made)
    assert all(batch.nbytes <= size or len(batch) == 1 for batch in made)


def test_only_chosen_categories_are_sent_and_the_place_moves_past_the_others(log: EventLog) -> None:
    sink = Memory()
    _relay(log, sink, ["section"]).run(once=True)
    assert sink.sequences == [4]
    assert sink.reached is not None
    assert sink.reached.sequence == 6
    with pytest.raises(RelayError, match="was relayed with the category section, not with all"):
        _relay(log, sink).run(once=True)
    with pytest.raises(RelayError, match="there is no category 'sections', but article"):
        _relay(log, sink, ["sections"])


@pytest.mark.parametrize(("begin", "first"), [("start", 1), (3, 3), (6, 6), (7, 7), ("now", 7)])
def test_a_relay_begins_where_it_is_told_if_nothing_was_sent(
    log: EventLog, begin: int | str, first: int
) -> None:
    sink = Memory()
    _relay(log, sink, None, begin).run(once=True)
    assert sink.sequences == [*range(first, 7)]
    log.append([_tag(9)])
    told: list[str] = []
    _relay(log, sink, None, begin, told.append).run(once=True)
    assert sink.sequences == [*range(first, 8)]
    assert len(told) == (begin != "start")
    assert all("goes on from there" in text for text in told)


@pytest.mark.parametrize("begin", [0, 8, "yesterday"])
def test_a_relay_does_not_begin_at_what_is_no_sequence(log: EventLog, begin: int | str) -> None:
    with pytest.raises(RelayError, match=f"--from {begin} is no sequence .* give 1 to 7, or now"):
        _relay(log, Memory(), None, begin).run(once=True)


def test_another_log_is_not_sent_after_this_one(log: EventLog, tmp_path: Path) -> None:
    sink = Memory()
    _relay(log, sink).run(once=True)
    other = EventLog(tmp_path / "other", CATEGORIES)
    other.append([_tag(1)])
    with pytest.raises(RelayError, match=r"events through sequence 6, but the log's head is 1"):
        _relay(other, sink).run(once=True)
    other.append([_tag(n) for n in range(2, 9)])
    with pytest.raises(RelayError, match="another event at sequence 6 than this log"):
        _relay(other, sink).run(once=True)
    assert sink.sequences == [*range(1, 7)]


def test_a_log_that_is_replaced_while_it_is_read_is_told(log: EventLog, tmp_path: Path) -> None:
    other = EventLog(tmp_path / "other", CATEGORIES)
    other.append([_tag(1)])

    def now_and_then(relay: Relay) -> None:
        if relay.position == 6:
            relay._log = other

    with pytest.raises(RelayError, match="log's head is 1, but 6 events were relayed"):
        _relay(log, Memory(), now_and_then=now_and_then).run()


def test_a_relay_that_another_one_stopped_says_so_and_ends(log: EventLog) -> None:
    sink = Memory()

    def taken_over(relay: Relay) -> None:
        if relay.position == 3:
            sink._interruptions = iter(["before"])
            assert sink.reached is not None
            sink.reached = replace(sink.reached, owner="another")

    relay = _relay(log, sink, now_and_then=taken_over, most_events=2)
    with pytest.raises(RelayError, match="another relay has begun to send to topic memory"):
        relay.run(once=True)
    assert sink.sequences == [1, 2, 3]


def test_a_relay_that_is_interrupted_again_and_again_ends(log: EventLog) -> None:
    sink, told = Memory(["before"] * 99), []
    with pytest.raises(RelayError, match="interrupted 6 times in a row"):
        _relay(log, sink, tell=told.append).run()
    assert sink.begun == 6
    assert len(told) == 5


@pytest.mark.parametrize("text", [b"", b"7", b"{}", b'{"sequence": "x"}', b"[1]"])
def test_a_message_that_is_no_place_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no place of a relay|JSON|literal|column"):
        Place.from_json(text)


def test_a_place_is_read_as_it_was_written() -> None:
    for place in (
        Place(0, ""),
        Place(7, "ab", ("tag",), "me", (("a", "1"), ("b", "2"))),
    ):
        assert Place.from_json(place.to_json()) == place


def test_many_small_commits_are_sent_together(tmp_path: Path) -> None:
    log, sink = EventLog(tmp_path / "log", CATEGORIES), Memory()
    for number in range(30):
        log.append([_tag(number)])
    _relay(log, sink).run(once=True)
    assert len(sink.together) < 10
    assert orjson.loads(sink.committed[-1][2])["subject"] == "tag/29"
