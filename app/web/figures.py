"""``Figures``: what a server counts of its requests and searches, for Prometheus.

Several processes of one server count into files of a folder that they share
(``PROMETHEUS_MULTIPROC_DIR``, which ``run`` sets before they begin), and any of them answers for
all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of what a latency is counted in."""


class Figures:
    """The figures of one process of a server, in a registry of their own.

    >>> figures = Figures()
    >>> with figures.open_stream():
    ...     figures.registry.get_sample_value("stet_event_streams")
    1.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "stet_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "stet_request_seconds",
            "Seconds until an answer began.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.search_seconds = Histogram(
            "stet_search_seconds",
            "Seconds that a search took.",
            ("view",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge(
            "stet_event_streams",
            "Streams of server-sent events that are open.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    @contextmanager
    def search(self, view: str) -> Iterator[None]:
        """Count a search of a view, and what it takes; one that fails does not count."""
        begun = time.perf_counter()
        yield
        self.search_seconds.labels(view).observe(time.perf_counter() - begun)

    @contextmanager
    def open_stream(self) -> Iterator[None]:
        """Count a stream of events for as long as it is open."""
        self.streams.inc()
        try:
            yield
        finally:
            self.streams.dec()
