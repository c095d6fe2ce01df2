"""The story of an operator, in a real browser."""

from __future__ import annotations

import pytest
from browsing import Site

from app.web.access import Role
from archive import Archive

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_an_operator_rolls_back_after_a_confirmation(visit, site: Site, javascript: bool) -> None:  # type: ignore[no-untyped-def]
    archive = Archive(site.server.home)
    archive.rebuild(["topics"])
    live = archive.engine.pointer().live["topics"]
    one = visit(javascript=javascript)
    one.log_in(Role.operator)
    page = one.page
    page.get_by_role("link", name="Operations").click()
    page.get_by_role("link", name="Roll back to").first.click()
    page.get_by_role("heading", name="Roll back?").wait_for()
    page.get_by_role("link", name="Leave it as it is").click()
    assert archive.engine.pointer().live["topics"] == live
    page.get_by_role("link", name="Roll back to").first.click()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("status").filter(has_text="live again").wait_for()
    assert archive.engine.pointer().live["topics"] != live
    page.get_by_role("link", name=f"Promote generation {live}").click()
    page.get_by_role("button", name="Promote").click()
    page.get_by_role("status").filter(has_text="is live").wait_for()
    assert archive.engine.pointer().live["topics"] == live
