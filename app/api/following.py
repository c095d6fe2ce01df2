"""``GET /events`` and ``/events/stream``: following the log over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.answers import SEQUENCE, errors
from app.api.feed import Entry, Feed
from app.api.models import CloudEventModel
from app.api.security import EDITORS
from app.web.identity import Editor, identity_of
from app.web.problems import Problem, WrongField

MOST_EVENTS = 1_000
MOST_SECONDS = 30.0
MOST_SCANNED = 10_000
"""Events that one call looks through for those that were asked for."""
HEARTBEAT_SECONDS = 15.0
"""How often a silent stream says that it lives, and sees whether its token still counts."""
SLOW_SECONDS = 30.0
"""A client that takes nothing for so long is dropped; nothing is kept for it meanwhile."""
RETRY_MILLISECONDS = 2_000
BATCH_TYPE = "application/cloudevents-batch+json"
router = APIRouter(tags=["events"])

CategoryOf = Annotated[
    str | None, Query(description="Only events of this category.", examples=["article"])
]
TypeOf = Annotated[
    str | None, Query(description="Only events of this type.", examples=["ArticleRevised"])
]
StreamOf = Annotated[
    str | None,
    Query(description="Only events of streams that begin so.", examples=["article/titanic"]),
]
After = Annotated[
    int, Query(ge=0, le=2**63 - 1, description="The sequence to go on after.", examples=[0])
]


@dataclass(frozen=True)
class Chosen:
    """Which events somebody follows."""

    category: str | None
    type: str | None
    stream: str | None

    def of(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of these events."""
        return [
            entry
            for entry in entries
            if (self.category is None or entry.category == self.category)
            and (self.type is None or entry.type == self.type)
            and (self.stream is None or entry.stream.startswith(self.stream))
        ]


@router.get(
    "/events",
    response_model=list[CloudEventModel],
    responses={
        200: {
            "description": "The events, oldest first; `Stet-Sequence` is where to go on.",
            "content": {
                BATCH_TYPE: {
                    "schema": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/CloudEventModel"},
                    }
                }
            },
        },
        **errors(),
    },
    operation_id="list_events",
    summary="The next events of the log",
    openapi_extra=EDITORS,
)
async def events(
    _: Editor,
    request: Request,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="At most so many.")] = 100,
    timeout: Annotated[
        float,
        Query(
            ge=0,
            le=MOST_SECONDS,
            description="Wait so many seconds for the first, if none is there.",
        ),
    ] = 0.0,
    category: CategoryOf = None,
    type: TypeOf = None,
    stream: StreamOf = None,
) -> Response:
    """List events as a batch of CloudEvents 1.0; with `timeout` by long polling.

    Go on with `after` as `Stet-Sequence` says, also when there are none: it passes over those that
    were not asked for. `Link` has that address.
    """
    feed: Feed = request.app.state.feed
    chosen = Chosen(category, type, stream)
    until = time.monotonic() + timeout
    while True:
        found, reached = await _next(feed, after, limit, chosen)
        left = until - time.monotonic()
        if found or left <= 0:
            break
        after = reached
        await feed.wait(reached, left)
    address = request.url.include_query_params(after=reached)
    headers = {
        SEQUENCE: str(reached),
        "Link": f'<{address.path}?{address.query}>; rel="next"',
        "Cache-Control": "no-store",
    }
    body = b"[" + b",".join(entry.json for entry in found) + b"]"
    return Response(body, headers=headers, media_type=BATCH_TYPE)


async def _next(feed: Feed, after: int, limit: int, chosen: Chosen) -> tuple[list[Entry], int]:
    """The next events that were asked for, and the last sequence that was looked at."""
    found: list[Entry] = []
    reached = after
    while len(found) < limit and reached - after < MOST_SCANNED:
        entries = await feed.after(reached)
        if not entries:
            break
        found += chosen.of(entries)
        reached = entries[-1].sequence
    if len(found) >= limit:
        found = found[:limit]
        reached = found[-1].sequence
    return found, reached


@router.get(
    "/events/stream",
    responses={
        200: {
            "description": "Each event has its sequence as `id` and a CloudEvent as `data`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **errors(),
    },
    response_class=Response,
    operation_id="stream_events",
    summary="The events of the log as they come",
    openapi_extra=EDITORS,
)
async def stream(
    _: Editor,
    request: Request,
    after: Annotated[
        int | None,
        Query(
            ge=0,
            le=2**63 - 1,
            description="Begin after this sequence; by default with what is appended from now on.",
        ),
    ] = None,
    category: CategoryOf = None,
    type: TypeOf = None,
    stream: StreamOf = None,
    last_event_id: Annotated[
        str | None,
        Header(description="The last `id` that was received: browsers send it when they return."),
    ] = None,
) -> Response:
    """Follow the log by server-sent events; the stream ends when the token is revoked."""
    feed: Feed = request.app.state.feed
    begin = _begin(after, last_event_id)
    if begin is None:
        begin = await feed.head()
    return EventStream(_frames(feed, request, begin, Chosen(category, type, stream)), begin)


def _begin(after: int | None, last: str | None) -> int | None:
    """The sequence to begin after: a client that returns says where it was."""
    if last is None or not last.strip():
        return after
    if not (last.isascii() and last.isdecimal() and int(last) < 2**63):
        raise Problem(
            422,
            f"Last-Event-ID: {last[:50]!r} is no sequence",
            [WrongField("Last-Event-ID", "is no sequence")],
        )
    return int(last)


async def _frames(feed: Feed, request: Request, after: int, chosen: Chosen) -> AsyncIterator[bytes]:
    """What is sent: events as they come, and in silence a sign of life with the place."""
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    checked = said = time.monotonic()
    while True:
        entries = await feed.after(after)
        if entries:
            after = entries[-1].sequence
            if frames := [entry.frame for entry in chosen.of(entries)]:
                yield frames[0] if len(frames) == 1 else b"".join(frames)
                said = time.monotonic()
        else:
            await feed.wait(after, HEARTBEAT_SECONDS)
        now = time.monotonic()
        if now - checked >= HEARTBEAT_SECONDS:
            checked = now
            if not await _may_still(request):
                return
        if now - said >= HEARTBEAT_SECONDS:
            said = now
            yield b": \nid: %d\n\n" % after


async def _may_still(request: Request) -> bool:
    try:
        return (await identity_of(request)).edits
    except Problem as problem:
        return problem.status != 401  # where it is too busy to say, it is asked again


class EventStream(Response):
    """An answer that goes on until its client is gone, or takes nothing for too long."""

    def __init__(self, frames: AsyncIterator[bytes], sequence: int) -> None:
        headers = {SEQUENCE: str(sequence), "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers, "text/event-stream")
        del self.headers["content-length"]
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the frames until they end or the client is gone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
            with suppress(asyncio.CancelledError, TimeoutError):
                await sending

    async def _send(self, send: Send) -> None:
        async for frame in self._frames:
            message = {"type": "http.response.body", "body": frame, "more_body": True}
            await asyncio.wait_for(send(message), SLOW_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
