"""Chromium, one for a worker, and a server with the sample, one for a module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import axe
import pytest
from browsing import Site, Visit, installed, missing, open_visit
from playwright.sync_api import Browser, sync_playwright
from running import Running

Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The installed browser; while it is open, no test can run an event loop of its own."""
    path = installed()
    with sync_playwright() as playwright:
        # as root there is no sandbox, and a container has little shared memory
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe_script() -> str:
    """axe-core."""
    try:
        return axe.script()
    except axe.NotFetched as reason:
        missing(str(reason))
        raise


@pytest.fixture(scope="module")
def site(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A real server over a copy of the sample, for the tests of a module."""
    home = Path(shutil.copytree(sample, tmp_path_factory.mktemp("site") / "home"))
    with Running(home, STET_REQUESTS_A_MINUTE="0") as server:
        yield Site.over(server)


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Open]:
    """Opens a page; at the end of the test nothing may have gone wrong on any."""
    opened: list[Visit] = []

    def open_one(**options: object) -> Visit:
        opened.append(open_visit(chromium, site, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    complaints = [each for one in opened for each in one.complaints]
    for one in opened:
        one.page.context.close()
    assert complaints == []
