"""Stored and reflected script: every text of a document and of an address is shown as text."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from parsed import Node, check, parsed, xml
from serving import Server

from app.importing import import_one
from app.web.access import Role
from archive import Archive
from newsroom import DOMAIN

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}&lt;b&gt;"""
PLAIN = (
    *("abstract", "body", "kicker", "language", "source", "news_desk", "type_of_material"),
    *("print_page", "print_section", "print_headline"),
)
NAMES = ["q", "section", "section!", "tag~", "from", "at"]
"""The parameters that a form shows again as they were given, whatever they are."""
ELEMENTS = frozenset(
    ("feed", "id", "title", "updated", "link", "author", "name", "entry", "published", "summary")
)
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over an archive each of whose texts is an attempt to run a script."""
    folder: Path = tmp_path_factory.mktemp("evil")
    archive = Archive(folder / "home", DOMAIN)
    image = {"caption": EVIL, "credit": EVIL, "alt_text": EVIL, "photographer_id": "byline/b"}
    article = {
        **dict.fromkeys(PLAIN, EVIL),
        "headline": f"Whales {EVIL}",
        "url": "javascript:alert(1)",
        "section_id": "section/s",
        "byline_ids": ["byline/b"],
        "image_ids": ["image/i"],
        "tag_ids": ["tag/t"],
    }
    events = [
        ("section/s", "SectionOpened", {"name": EVIL, "description": EVIL}),
        ("byline/b", "BylineRegistered", {"name": EVIL, "title": EVIL, "bio": EVIL}),
        ("tag/t", "TagDefined", {"name": EVIL, "kind": EVIL}),
        ("image/i", "ImageAdded", {"url": "javascript:alert(1)", **image}),
        ("article/a1", "ArticlePublished", {**article, "published_at": "1912-04-11T00:00:00Z"}),
        ("article/a2", "ArticlePublished", {**article, "published_at": "1912-04-12T00:00:00Z"}),
    ]
    lines = [{"stream": s, "type": t, "data": data, "actor": EVIL} for s, t, data in events]
    file = folder / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    import_one(
        archive, file, "stop"
    )  # what comes from elsewhere is not checked by an editor's rules
    archive.rebuild()
    return Server(folder / "home", name=EVIL, picture_hosts=("*",))


def shown(server: Server, address: str, role: Role | None = None) -> Node:
    answer = server.ask(role).get(address)
    assert answer.status_code in (200, 404, 422), answer.text
    page = parsed(answer.text)
    check(page)
    for image in page.all("img"):
        assert image["src"] != "x"
    assert "49" not in page.one("head").one("title").text
    return page


@pytest.mark.parametrize(
    "address",
    ["/", "/login", "/no/such/page", "/search", "/search?q=alert", "/search?q=whales&at=9"]
    + [f"/search?view={view}&q=alert" for view in DOMAIN.views if view != "history"]
    + [f"/search?view={view}" for view in DOMAIN.views if view != "history"]
    + ["/articles/a1", "/bylines/b", "/images/i", "/sections/s", "/topics/t"]
    + ["/timeline/1912-04-11"],
)
def test_no_text_of_a_document_becomes_markup(evil: Server, address: str) -> None:
    shown(evil, address)


def test_texts_of_the_desk_do_not_become_markup_either(evil: Server) -> None:
    shown(evil, "/search?view=history&q=alert", Role.editor)


def test_a_name_is_shown_as_it_was_written(evil: Server) -> None:
    page = shown(evil, "/search")
    assert [box["value"] for box in page.all("input", name="section")] in ([], [EVIL])
    assert page.one("p", class_="footer-name").text == " ".join(EVIL.split())
    facts = [node.text for node in page.all("p", class_="hit-facts")]
    assert all(" ".join(f"By {EVIL}".split()) in fact for fact in facts)


@pytest.mark.parametrize(
    "name",
    [*NAMES, "to", "sort", "page", "size", "facet", "histogram", "view", "embargoed", EVIL],
)
def test_no_parameter_of_an_address_becomes_markup(evil: Server, name: str) -> None:
    shown(evil, f"/search?{urlencode({name: EVIL})}")
    assert evil.ask().get(f"/search.atom?{urlencode({name: EVIL})}").status_code in (200, 404, 422)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_typed_is_in_the_form_again_as_it_was(evil: Server, name: str) -> None:
    page = shown(evil, f"/search?{urlencode({name: EVIL})}")
    fields = [node for node in page.all("input") if node.get("name") == name]
    assert EVIL in [field["value"] for field in fields]


def test_no_path_becomes_markup(evil: Server) -> None:
    shown(evil, f"/{quote(EVIL, safe='')}")


def test_a_feed_has_texts_as_text(evil: Server) -> None:
    feed = xml(evil.ask().get(f"/search.atom?{urlencode({'q': 'whales'})}").content)
    assert EVIL in (feed.findtext(f"{ATOM}title") or "")
    assert {each.tag.removeprefix(ATOM) for each in feed.iter()} <= ELEMENTS


def test_the_description_of_the_search_has_the_name_as_text(evil: Server) -> None:
    described = xml(evil.ask().get("/opensearch.xml").content)
    assert EVIL in "".join(described.itertext())


def test_a_header_cannot_be_added_by_an_address(evil: Server) -> None:
    for address in ("/search?q=a%0d%0aX-Evil:%201", "/login?next=/%0d%0aX-Evil:%201"):
        assert "x-evil" not in evil.ask().get(address).headers
