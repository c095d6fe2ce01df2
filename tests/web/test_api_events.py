"""Following the log over HTTP: batches by long polling, and server-sent events."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import AsyncExitStack

import pyarrow as pa
import pytest
from serving import Server
from starlette.testclient import TestClient
from streaming import Stream, ids

from app.api import feed, following
from app.web.access import Role

API = "/api/v1"


@pytest.fixture
def editor(server: Server) -> TestClient:
    return server.ask(Role.editor, "ana")


def _append(server: Server, name: str = "Vessels") -> int:
    return server.archive.append("tag/ships", "TagRevised", {"name": name}, actor="ben").last


def _stream(server: Server, client: TestClient, query: str = "", **headers: str) -> Stream:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    authorization = {"Authorization": client.headers["Authorization"]}
    return Stream(server.app, f"{API}/events/stream{query}", {**authorization, **named})


def test_a_batch_has_the_events_after_a_sequence_as_cloud_events(reading: Server) -> None:
    answer = reading.ask(Role.editor).get(f"{API}/events?after=270&limit=3")
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    assert answer.headers["stet-sequence"] == "273"
    told = answer.json()
    assert [int(event["sequence"]) for event in told] == [271, 272, 273]
    stored = reading.archive.log.stream("article/titanic-1912")[-1]
    assert told[-1] | {"data": None} == {
        "specversion": "1.0",
        "id": stored.event_id,
        "source": "/api/v1/events",
        "type": "ArticleRevised",
        "subject": "article/titanic-1912",
        "time": stored.recorded_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "sequence": "0000000000000000273",
        "streamversion": 5,
        "actor": "archive-desk",
        "occurredat": "1985-09-05T10:00:00Z",
        "causationid": stored.causation_id,
        "data": None,
    }
    assert told[-1]["data"]["cleared"] == ["kicker"]
    assert sorted(event["sequence"] for event in told) == [event["sequence"] for event in told]


def test_the_links_lead_through_the_whole_log(reading: Server) -> None:
    client, address, found = reading.ask(Role.editor), f"{API}/events?limit=150", []
    while True:
        answer = client.get(address)
        if not answer.json():
            break
        found += [int(event["sequence"]) for event in answer.json()]
        address = answer.headers["link"].partition(">")[0][1:]
    assert found == [*range(1, reading.archive.log.head + 1)]


@pytest.mark.parametrize(
    ("chosen", "field", "value"),
    [
        ("category=tag", "subject", "tag/"),
        ("type=ArticleRetracted", "type", "ArticleRetracted"),
        ("stream=article/titanic", "subject", "article/titanic"),
    ],
)
def test_a_batch_has_only_what_was_asked_for(
    reading: Server, chosen: str, field: str, value: str
) -> None:
    answer = reading.ask(Role.editor).get(f"{API}/events?limit=1000&{chosen}")
    assert answer.json()
    assert all(event[field].startswith(value) for event in answer.json())
    assert answer.headers["stet-sequence"] == str(reading.archive.log.head)


def test_who_polls_waits_for_the_next_event(server: Server, editor: TestClient) -> None:
    head = server.archive.log.head
    begun = time.monotonic()
    nothing = editor.get(f"{API}/events?after={head}&timeout=0.2")
    assert (nothing.json(), nothing.headers["stet-sequence"]) == ([], str(head))
    assert time.monotonic() - begun >= 0.2
    appending = threading.Timer(0.3, _append, [server])
    appending.start()
    told = editor.get(f"{API}/events?after={head}&timeout=20").json()
    appending.join()
    assert [event["subject"] for event in told] == ["tag/ships"]


def test_a_stream_sends_events_as_they_come_and_goes_on_where_it_was(
    server: Server, editor: TestClient
) -> None:
    async def follow() -> None:
        async with _stream(server, editor) as stream:
            assert await stream.status() == 200
            await stream.until("retry: ")
            first = await asyncio.to_thread(_append, server)
            told = await stream.until("Vessels")
            assert ids(told) == [first]
            event = json.loads(told.partition("data: ")[2].partition("\n\n")[0])
            assert (event["data"], event["actor"]) == ({"name": "Vessels"}, "ben")
        missed = await asyncio.to_thread(_append, server, "Boats")
        async with _stream(server, editor, last_event_id=str(first)) as stream:
            assert ids(await stream.until("Boats")) == [missed]
            following_it = await asyncio.to_thread(_append, server, "Rafts")
            assert ids(await stream.until("Rafts")) == [missed, following_it]

    asyncio.run(follow())


def test_a_stream_from_the_begin_has_every_event_once(server: Server, editor: TestClient) -> None:
    async def follow() -> None:
        async with _stream(server, editor, "?after=0") as stream:
            last = await asyncio.to_thread(_append, server, "The last of them")
            assert ids(await stream.until("The last of them")) == [*range(1, last + 1)]

    asyncio.run(follow())


def test_a_stream_has_only_what_was_asked_for(server: Server, editor: TestClient) -> None:
    async def follow() -> None:
        async with _stream(server, editor, "?type=ArticleRetracted&after=0") as stream:
            found = ids(await stream.until("ArticleRetracted"))
            types = {e.sequence for e in server.archive.log.read(type="ArticleRetracted")}
            assert {*found} <= types

    asyncio.run(follow())


@pytest.mark.parametrize("last", ["abc", "-1", "1" * 30, "٣"])
def test_an_id_that_is_no_sequence_is_refused(reading: Server, last: str) -> None:
    headers = {"Last-Event-ID": last.encode()}
    answer = reading.ask(Role.editor).get(f"{API}/events/stream", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


def test_a_silent_stream_says_that_it_lives_and_where_it_is(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 0.05)
    head = server.archive.log.head

    async def follow() -> None:
        async with _stream(server, editor) as stream:
            await stream.until(f": \nid: {head}\n\n")

    asyncio.run(follow())


def test_a_stream_ends_when_its_token_is_revoked(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT_SECONDS", 0.05)

    async def follow() -> None:
        async with _stream(server, editor) as stream:
            await stream.until("retry: ")
            await asyncio.to_thread(server.access.revoke, "ana")
            await stream.ended()
            told = len(stream.text)
            await asyncio.to_thread(_append, server)
            assert len(await stream.ended()) == told

    asyncio.run(follow())


def test_a_client_that_takes_nothing_is_dropped_and_keeps_no_other_waiting(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SLOW_SECONDS", 0.2)

    async def follow() -> None:
        async with _stream(server, editor) as slow, _stream(server, editor) as quick:
            await slow.until("retry: ")
            await quick.until("retry: ")
            slow.takes.clear()
            await asyncio.to_thread(_append, server)
            await quick.until("Vessels")
            await slow.ended()
            assert "Vessels" not in slow.text
            await asyncio.to_thread(_append, server, "Boats")
            await quick.until("Boats")

    asyncio.run(follow())


def _reads_counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequences of events that were written as JSON, each time."""
    written: list[int] = []
    all_of = feed.cloud_events

    def counted(batch: pa.RecordBatch, source: str) -> list[bytes]:
        written.extend(batch.column("sequence").to_pylist())
        return all_of(batch, source)

    monkeypatch.setattr(feed, "cloud_events", counted)
    return written


async def _follow_all(server: Server, editor: TestClient, streams: int) -> tuple[int, list[Stream]]:
    """Open streams, append an event, and see that each is sent it; returns its sequence."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(_stream(server, editor)) for _ in range(streams)]
        for each in opened:
            await each.until("retry: ")
        sequence = await asyncio.to_thread(_append, server, f"For {streams}")
        for each in opened:
            assert ids(await each.until(f"For {streams}", 60)) == [sequence]
        return sequence, opened


@pytest.mark.parametrize("streams", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_open_streams_cost_no_thread_each_and_share_what_is_sent(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch, streams: int
) -> None:
    written = _reads_counted(monkeypatch)
    before = threading.active_count()
    sequence, _ = asyncio.run(_follow_all(server, editor, streams))
    assert written.count(sequence) == 1
    # the threads that work, the one that watches, the notices of the kernel, and asyncio's own
    assert threading.active_count() - before <= 14


def test_the_watch_of_the_log_ends_when_nobody_listens(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WATCH_SECONDS", 0.05)
    asyncio.run(_follow_all(server, editor, 1))
    until = time.monotonic() + 20
    while any(thread.name == "feed" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.02)
    asyncio.run(_follow_all(server, editor, 2))  # and begins again
