"""``/metrics``: the server's figures and the archive's, in the form that Prometheus reads.

Whoever reaches a server on the loopback address reads them. Anywhere else, behind a proxy too,
they are for an operator's token, because they tell how much is asked and how much is under way:
what the server listens on decides, and never the address of a client, which a proxy on the same
machine has as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.access import Role
from app.web.figures import Figures
from app.web.identity import Asking, require
from app.web.site import Served
from connectors import standings

if TYPE_CHECKING:
    from archive import Archive

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder that the processes of one server count into."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
"""The label of what is unknown: clients must not make labels."""
router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(site: Served, identity: Asking) -> Response:
    """The figures, as text."""
    if not site.options.open_metrics:
        require(identity, Role.operator)
    text = await site.work.run(_text, site.figures, site.archive)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _text(figures: Figures, archive: Archive) -> bytes:
    of_archive = CollectorRegistry()
    of_archive.register(ArchiveFigures(archive))
    return generate_latest(_of_all_processes(figures)) + generate_latest(of_archive)


def _of_all_processes(figures: Figures) -> CollectorRegistry:
    """The figures of this process, or of all that share a folder."""
    folder = os.environ.get(SHARED_FOLDER)
    if not folder:
        return figures.registry
    for path in Path(folder).glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        if _ended(process):
            mark_process_dead(process, folder)  # type: ignore[no-untyped-call]  # it has no types
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


def _ended(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


class ArchiveFigures:
    """What the archive is like now; it is read from there whenever it is asked for."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The log's head, each view's documents and lag, generations, dead letters, follower."""
        status, engine = self._archive.status(), self._archive.engine
        yield GaugeMetricFamily("stet_log_head", "The sequence of the last event.", status.head)
        documents, events, seconds, live = (
            GaugeMetricFamily(f"stet_view_{name}", about, labels=("view",))
            for name, about in (
                ("documents", "Documents of the live index."),
                ("lag_events", "Events that the live index does not have yet."),
                ("lag_seconds", "For how long the oldest of these events has waited."),
                ("generation", "The live generation; 0 where none is."),
            )
        )
        for each in status.views:
            documents.add_metric((each.view,), each.documents or 0)
            events.add_metric((each.view,), each.lag_events)
            seconds.add_metric((each.view,), each.lag_seconds)
            live.add_metric((each.view,), each.generation or 0)
        yield from (documents, events, seconds, live)
        yield GaugeMetricFamily(
            "stet_generations",
            "Generations that are finished, of any view.",
            len({each.generation for each in engine.generations()}),
        )
        yield self._dead_letters()
        yield from self._connectors()
        yield GaugeMetricFamily(
            "stet_following", "Whether some process follows the log.", int(self._is_followed())
        )

    def _dead_letters(self) -> GaugeMetricFamily:
        counts = dict.fromkeys(self._archive.views, 0)
        for letter in self._archive.dead_letters.letters():
            counts[letter.view] = counts.get(letter.view, 0) + 1
        family = GaugeMetricFamily(
            "stet_dead_letters", "Documents that the engine refused.", labels=("view",)
        )
        for view, count in counts.items():
            family.add_metric((view,), count)
        return family

    def _connectors(self) -> Iterator[GaugeMetricFamily]:
        """How each connector and relay did when it said so last; a stopped one says nothing new."""
        lag, position, letters, running = (
            GaugeMetricFamily(f"stet_connector_{name}", about, labels=("connector",))
            for name, about in (
                ("lag", "Messages that a connector, or events that a relay, has not done yet."),
                ("position", "What it has come to, over all partitions."),
                ("dead_letters", "Messages that were set aside."),
                ("running", "Whether a process on this machine runs it."),
            )
        )
        for each in standings(self._archive.folder):
            if each.lag is not None:
                lag.add_metric((each.name,), each.lag)
            position.add_metric((each.name,), sum(each.positions.values()))
            letters.add_metric((each.name,), each.dead_letters)
            running.add_metric((each.name,), int(each.running))
        yield from (lag, position, letters, running)

    def _is_followed(self) -> bool:
        from archive import SUBSCRIPTION

        held = (
            each.holder for each in self._archive.log.subscriptions() if each.name == SUBSCRIPTION
        )
        return any(held)


class Counting:
    """The outermost middleware: counts each request by the route that answered it."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures
        self._templates: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._route(scope)
                method = scope["method"] if scope["method"] in METHODS else OTHER
                self._figures.requests.labels(method, route, str(message["status"])).inc()
                self._figures.request_seconds.labels(route).observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, counted)

    def _route(self, scope: Scope) -> str:
        """The template of the route's path, such as ``/api/v1/{view}``; there are few of them."""
        if not self._templates:
            for each in iter_route_contexts(scope["app"].routes):
                self._templates[id(each.original_route)] = each.path or OTHER
        return self._templates.get(id(scope.get("route")), OTHER)
