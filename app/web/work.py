"""Work off the event loop: a few threads, and a bound on how long a request is computed.

A search cannot be stopped in its middle: when its time is over, its answer is an error, and its
thread is busy until it is done. No more is begun than there are threads, and what waits too long is
answered with an error as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from app.web.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")
RETRY_SECONDS = 5
"""When a client may try again what took too long."""


class Work:
    """Runs functions in threads, each for a bounded time."""

    def __init__(self, threads: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="stet")
        self._seconds = seconds

    async def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call a function in a thread; raises ``Problem`` 503 when its time is over."""
        return await self.within(self._seconds, function, *args, **named)

    async def within(
        self, seconds: float, function: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T:
        """Call a function in a thread, for at most so many seconds."""
        loop = asyncio.get_running_loop()
        begun = loop.run_in_executor(self._pool, lambda: function(*args, **named))
        try:
            return await asyncio.wait_for(begun, seconds)
        except TimeoutError:
            raise Problem(
                503,
                f"this took longer than {seconds:g} seconds and was ended; ask for less, or try"
                " again later",
                headers={"Retry-After": str(RETRY_SECONDS)},
            ) from None

    def close(self) -> None:
        """Begin nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
