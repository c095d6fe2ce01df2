"""Streams that never end by themselves: they are counted, and end when the process does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.web.ending import Endable, Ending
from app.web.figures import Figures


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with a stream that has no end."""

    async def pieces() -> Any:
        while True:
            yield b"data: a\n\n"
            await asyncio.sleep(0.01)

    await StreamingResponse(pieces(), media_type=scope["path"])(scope, receive, send)


async def asked(
    media_type: str, ending: Ending, figures: Figures
) -> tuple[bool, float | None, bool]:
    """Whether an answer ends with the process, the streams until then, whether it is whole."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": media_type}
    app = Endable(endless, ending, figures)
    begun = asyncio.create_task(app(scope, receive, send))
    while len(sent) < 3:
        await asyncio.sleep(0.01)
    counted = figures.registry.get_sample_value("stet_event_streams")
    ending.set()
    done, _ = await asyncio.wait({begun}, timeout=0.5)
    begun.cancel()
    return bool(done), counted, not sent[-1].get("more_body", False)


@pytest.mark.parametrize(
    ("media_type", "ends"), [("text/event-stream; charset=utf-8", True), ("text/csv", False)]
)
def test_a_stream_of_events_ends_with_the_process_and_another_answer_is_finished(
    media_type: str, ends: bool
) -> None:
    figures = Figures()
    assert asyncio.run(asked(media_type, Ending(), figures)) == (ends, int(ends), ends)
    assert figures.registry.get_sample_value("stet_event_streams") == 0


def test_what_waits_for_the_end_goes_on_in_any_loop() -> None:
    ending = Ending()

    async def wait() -> bool:
        waiting = asyncio.create_task(ending.wait())
        await asyncio.sleep(0.01)
        assert not waiting.done() or ending.is_set()
        ending.set()
        await asyncio.wait_for(waiting, 1)
        return True

    assert asyncio.run(wait())
    assert asyncio.run(wait())
