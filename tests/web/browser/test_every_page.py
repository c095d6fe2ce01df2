"""What holds for every page that a link leads to: all can use it, it is small, it is quiet."""

from __future__ import annotations

import axe
import pytest
from browsing import PHONE, Site, crawl

from app.web.access import Role

pytestmark = [pytest.mark.slow, pytest.mark.browser]
BEGIN = ("/", "/login", "/search", "/no/such/page")
MOST_BYTES = 100_000
ROLES = (None, Role.editor, Role.operator)


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[Role | None, dict[str, str]]:
    """By role, a path of each kind of page; those that a less trusted role has are left out."""
    found: dict[Role | None, dict[str, str]] = {}
    for role in ROLES:
        begin = [*BEGIN, *(["/desk"] if role else []), *(["/operations"] if role else [])]
        client = site.client(role)
        known = {kind for each in found.values() for kind in each}
        crawled = crawl(client, begin)
        client.close()
        found[role] = {kind: path for kind, path in crawled.items() if kind not in known}
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("role", ROLES)
def test_everybody_can_use_every_page(visit, pages, axe_script, role, dark) -> None:  # type: ignore[no-untyped-def]
    one = visit(script=axe_script, dark=dark)
    if role:
        one.log_in(role)
    found = {}
    for path in pages[role].values():
        one.go(path)
        if told := axe.violations(one.page):
            found[path] = told
    assert found == {}, "\n".join(f"{path}: {each}" for path in found for each in found[path])


@pytest.mark.parametrize("role", ROLES)
def test_every_page_fits_a_phone_and_is_small(visit, pages, role) -> None:  # type: ignore[no-untyped-def]
    one = visit(size=PHONE)
    if role:
        one.log_in(role)
    wide, large = [], {}
    for path in pages[role].values():
        size = sum(one.bytes(path).values())
        if size > MOST_BYTES:
            large[path] = size
        if not one.fits():
            wide.append(path)
    assert (wide, large) == ([], {})
