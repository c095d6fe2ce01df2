"""Pictures in a real browser: shown where they load, a frame of the same size where they do not."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route
from running import Running

from archive import Archive

pytestmark = [pytest.mark.slow, pytest.mark.browser]
HOST = "pictures.example.org"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def article(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an article whose picture is of a host that is allowed."""
    home = Path(shutil.copytree(sample, tmp_path_factory.mktemp("pictures") / "home"))
    archive = Archive(home)
    url = {"url": f"https://{HOST}/a.png"}
    archive.append("image/titanic-lifeboats", "ImageRevised", url)
    archive.catch_up()
    with Running(home, STET_REQUESTS_A_MINUTE="0", STET_PICTURE_HOSTS=HOST) as server:
        yield f"{server.url}/articles/titanic-1912"


def opened(chromium: Browser, article: str, loads: bool, scripts: bool = True) -> Page:
    """The page of the article, where its picture loads or not; what it complains of is noted."""
    page = chromium.new_context(java_script_enabled=scripts).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))

    def answer(route: Route) -> None:
        if loads:
            route.fulfill(body=DOT, content_type="image/png")
        else:
            route.abort()

    page.route(f"https://{HOST}/**", answer)
    page.goto(article, wait_until="load")
    assert not [text for text in told if "Content Security Policy" in text]
    return page


def height(page: Page) -> float:
    """The height of the picture's frame."""
    box = page.locator(".picture-frame").first.bounding_box()
    assert box
    return box["height"]


def test_a_picture_that_cannot_be_loaded_gives_way_to_a_frame_of_its_size(
    chromium: Browser, article: str
) -> None:
    shown, failed = opened(chromium, article, True), opened(chromium, article, False)
    assert shown.locator(".picture-frame img").count() == 1
    failed.wait_for_selector(".picture-frame img", state="detached")
    blank = failed.locator(".picture-blank").first
    assert "Wooden boats side by side in dark water" in blank.inner_text()
    assert blank.get_attribute("aria-hidden") is None
    assert height(shown) == height(failed) > 100


def test_without_javascript_the_words_of_the_picture_stay(chromium: Browser, article: str) -> None:
    page = opened(chromium, article, False, scripts=False)
    picture = page.locator(".picture-frame img")
    assert picture.get_attribute("alt") == "Wooden boats side by side in dark water"


def test_the_data_of_a_page_for_programs_is_no_script_that_the_policy_refuses(
    chromium: Browser, article: str
) -> None:
    page = opened(chromium, article, True)
    said = page.locator('script[type="application/ld+json"]').text_content() or ""
    assert '"NewsArticle"' in said
