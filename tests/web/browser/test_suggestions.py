"""Suggestions while typing: the combobox of the WAI, by keyboard and for a screen reader."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Visit
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = [pytest.mark.slow, pytest.mark.browser]
Open = Callable[..., Visit]
FOUND = [
    {"view": "articles", "id": "article/titanic-1912", "title": "Titanic <b>Sinks</b>"},
    {"view": "topics", "id": "tag/ships", "title": "Titans"},
]


def answer(route: Route) -> None:
    """Answer as the API does."""
    (text,) = parse_qs(urlsplit(route.request.url).query)["q"]
    found = [] if text == "titnic" else FOUND
    route.fulfill(json={"suggestions": found, "did_you_mean": None if found else "titanic"})


@pytest.fixture
def page(visit: Open) -> Page:
    """The search page, whose suggestions are known."""
    opened: Visit = visit()
    opened.page.route("**/api/v1/suggest?*", answer)
    opened.go("/search")
    return opened.page


def typed(page: Page, text: str) -> Locator:
    """The field, in which somebody types, with the suggestions that came."""
    field = page.get_by_role("combobox", name="Search for")
    field.press_sequentially(text)
    expect(page.get_by_role("option").first).to_be_visible()
    return field


def test_suggestions_are_chosen_by_the_keyboard_and_said(page: Page) -> None:
    field = typed(page, "titan")
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("status")).to_have_text("2 suggestions; the arrow keys choose")
    field.press("ArrowDown")
    first = page.get_by_role("option", name="Titanic <b>Sinks</b> Articles")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", first.get_attribute("id") or "")
    field.press("ArrowUp")
    expect(page.get_by_role("option", name="Titans")).to_have_attribute("aria-selected", "true")
    expect(field).to_be_focused()
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url("**/articles/titanic-1912")


def test_escape_closes_the_list_and_keeps_what_was_typed(page: Page) -> None:
    field = typed(page, "titan")
    field.press("ArrowDown")
    field.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("titan")
    field.press("Enter")
    page.wait_for_url("**/search?q=titan*")


def test_a_suggestion_is_chosen_by_a_pointer(page: Page) -> None:
    typed(page, "titan")
    page.get_by_role("option", name="Titans").click()
    page.wait_for_url("**/topics/ships")


def test_what_may_have_been_meant_is_searched(page: Page) -> None:
    field = typed(page, "titnic")
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url("**/search?q=titanic*")
