"""Importing CloudEvents: an event a line or a batch, of another system or of an archive."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors import cloud_events, import_cloud_events, source_of
from connectors.cloud_event_file import event_of
from connectors.errors import BadLine, UnreadableFile
from event_log import EventLog, InvalidEvent, NewEvent
from newsroom import CATEGORIES

TAG: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/cms",
    "type": "TagDefined",
    "subject": "tag/sea",
    "time": "1912-04-15T20:00:00Z",
    "data": {"name": "Sea"},
}


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def tags(count: int) -> list[dict[str, Any]]:
    return [TAG | {"id": f"{n}", "subject": f"tag/{n}"} for n in range(1, count + 1)]


@pytest.mark.parametrize("indent", [0, orjson.OPT_INDENT_2])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_a_batch_is_read_however_it_is_written(
    log: EventLog, tmp_path: Path, indent: int, before: bytes
) -> None:
    file = tmp_path / "batch.json"
    file.write_bytes(before + orjson.dumps(tags(3), option=indent))
    assert import_cloud_events(log, str(file)).added == 3
    assert import_cloud_events(log, str(file)).known == 3


def test_an_event_may_stand_on_each_line(log: EventLog, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n\n".join(map(orjson.dumps, tags(3)))))
    assert import_cloud_events(log, str(file)).added == 3
    assert [event.stream for event in log.read()] == ["tag/1", "tag/2", "tag/3"]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\n"])
def test_one_event_may_be_written_over_many_lines(
    log: EventLog, tmp_path: Path, before: bytes, end: bytes
) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(before + orjson.dumps(TAG, option=orjson.OPT_INDENT_2) + end)
    assert import_cloud_events(log, str(file)).added == 1
    file.write_bytes(before + orjson.dumps(TAG | {"id": 5}, option=orjson.OPT_INDENT_2) + end)
    with pytest.raises(BadLine, match="event 1: id: must be a text"):
        import_cloud_events(log, str(file))


def test_events_that_are_no_list_and_on_no_line_each_are_told_how_to_stand(
    log: EventLog, tmp_path: Path
) -> None:
    file = tmp_path / "events.json"
    two = b"\n".join(orjson.dumps(each, option=orjson.OPT_INDENT_2) for each in tags(2))
    file.write_bytes(two)
    with pytest.raises(BadLine, match=r"event 1: is not JSON .*; an event stands on one line, or"):
        import_cloud_events(log, str(file))


def test_a_long_file_of_lines_whose_first_is_bad_is_read_line_by_line(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.cloud_event_file.LONGEST_LINE", 1000)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"{oops\n" + b"\n".join(map(orjson.dumps, tags(30))))
    done = import_cloud_events(log, str(file), "reject")
    assert (done.added, done.rejected) == (30, 1)
    assert [event.stream for event in log.read()][-1] == "tag/30"


@pytest.mark.parametrize("content", [b"", b"[]", b"  \n"])
def test_a_file_without_events_adds_nothing(log: EventLog, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "batch.json"
    file.write_bytes(content)
    assert import_cloud_events(log, str(file)).added == 0


def test_what_an_archive_sends_is_imported_as_the_events_that_it_has(
    log: EventLog, tmp_path: Path
) -> None:
    log.append(
        [
            NewEvent("tag/sea", "TagDefined", {"name": "Sea"}, "odd", "1912-04-15", "ana", "c"),
            NewEvent("tag/sea", "TagRevised", {"aliases": ["Ocean"], "reason": "r"}),
            NewEvent("article/1", "ArticlePublished", {"headline": "A", "published_at": "1912"}),
        ]
    )
    sent = [event for batch in log.scan() for event in cloud_events(batch, source_of(None))]
    file = tmp_path / "sent.jsonl"
    file.write_bytes(b"\n".join(sent))
    assert import_cloud_events(log, str(file)).known == 3
    other = EventLog(tmp_path / "other", CATEGORIES)
    assert import_cloud_events(other, str(file)).added == 3
    kept = ("event_id", "stream", "type", "data", "occurred_at", "actor", "correlation_id")
    for here, there in zip(log.read(), other.read(), strict=True):
        assert [getattr(here, name) for name in kept] == [getattr(there, name) for name in kept]


def sent_by(log: EventLog) -> list[dict[str, Any]]:
    return [
        orjson.loads(event)
        for batch in log.scan()
        for event in cloud_events(batch, source_of(None))
    ]


@pytest.fixture
def sent(log: EventLog) -> list[dict[str, Any]]:
    """What an archive sends of one stream: three versions, and between them another stream."""
    log.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea"})])
    log.append([NewEvent("tag/sand", "TagDefined", {"name": "Sand"})])
    for name in ("Ocean", "Main"):
        log.append([NewEvent("tag/sea", "TagRevised", {"name": name})])
    return sent_by(log)


@pytest.mark.parametrize(("order", "place"), [([0, 3, 1, 2], 4), ([3, 2, 0, 1], 2)])
@pytest.mark.parametrize("form", ["lines", "batch"])
def test_own_events_in_the_wrong_order_are_refused_with_the_place(
    form: str, order: list[int], place: int, sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    wrong = [sent[each] for each in order]
    file = tmp_path / "events"
    lines = b"\n".join(map(orjson.dumps, wrong))
    file.write_bytes(lines if form == "lines" else orjson.dumps(wrong))
    other = EventLog(tmp_path / "other", CATEGORIES)
    if order[0] == 3:  # what revises a stream that does not exist is refused anyway
        other.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea"}, sent[0]["id"])])
    said = r"streamversion: is 2, but version 3 of tag/sea came before it; .* sort them"
    before = other.head
    with pytest.raises(BadLine, match=rf"event {place}: {said}"):
        import_cloud_events(other, str(file))
    assert other.head == before


def test_own_events_may_come_twice_begin_late_and_leave_some_out(
    log: EventLog, sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    other = EventLog(tmp_path / "other", CATEGORIES)
    file.write_bytes(b"\n".join(map(orjson.dumps, [sent[0], sent[3], sent[0], sent[1]])))
    assert import_cloud_events(other, str(file)).added == 3
    file.write_bytes(b"\n".join(map(orjson.dumps, reversed(sent))))
    assert import_cloud_events(log, str(file)).known == 4  # the log has them, in its order


@pytest.mark.parametrize("version", ["1", 0, None, True])
def test_a_version_that_is_none_is_told(
    version: object, log: EventLog, sent: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(orjson.dumps(sent[0] | {"streamversion": version}))
    with pytest.raises(BadLine, match=r"streamversion: is .*, and no version of a stream"):
        import_cloud_events(log, str(file))


def test_an_event_of_another_system_happened_at_its_time_and_is_known_beside_its_source() -> None:
    first, other = event_of(TAG), event_of(TAG | {"source": "/wire"})
    assert first.occurred_at == TAG["time"]
    assert first.event_id != other.event_id
    assert event_of(TAG | {"occurredat": "1850"}).occurred_at == "1850"
    assert event_of(TAG | {"datacontenttype": "Application/Vnd.CMS+JSON; v=1"}) == first
    uuid = "5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa"
    assert event_of(TAG | {"id": uuid}).event_id == uuid


BAD = {
    "no object": ([1], "", "is not an object"),
    "another version": (TAG | {"specversion": "0.3"}, "specversion", "must be 1.0"),
    "no id": (TAG | {"id": None}, "id", "is missing"),
    "an id that is none": (TAG | {"id": 5}, "id", "must be a text"),
    "no subject": (TAG | {"subject": None}, "subject", "is missing"),
    "binary data": (TAG | {"data_base64": "AA=="}, "data_base64", "is binary"),
    "data of another kind": (TAG | {"datacontenttype": "text/xml"}, "datacontenttype", "JSON"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_event_says_which_attribute_is_wrong(kind: str) -> None:
    said, attribute, reason = BAD[kind]
    with pytest.raises(InvalidEvent) as caught:
        event_of(said)
    assert (caught.value.field or "") == attribute
    assert reason in caught.value.reason


def test_bad_events_are_set_aside_and_the_others_imported(log: EventLog, tmp_path: Path) -> None:
    bad = [said for said, _, _ in BAD.values()]
    file = tmp_path / "batch.json"
    file.write_bytes(orjson.dumps([*bad, TAG | {"data": {"nome": "Sea"}}, TAG]))
    with pytest.raises(BadLine, match=r"batch\.json, event 1: is not an object"):
        import_cloud_events(log, str(file))
    done = import_cloud_events(log, str(file), "reject")
    assert (done.added, done.rejected) == (1, len(bad) + 1)
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(b"\n".join(map(orjson.dumps, [*bad[1:], TAG])) + b"\n{oops\n")
    assert import_cloud_events(log, str(lines), "reject").rejected == len(bad)


def test_a_batch_that_is_cut_off_is_told(log: EventLog, tmp_path: Path) -> None:
    file = tmp_path / "batch.json"
    file.write_bytes(orjson.dumps(tags(3))[:-9])
    with pytest.raises(UnreadableFile, match=r"batch\.json: is no batch of events"):
        import_cloud_events(log, str(file))
