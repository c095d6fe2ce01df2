"""The application: the API, the pages and the health routes, over one archive."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.contract import INFO, describe
from app.api.feed import Feed
from app.api.router import PREFIX
from app.api.router import router as api
from app.pages.error_page import error_page
from app.pages.router import router as pages
from app.pages.templates import Templates
from app.server.health import router as health
from app.server.metrics import Counting
from app.server.metrics import router as metrics
from app.web.access import Access
from app.web.encoded import EncodedSlashes
from app.web.ending import Endable, Ending
from app.web.figures import Figures
from app.web.options import Options
from app.web.past import Past
from app.web.problems import MEDIA_TYPE, Problem, WrongField, problem_of
from app.web.protection import Protection
from app.web.searchable import Reached
from app.web.site import Site
from app.web.work import Work

if TYPE_CHECKING:
    from archive import Archive

THREADS = 4
"""The threads of a process: so many that one slow search does not hold up quick ones."""
SWITCH_SECONDS = 0.0005
"""How long a thread may keep others waiting for the interpreter: see decision 0016."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
FOR_PROGRAMS = ("/api/", "/metrics")
"""How the paths begin whose errors are never a page, whatever is accepted."""
HOST_VARIABLE = "STET_SERVE_HOST"
SECURE_VARIABLE = "STET_SERVE_SECURE"
log = logging.getLogger("stet.server")


def application(archive: Archive, options: Options, hosts: frozenset[str] = frozenset()) -> FastAPI:
    """Make the application; ``hosts`` are the names that it may be called by, empty for any."""
    work, past = Work(THREADS, options.query_seconds), Past(options.past_an_hour)
    site = Site(archive, Access(archive.folder), options, work, Figures(), Ending(), past)
    feed = Feed(site)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_SECONDS)
        site.ending.begin_with_signals()
        yield
        feed.close()
        site.work.close()

    app = FastAPI(
        **INFO,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
    )
    app.state.site = site
    app.state.templates = Templates(site)
    app.include_router(health)
    app.include_router(metrics)
    app.include_router(api)
    app.include_router(pages)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for kind in _errors():
        app.add_exception_handler(kind, _any_error)
    app.add_middleware(Caught)
    app.add_middleware(Endable, ending=site.ending, figures=site.figures)
    describe(app)
    app.state.reached = Reached()
    app.state.feed = feed
    app.add_middleware(EncodedSlashes, prefix=f"{PREFIX}/")
    app.add_middleware(Protection, options=options, hosts=hosts)
    app.add_middleware(Counting, figures=site.figures)
    return app


def _errors() -> tuple[type[Exception], ...]:
    """All errors, and the base errors of the rooms: of others Starlette also prints a traceback."""
    from app.options import Failure
    from archive import ArchiveError
    from event_log import EventLogError
    from replay import ReplayError
    from search import SearchError

    return (Exception, Problem, ArchiveError, EventLogError, ReplayError, SearchError, Failure)


def from_environment() -> FastAPI:
    """The application of a worker: the archive and the options are those of its environment."""
    from app.options import open_archive
    from event_log import settings

    host = os.environ.get(HOST_VARIABLE, "127.0.0.1")
    archive = open_archive(settings.home())
    options = Options.read(host in LOOPBACK, os.environ.get(SECURE_VARIABLE) == "1")
    return application(archive, options, allowed_hosts(host, options))


def allowed_hosts(host: str, options: Options) -> frozenset[str]:
    """The names that the server may be called by; others could be those of a hostile page.

    See "DNS rebinding". An address that is not loopback, without a site's URL, takes any name.

    >>> sorted(allowed_hosts("127.0.0.1", Options.read()))
    ['127.0.0.1', '::1', 'localhost']
    """
    named = {urlsplit(options.site_url).hostname or ""} if options.site_url else set()
    if host in LOOPBACK:
        return frozenset({*LOOPBACK, *named})
    return frozenset({*LOOPBACK, host, *named}) if named else frozenset()


REASONS = {
    "dict_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
}
"""What the commonest mistakes are called here, by the types that Pydantic has for them."""


def _wrong(request: Request, mistake: Mapping[str, Any]) -> WrongField:
    """The field of a mistake, and what is wrong there."""
    if mistake["type"] == "json_invalid":
        return WrongField("body", f"is no JSON, at character {mistake['loc'][-1]}")
    field = ".".join(str(part) for part in mistake["loc"][1:]) or "body"
    reason = REASONS.get(mistake["type"], str(mistake["msg"]))
    kind = request.headers.get("content-type", "").partition(";")[0]
    if mistake["type"] == "model_attributes_type" and not kind.endswith("json"):
        reason += "; send it with Content-Type: application/json"
    return WrongField(field, reason)


async def _invalid(request: Request, error: Any) -> Response:
    wrong = [_wrong(request, each) for each in error.errors()]
    said = "; ".join(f"{each.field}: {each.reason}" for each in wrong)
    return _answer(request, Problem(422, f"the request is not valid: {said}", wrong))


async def _http_error(request: Request, error: Any) -> Response:
    detail = error.detail
    if error.status_code == 404:
        detail = "there is no such page"
    if error.status_code == 400 and isinstance(error.__cause__, ValueError | RecursionError):
        wrong = [WrongField("body", "is no JSON in UTF-8, or too deep")]
        return _answer(request, Problem(422, f"the body {wrong[0].reason}", wrong))
    return _answer(request, Problem(error.status_code, detail, headers=dict(error.headers or {})))


async def _any_error(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None or problem.status == 500:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if problem is None:
        problem = Problem(500, "the server failed; its log says why")
    return _answer(request, problem)


class Caught:
    """Answers what no handler expected within the other middleware, which protects and counts it.

    Starlette's own place for that is around all of them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an answer that has begun already is cut off."""
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await (await _any_error(Request(scope, receive), error))(scope, receive, send)


def _answer(request: Request, problem: Problem) -> Response:
    """An error as JSON for programs, as a page for people."""
    if request.url.path.startswith(FOR_PROGRAMS) or not _wants_page(request):
        return JSONResponse(
            problem.body(), problem.status, dict(problem.headers), media_type=MEDIA_TYPE
        )
    return error_page(request, problem)


def _wants_page(request: Request) -> bool:
    return "json" not in request.headers.get("accept", "")
