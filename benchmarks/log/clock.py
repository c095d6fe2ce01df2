"""Time inside a measured process, and what it prints for the one that started it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

THREADS = 64
"""Threads, or clients, that append at once."""


class Clock:
    """Adds up the seconds, and the seconds of CPU, that pass inside of its ``with``."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> Clock:
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._begun[0]
        self.cpu += time.process_time() - self._begun[1]

    def of(self, events: int) -> dict[str, float]:
        """What it took for so many events."""
        return {"events": events, "seconds": self.seconds, "cpu": self.cpu}


def at_once(appends: Sequence[Callable[[Any], object]], waiting: Sequence[Any]) -> None:
    """Hand out what waits to threads, one for each way to append, until all is appended."""

    def append(number: int) -> None:
        for event in waiting[number :: len(appends)]:
            appends[number](event)

    with ThreadPoolExecutor(len(appends)) as pool:
        list(pool.map(append, range(len(appends))))


def spread(seconds: list[float]) -> dict[str, float]:
    """The median and the 95th percentile."""
    return {"median": float(np.median(seconds)), "p95": float(np.quantile(seconds, 0.95))}


def measured(steps: Iterable[Callable[..., Any]]) -> None:
    """Take the step that the command line names, with its arguments, and print what it gives."""
    name, *arguments = sys.argv[1:]
    print(json.dumps({step.__name__: step for step in steps}[name](*arguments)))
