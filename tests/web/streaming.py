"""Answers without an end, asked of the application itself: a test client would wait for the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit


class Stream:
    """One open request; ``async with`` it, and read what it has been sent."""

    def __init__(self, app: Any, address: str, headers: dict[str, str]) -> None:
        parts = urlsplit(address)
        named = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(b"host", b"localhost:8000"), *named],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 8000),
        }
        self._app = app
        self._left = asyncio.Event()
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.takes = asyncio.Event()
        """While it is not set, the client takes nothing."""
        self.takes.set()
        self.text = ""
        self.task: asyncio.Task[None]

    async def __aenter__(self) -> Stream:
        self.task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left.set()
        await asyncio.wait_for(self.task, 10)

    async def _receive(self) -> dict[str, Any]:
        if not self._scope.pop("asked", None):
            self._scope["asked"] = True
            return {"type": "http.request", "body": b"", "more_body": False}
        self._scope["asked"] = True
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.takes.wait()
        await self._sent.put(message)

    async def status(self) -> int:
        """The status of the answer."""
        message = await asyncio.wait_for(self._sent.get(), 20)
        return int(message["status"])

    async def until(self, wanted: str, seconds: float = 20) -> str:
        """Read until a text has come; returns all that was sent so far."""
        async with asyncio.timeout(seconds):
            while wanted not in self.text:
                message = await self._sent.get()
                self.text += message.get("body", b"").decode()
        return self.text

    async def ended(self, seconds: float = 20) -> str:
        """Read until the server ends it; returns all that was sent."""
        await asyncio.wait_for(asyncio.shield(self.task), seconds)
        while not self._sent.empty():
            self.text += self._sent.get_nowait().get("body", b"").decode()
        return self.text


def ids(text: str) -> Sequence[int]:
    """The ids of the events in what was sent."""
    frames = [frame for frame in text.split("\n\n") if "data: " in frame]
    return [int(frame.split("\n")[0].removeprefix("id: ")) for frame in frames]
