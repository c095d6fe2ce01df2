"""Any operations in any order, against a list in memory, with the log opened anew in between."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tiers import stateful_in_tiers

from event_log import (
    Category,
    Effect,
    EventLog,
    EventType,
    InvalidEvent,
    InvalidPoint,
    NewEvent,
    WrongExpectedVersion,
)

TAG = Category(
    "tag",
    pa.schema([("name", pa.string())]),
    (EventType("TagDefined", Effect.CREATES), EventType("TagRevised", Effect.REVISES)),
)
STREAMS = st.sampled_from(["tag/a", "tag/b", "tag/ü"])
NEW = st.builds(
    NewEvent,
    stream=STREAMS,
    type=st.sampled_from(["TagDefined", "TagDefined", "TagRevised"]),
    data=st.fixed_dictionaries({}, optional={"name": st.text(max_size=5)}),
    event_id=st.none() | st.sampled_from([f"id-{n}" for n in range(12)]),
)


class LogAndModel(RuleBasedStateMachine):
    """The model: a list of (stream, version, type, data, id or None), and the ids' sequences."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.model: list[tuple] = []
        self.ids: dict[str, int] = {}
        self.ends: list[int] = [0]
        self.open_anew()

    @rule()
    def open_anew(self) -> None:
        self.log = EventLog(self.folder / "log", (TAG,))

    @rule()
    def delete_the_cache(self) -> None:
        shutil.rmtree(self.folder / "log" / "cache", ignore_errors=True)

    def version(self, stream: str) -> int:
        return sum(known[0] == stream for known in self.model)

    def expected(self, events: list[NewEvent]) -> list[tuple]:
        """What the model adds; raises as the log must."""
        added: list[tuple] = []
        for event in events:
            taken = {known[4] for known in added} | set(self.ids)
            if event.event_id is not None and event.event_id in taken:
                continue
            version = 1 + sum(known[0] == event.stream for known in [*self.model, *added])
            if version == 1 and event.type != "TagDefined":
                raise InvalidEvent("type", "does not exist")
            added.append((event.stream, version, event.type, dict(event.data), event.event_id))
        return added

    def contradicts(self, events: list[NewEvent]) -> bool:
        """Whether an id stands for two events that say different things."""
        said = {known[4]: (known[0], known[2], known[3]) for known in self.model if known[4]}
        return any(
            said.setdefault(event.event_id, (event.stream, event.type, dict(event.data)))
            != (event.stream, event.type, dict(event.data))
            for event in events
            if event.event_id is not None
        )

    @rule(
        events=st.lists(NEW, min_size=1, max_size=5), wrong=st.integers(-1, 6), check=st.booleans()
    )
    def append(self, events: list[NewEvent], wrong: int, check: bool) -> None:
        stream = events[0].stream
        known = {event.event_id for event in events} & set(self.ids)
        all_known = all(event.event_id in self.ids for event in events)
        if self.contradicts(events):
            with pytest.raises(InvalidEvent, match=r"event_id: .*different content|another event"):
                self.log.append(events)
            return
        if check and not all_known and wrong != self.version(stream):
            with pytest.raises(WrongExpectedVersion) as caught:
                self.log.append(events, expected_version={stream: wrong})
            assert caught.value.actual == self.version(stream)
            return
        try:
            added = self.expected(events)
        except InvalidEvent:
            with pytest.raises(InvalidEvent, match="does not exist"):
                self.log.append(events)
            return
        receipt = self.log.append(events, {stream: wrong} if check else None)
        for number, new in enumerate(added, len(self.model) + 1):
            if new[4] is not None:
                self.ids[new[4]] = number
        head = len(self.model)
        self.model += added
        self.ends += [len(self.model)] if added else []
        places = [self.ids[event_id] for event_id in known]
        places += [head + 1, len(self.model)] if added else []
        assert (receipt.first, receipt.last) == (min(places), max(places))
        assert receipt.added == len(added)
        assert receipt.version == self.model[receipt.last - 1][1]

    @rule(after=st.integers(0, 20), stream=STREAMS, limit=st.none() | st.integers(0, 5))
    def read(self, after: int, stream: str, limit: int | None) -> None:
        places = [n for n, known in enumerate(self.model, 1) if known[0] == stream and n > after]
        found = self.log.read(after=after, stream=stream, limit=limit)
        assert [event.sequence for event in found] == places[:limit]

    @rule(point=st.integers(0, 30))
    def look_back(self, point: int) -> None:
        if point > len(self.model):
            with pytest.raises(InvalidPoint):
                self.log.at(point)
        else:
            assert self.seen(self.log.at(point).read()) == [k[:4] for k in self.model[:point]]

    @rule()
    def ask(self) -> None:
        asked = [f"id-{n}" for n in range(12)]
        assert self.log.known(asked) == self.ids
        streams = ["tag/a", "tag/b", "tag/ü"]
        assert self.log.versions(streams) == {stream: self.version(stream) for stream in streams}

    def seen(self, events) -> list[tuple]:
        return [(e.stream, e.version, e.type, dict(e.data)) for e in events]

    @invariant()
    def the_log_is_the_model(self) -> None:
        if hasattr(self, "log"):
            assert self.log.head == len(self.model)

    def teardown(self) -> None:
        if hasattr(self, "log"):
            assert self.seen(self.log.read()) == [known[:4] for known in self.model]
            assert self.log.verify().events == len(self.model)
            assert self.log.verify().commits == len(self.ends) - 1
            shutil.rmtree(self.folder)


TestLogAndModel, TestLogAndModelOnManyExamples = stateful_in_tiers(LogAndModel, 10, 40, steps=25)
