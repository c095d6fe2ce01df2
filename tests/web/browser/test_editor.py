"""The story of an editor who is not the only one, in a real browser."""

from __future__ import annotations

import pytest
from browsing import Site

from app.web.access import Role
from archive import Archive

pytestmark = [pytest.mark.slow, pytest.mark.browser]
TITANIC = "article/titanic-1912"


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_an_editor_is_told_of_a_conflict_merges_and_sees_the_receipt_turn_green(  # type: ignore[no-untyped-def]
    visit, site: Site, javascript: bool
) -> None:
    archive = Archive(site.server.home)
    with_script = "with" if javascript else "without"
    one = visit(javascript=javascript)
    one.log_in(Role.editor)
    page = one.page
    one.go(f"/desk/{TITANIC}")
    page.locator("#f-headline").fill(f"Mine, {with_script}")
    page.locator("#f-kicker").fill(f"AT SEA, {with_script}")
    theirs = {"headline": f"Theirs, {with_script}", "abstract": f"An abstract, {with_script}."}
    archive.append(TITANIC, "ArticleRevised", theirs, actor="ben")
    page.get_by_role("button", name="Review").last.click()
    page.get_by_role("heading", name="Somebody else was faster").wait_for()
    assert "ben" in page.locator("#conflict").inner_text()
    assert page.locator("#f-kicker").input_value() == f"AT SEA, {with_script}"
    assert page.locator("#f-headline").input_value() == f"Mine, {with_script}"
    decision = page.locator(".desk-conflict")
    assert "Theirs" in decision.inner_text()
    decision.get_by_label("which you may change").check()
    page.get_by_role("button", name="Review").last.click()
    page.get_by_role("heading", name="What will change").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Saved").wait_for()
    page.get_by_role("status").filter(has_text="searchable in every view").wait_for(timeout=60_000)
    fields = archive.entity(TITANIC).fields
    assert fields["headline"] == f"Mine, {with_script}"
    assert fields["kicker"] == f"AT SEA, {with_script}"
    assert fields["abstract"] == f"An abstract, {with_script}.", "what only they changed stays"
    assert archive.log.stream(TITANIC)[-1].actor == "editor-1"
