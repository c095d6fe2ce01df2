"""``Ending``: whether the process is about to end, for answers that would never end by themselves.

A stream of events would hold the process until its client goes away. So it ends as if the client
had gone: ``Endable`` tells it so.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from contextlib import ExitStack
from multiprocessing.connection import wait

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.figures import Figures

STREAMS = "text/event-stream"


class Ending:
    """Set when the process is told to end; awaited by what waits for something else meanwhile.

    Any event loop awaits it, and any thread and any signal handler sets it.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: set[asyncio.Future[None]] = set()

    def is_set(self) -> bool:
        """Whether the process is about to end."""
        return self._is_set

    def set(self) -> None:
        """Let what waits go on."""
        self._is_set = True
        for each in [*self._waiting]:
            each.get_loop().call_soon_threadsafe(_go_on, each)

    async def wait(self) -> None:
        """Wait until the process is told to end."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            if not self._is_set:
                await waiting
        finally:
            self._waiting.discard(waiting)

    def begin_with_signals(self) -> None:
        """Be set by the signals that end the process, which whoever handles them handles as before.

        A process of a server whose parent was killed is sent one as well. Other threads than the
        main one, as those of tests, cannot handle signals.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)

            def handle(number: int, frame: object, before: object = before) -> None:
                self.set()
                if callable(before):
                    before(number, frame)

            signal.signal(number, handle)
        parent = multiprocessing.parent_process()
        if parent is not None:
            watched = [parent.sentinel]

            def end_with_parent() -> None:
                wait(watched)
                os.kill(os.getpid(), signal.SIGTERM)

            threading.Thread(target=end_with_parent, daemon=True).start()


class Endable:
    """The middleware that counts open streams of events, and ends them when the process ends."""

    def __init__(self, app: ASGIApp, ending: Ending, figures: Figures) -> None:
        self._app, self._ending, self._figures = app, ending, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a stream hears that its client is gone when the process ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streams = asyncio.Event()

        is_whole = False

        async def noticed(message: Message) -> None:
            nonlocal is_whole
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith(STREAMS):
                    streams.set()
                    counted.enter_context(self._figures.open_stream())
            elif message["type"] == "http.response.body":
                is_whole = not message.get("more_body", False)
            await send(message)

        async def ended() -> None:
            await streams.wait()
            await self._ending.wait()

        async def received() -> Message:
            arriving = asyncio.ensure_future(receive())
            over = asyncio.ensure_future(ended())
            try:
                await asyncio.wait({arriving, over}, return_when=asyncio.FIRST_COMPLETED)
                return arriving.result() if arriving.done() else {"type": "http.disconnect"}
            finally:
                arriving.cancel()
                over.cancel()

        with ExitStack() as counted:
            await self._app(scope, received, noticed)
            if streams.is_set() and self._ending.is_set() and not is_whole:
                await send({"type": "http.response.body"})  # its client sees an end, not a break


def _go_on(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
