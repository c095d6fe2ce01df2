"""Importing any source: a part may say several events, or some that say nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest

from connectors.errors import BadLine
from connectors.importing import import_source
from connectors.source import Source
from event_log import EventLog, InvalidEvent, NewEvent
from newsroom.categories import CATEGORIES

Words = tuple[str, ...]


class Tags(Source[Words]):
    """Each part is a list of words, which are tags; what is known already says nothing new."""

    part = "list"

    def __init__(self, path: Path, lists: Sequence[Words], known: str = "") -> None:
        super().__init__(str(path))
        self._lists, self._known = lists, known

    @property
    def size(self) -> int | None:
        return None

    def parts(self) -> Iterator[tuple[int, Words]]:
        yield from enumerate(self._lists, 1)

    def events(self, part: Words) -> list[NewEvent]:
        if "?" in part:
            raise InvalidEvent("words", "has a question")
        return [_event(word) for word in part]

    def text(self, part: Words) -> bytes:
        return " ".join(part).encode()

    def name(self, part: Words) -> str | None:
        return part[0]

    def settled(self, events: list[NewEvent]) -> list[NewEvent | None]:
        return [None if event.data.get("name") == self._known else event for event in events]


def _event(word: str) -> NewEvent:
    if word.startswith("-"):
        return NewEvent(f"tag/{word[1:]}", "TagRemoved", {})
    return NewEvent(f"tag/{word}", "TagDefined", {"name": word or None}, word and f"id-{word}")


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def streams(log: EventLog) -> list[str]:
    return [event.stream for event in log.read()]


def test_a_part_may_say_several_events_or_none(log: EventLog, tmp_path: Path) -> None:
    done = import_source(log, Tags(tmp_path / "a", [("sea", "tide"), (), ("-sea",)]))
    assert (done.added, done.known, done.rejected) == (3, 0, 0)
    assert streams(log) == ["tag/sea", "tag/tide", "tag/sea"]


def test_an_event_that_says_nothing_new_is_known_and_not_added(
    log: EventLog, tmp_path: Path
) -> None:
    done = import_source(log, Tags(tmp_path / "a", [("sea", "tide"), ("sea",)], known="sea"))
    assert (done.added, done.known) == (1, 2)
    assert streams(log) == ["tag/tide"]


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (("gull", ""), "stream", "has no id"),
        (("gull", "-whale"), "type", "tag/whale does not exist; TagDefined comes first"),
        (("gull", "?"), "words", "has a question"),
    ],
)
def test_of_a_part_with_a_bad_event_no_event_is_added(
    log: EventLog, tmp_path: Path, bad: Words, field: str, reason: str
) -> None:
    lists = [("sea",), bad, ("tide", "-tide")]
    done = import_source(log, Tags(tmp_path / "a", lists), "reject")
    assert (done.added, done.rejected) == (3, 1)
    assert streams(log) == ["tag/sea", "tag/tide", "tag/tide"]
    told = orjson.loads(Path(f"{tmp_path}/a.rejected.jsonl").read_bytes())
    assert reason in told.pop("reason")
    assert told == {"list": 2, "field": field, "text": " ".join(bad)}


def test_a_bad_part_is_told_with_what_its_format_calls_it(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(BadLine, match=r"a, list 2 \(gull\): words: has a question"):
        import_source(log, Tags(tmp_path / "a", [("sea",), ("gull", "?")]))


def test_an_import_under_a_name_goes_on_after_the_last_part(log: EventLog, tmp_path: Path) -> None:
    lists = [("sea", "tide"), ("gull", "-gull")]
    import_source(log, Tags(tmp_path / "a", lists[:1]), producer="tags")
    done = import_source(log, Tags(tmp_path / "a", lists), producer="tags")
    assert (done.added, done.skipped) == (2, 1)
