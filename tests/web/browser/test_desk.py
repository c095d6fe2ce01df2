"""The desk in a real browser: a conflict, a draft, a list that is ordered by the keyboard."""

from __future__ import annotations

import re

import pytest
from browsing import Site
from playwright.sync_api import Page, expect

from app.web.access import Role
from archive import Archive

pytestmark = [pytest.mark.slow, pytest.mark.browser]
TITANIC = "article/titanic-1912"
PATH = "/desk/article/titanic-1912"
HEADLINE = re.compile("^Headline")  # an article has a print headline as well


def review(page: Page) -> None:
    page.locator(".desk-actions").get_by_role("button", name="Review").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_an_editor_is_told_of_a_conflict_merges_and_sees_the_receipt_turn_green(  # type: ignore[no-untyped-def]
    visit, site: Site, javascript: bool
) -> None:
    archive = Archive(site.server.home)
    one = visit(javascript=javascript)
    one.log_in(Role.editor)
    page, mark = one.page, "JS" if javascript else "plain"
    one.go(PATH)
    headline = page.get_by_label(HEADLINE)
    headline.fill(f"Mine, {mark}")
    page.get_by_label("Reason").fill("a reason of mine")
    theirs = {"headline": f"Theirs, {mark}", "kicker": f"KICKER {mark}"}
    archive.append(TITANIC, "ArticleRevised", theirs, actor="ben")
    review(page)
    expect(page.get_by_role("heading", name="Somebody else was faster")).to_be_visible()
    expect(page.get_by_label("Kicker")).to_have_value(f"KICKER {mark}")
    page.get_by_label("What stands in the field below").check()
    page.get_by_label(HEADLINE).last.fill(f"Both, {mark}")
    review(page)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/desk/receipts/*")
    expect(page.get_by_text("It is searchable in every view.")).to_be_visible(timeout=60_000)
    fields = archive.entity(TITANIC).fields
    assert (fields["headline"], fields["kicker"]) == (f"Both, {mark}", f"KICKER {mark}")


def test_what_is_typed_is_kept_in_the_browser_until_it_is_saved(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    one = visit()
    one.log_in(Role.editor)
    page = one.page
    one.go("/desk/tag")
    page.get_by_label("Id").fill("typed-for-an-hour")
    page.get_by_label("Name").fill("Typed for an Hour")
    page.get_by_role("textbox", name="Aliases 1").fill("First")
    page.get_by_role("button", name="More rows").click()
    page.get_by_role("textbox", name="Aliases 3").fill("Third")
    expect(page.get_by_text("Draft kept in this browser")).to_be_visible()
    one.go("/desk")
    one.go("/desk/tag")
    expect(page.get_by_text("was restored from this browser")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Typed for an Hour")
    expect(page.get_by_role("textbox", name="Aliases 3")).to_have_value("Third")
    review(page)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/desk/receipts/*")
    kept = page.evaluate("Object.keys(localStorage).filter((name) => name.includes('tag/'))")
    assert kept == []
    assert Archive(site.server.home).entity("tag/typed-for-an-hour").fields == {
        "name": "Typed for an Hour", "aliases": ["First", "Third"],
    }  # fmt: skip


def test_a_draft_that_is_discarded_is_gone(visit) -> None:  # type: ignore[no-untyped-def]
    one = visit()
    one.log_in(Role.editor)
    page = one.page
    one.go(PATH)
    headline = page.get_by_label(HEADLINE)
    before = headline.input_value()
    headline.fill("Not This")
    expect(page.get_by_text("Draft kept in this browser")).to_be_visible()
    one.go(PATH)
    expect(headline).to_have_value("Not This")
    page.get_by_role("button", name="Discard it").click()
    expect(headline).to_have_value(before)
    one.go(PATH)
    expect(page.get_by_text("was restored from this browser")).to_have_count(0)


def test_tags_are_chosen_by_name_and_ordered_by_the_keyboard(visit, site: Site) -> None:  # type: ignore[no-untyped-def]
    one = visit()
    one.log_in(Role.editor)
    page = one.page
    one.go(PATH)
    tags = Archive(site.server.home).entity(TITANIC).fields["tag_ids"]
    new = page.get_by_role("combobox", name=f"Tags {len(tags) + 1}", exact=True)
    new.press_sequentially("vatican c")
    expect(page.get_by_role("option").first).to_be_visible()
    new.press("ArrowDown")
    new.press("Enter")
    chosen = new.input_value()
    assert chosen.endswith(")")
    up = page.get_by_role("button", name=f"Move up: Tags {len(tags) + 1}", exact=True)
    for _ in tags:
        up.focus()
        page.keyboard.press("Enter")
        up = page.locator("button:focus")
    expect(page.get_by_role("combobox", name="Tags 1", exact=True)).to_have_value(chosen)
    review(page)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/desk/receipts/*")
    saved = Archive(site.server.home).entity(TITANIC).fields["tag_ids"]
    assert saved[1:] == tags
    assert f"({saved[0]})" in chosen
