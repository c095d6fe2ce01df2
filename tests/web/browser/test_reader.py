"""The story of a reader, in a real browser."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_a_reader_finds_the_titanic_and_its_corrections_with_their_notes(  # type: ignore[no-untyped-def]
    visit, javascript: bool
) -> None:
    one = visit(javascript=javascript)
    one.go("/")
    page = one.page
    field = page.locator("input[name=q]").first
    field.fill("titanic iceberg")
    field.press("Enter")
    page.wait_for_url("**/search?**")
    assert page.locator("main mark").count() > 0
    page.locator("main").get_by_role("link", name="Sinks").first.click()
    page.wait_for_url("**/articles/titanic-1912")
    assert "705 Are Landed" in page.locator("h1").inner_text()
    corrections = page.locator("#corrections")
    corrections.scroll_into_view_if_needed()
    said = page.locator("main").inner_text()
    assert said.count("Correction") + said.count("Corrected") >= 4
    assert page.locator("main ins, main del").count() > 0


def test_a_narrowed_search_is_in_its_address(visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(javascript=False)
    one.go("/search?q=the")
    page = one.page
    before = page.locator("main .hit, main article").count()
    assert before > 1
    box = page.locator("main input[type=checkbox][name=section]").first
    value = box.get_attribute("value")
    box.check()
    page.locator("main form button[type=submit], main form button").first.click()
    page.wait_for_load_state()
    assert "section=" in page.url
    assert str(value) in page.locator("main").inner_text()
    assert page.locator("main input[type=checkbox][name=section]:checked").count() >= 1
