"""A real browser on a real server: pages that complain of errors and of requests to elsewhere."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request
from running import Running

from app.web.access import Access, Role

HINT = "no Chromium runs here; install it (Debian: chromium)"
PHONE, DESKTOP = (390, 844), (1280, 900)
LINK = re.compile(r'<a [^>]*href="([^"]+)"')
MOST_PAGES = 120
NO_PAGES = ("/static/", "/api/", "/metrics", "/brand/", "/logout")


def missing(why: str) -> None:
    """Skip the test, or let it fail where a browser is required (``STET_REQUIRE_BROWSER=1``)."""
    if os.environ.get("STET_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


def installed() -> str:
    """The installed Chromium; nothing ever downloads one."""
    found = shutil.which("chromium")
    if found is None:
        missing(HINT)
    return str(found)


@dataclass
class Site:
    """A server, and a token for each role."""

    server: Running
    tokens: dict[Role, str]

    @classmethod
    def over(cls, server: Running) -> Site:
        """Make a token for each role."""
        access = Access(server.home)
        return cls(server, {role: access.add(f"{role.value}-1", role) for role in Role})

    @property
    def url(self) -> str:
        """The address of the server."""
        return self.server.url

    def client(self, role: Role | None = None) -> httpx2.Client:
        """A client that is logged in as a browser would be."""
        client = httpx2.Client(base_url=self.url, timeout=60)
        if role is not None:
            answer = client.post("/login", data={"token": self.tokens[role]})
            assert answer.status_code == 303, answer.text
        return client


@dataclass
class Visit:
    """A page in a browser, and what went wrong there."""

    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        answered = "the server responded with a status of 4" in message.text
        if not (
            answered and message.location["url"] == self.page.url
        ):  # a page that says so itself
            at = f"{message.location['url']} on {self.page.url}"
            self.complaints.append(f"{message.type}: {message.text} ({at})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.complaints.append(f"request to elsewhere: {request.url} ({self.page.url})")

    def go(self, path: str) -> None:
        """Open a path of the server."""
        self.page.goto(f"{self.site.url}{path}")

    def log_in(self, role: Role) -> None:
        """Log in by the form."""
        self.go("/login")
        self.page.get_by_label("Token").fill(self.site.tokens[role])
        self.page.locator("main").get_by_role("button", name="Log in").click()
        self.page.wait_for_load_state()
        assert "/login" not in self.page.url

    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways, but what scrolls by itself."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
        )

    def bytes(self, path: str) -> dict[str, int]:
        """Open a path, and count what it loads but pictures, by address."""
        sizes: dict[str, int] = {}

        def count(request: Request) -> None:
            if request.resource_type != "image":
                sizes[request.url] = request.sizes()["responseBodySize"]

        self.page.on("requestfinished", count)
        self.go(path)
        self.page.wait_for_load_state("networkidle")
        self.page.remove_listener("requestfinished", count)
        return sizes


def open_visit(
    browser: Browser,
    site: Site,
    script: str | None = None,
    javascript: bool = True,
    dark: bool = False,
    size: tuple[int, int] = DESKTOP,
) -> Visit:
    """A fresh page, as of somebody who was never there."""
    context = browser.new_context(
        java_script_enabled=javascript,
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    if script:
        context.add_init_script(script)
    return Visit(context.new_page(), site)


def shape(path: str) -> str:
    """What pages of the same kind have in common: the parts of the path, the names of parameters.

    >>> shape("/articles/titanic-1912/history?from=3")
    '/articles/*/history?from'
    >>> shape("/search?view=images&q=a")
    '/search?q&view=images'
    """
    parts = urlsplit(path)
    words = [
        word if place % 2 == 0 or (not re.search(r"[\d%]|-", word) and len(word) < 12) else "*"
        for place, word in enumerate(parts.path.strip("/").split("/"))
    ]
    asked = sorted(
        f"{name}={value}" if name == "view" else name for name, value in parse_qsl(parts.query)
    )
    return f"/{'/'.join(words)}" + (f"?{'&'.join(dict.fromkeys(asked))}" if asked else "")


def crawl(client: httpx2.Client, begin: Iterable[str]) -> dict[str, str]:
    """Follow the links of all pages; returns one path of each shape that is an HTML page."""
    waiting, found = [*begin], {}
    while waiting and len(found) < MOST_PAGES:
        path = waiting.pop(0)
        if shape(path) in found or path.startswith(NO_PAGES):
            continue
        answer = client.get(path)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        found[shape(path)] = path
        for address in LINK.findall(answer.text):
            to = urlsplit(urljoin(str(answer.url), address.replace("&amp;", "&")))
            if f"{to.scheme}://{to.netloc}" == str(client.base_url).rstrip("/"):
                waiting.append(to.path + (f"?{to.query}" if to.query else ""))
    return found


def title_of(path: str) -> str:
    """A path as a person reads it, for messages."""
    return unquote(path)
