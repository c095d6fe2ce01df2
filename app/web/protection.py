"""What protects every route: headers, refused cross-site writes, and limits of size and number.

A cross-site write is refused by what browsers send of their own (``Sec-Fetch-Site``, ``Origin``):
see OWASP's Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers". It needs no
JavaScript and no hidden field.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.options import Options
from app.web.problems import MEDIA_TYPE, Problem
from app.web.rate import Rate

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_SECONDS = 30.0
"""The longest that a body may take to arrive: a slow client holds nothing for longer."""
UNCOUNTED = ("/static/", "/healthz", "/readyz", "/metrics")


def content_security_policy(options: Options) -> str:
    """The policy of every page: scripts and styles of this site only, pictures as is set."""
    hosts = " ".join(
        host if host == "*" or "//" in host else f"https://{host}" for host in options.picture_hosts
    )
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self';"
        f" img-src 'self' {hosts}; connect-src 'self'; manifest-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )


class Protection:
    """The middleware around the application."""

    def __init__(self, app: ASGIApp, options: Options, hosts: frozenset[str] = frozenset()) -> None:
        """``hosts`` are the names that the server may be called by; empty for any."""
        self._app, self._options, self._hosts = app, options, hosts
        self._rate = Rate(options.requests_a_minute, 60)
        self._headers = {
            "Content-Security-Policy": content_security_policy(options),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        if options.secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, answer = Headers(scope=scope), Answered(send, self._headers)
        if refused := self._refused(scope, headers):
            await answer.refuse(refused)
            return
        body = Body(receive, self._options.body_bytes, answer)
        await self._app(scope, body, answer.send)

    def _refused(self, scope: Scope, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if self._hosts and _name(host) not in self._hosts:
            return Problem(421, f"this server is not called {host!r}; set STET_SITE_URL")
        if scope["method"] not in SAFE and _crosses(headers, host):
            return Problem(403, "a page of another site may not write here")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._options.body_bytes:
            return too_large(self._options.body_bytes)
        client = scope["client"][0] if scope.get("client") else ""
        if not scope["path"].startswith(UNCOUNTED) and (wait := self._rate.wait(client)):
            return Problem(
                429,
                f"more than {self._options.requests_a_minute:,} requests in a minute",
                headers={"Retry-After": str(wait)},
            )
        return None


def too_large(most: int) -> Problem:
    """The answer to a body that is too large."""
    return Problem(413, f"the body has more than {most // 1000:,} kilobytes (STET_BODY_KB)")


def _name(host: str) -> str:
    """The name in a ``Host``, without its port.

    >>> _name("localhost:8000"), _name("[::1]:8000")
    ('localhost', '::1')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _crosses(headers: Headers, host: str) -> bool:
    """Whether a browser says that a page of another site makes the request."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != host


class Answered:
    """Sends an answer with the headers that all have, unless the request was refused meanwhile."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send, self._headers = send, headers
        self._begun = self._refused = False

    async def send(self, message: Message) -> None:
        """Send a piece of the application's answer."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            self._begun = True
            answered = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                answered.setdefault(name, value)
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem as JSON, whatever the application answers afterwards."""
        if self._begun:
            return
        response = JSONResponse(
            problem.body(), problem.status, dict(problem.headers), media_type=MEDIA_TYPE
        )
        start = {"type": "http.response.start", "status": response.status_code}
        await self.send({**start, "headers": response.raw_headers})
        await self.send({"type": "http.response.body", "body": response.body})
        self._refused = True


class Body:
    """Receives a body that may neither be too large nor take too long."""

    def __init__(self, receive: Receive, most: int, answer: Answered) -> None:
        self._receive, self._left, self._most, self._answer = receive, most, most, answer
        self._until = time.monotonic() + BODY_SECONDS
        self._done = False

    async def __call__(self) -> Message:
        """The next piece of the body; one that is refused ends as if the client had gone."""
        if self._done:  # what comes now is that the client is gone, which may take any time
            return await self._receive()
        try:
            left = max(0.0, self._until - time.monotonic())
            message = await asyncio.wait_for(self._receive(), left)
        except TimeoutError:
            return await self._refuse(
                Problem(408, f"the body took longer than {BODY_SECONDS:g} seconds")
            )
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return await self._refuse(too_large(self._most))
        self._done = not message.get("more_body", False)
        return message

    async def _refuse(self, problem: Problem) -> Message:
        await self._answer.refuse(problem)
        return {"type": "http.disconnect"}
