"""The front page of the archive: made from what the domain's views declare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from parsed import Node, check, parsed
from serving import Server

from archive import Archive
from newsroom import DOMAIN

SMALL = 100_000
"""The bytes that a page may have, without pictures."""


def start_of(server: Server) -> Node:
    answer = server.ask().get("/")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < SMALL
    page = parsed(answer.text)
    check(page)
    return page


def links(node: Node) -> list[str]:
    return [link["href"] for link in node.all("a")]


def test_the_front_page_has_the_newest_first(reading: Server) -> None:
    front = start_of(reading).one("section", **{"aria-labelledby": "newest-title"})
    newest = reading.archive.search("", sort="newest", size=7).hits
    pages = [link for link in links(front) if link.startswith("/articles/")]
    assert pages == [f"/articles/{hit.id.removeprefix('article/')}" for hit in newest]


def test_what_the_archive_has_is_browsed_by_pages_with_counts(reading: Server) -> None:
    page = start_of(reading)
    sections = page.one("section", **{"aria-labelledby": "browse-1"})
    facets = reading.archive.search("", facets=["section_id"], size=0).facets["section_id"]
    first, count = facets[0]
    row = sections.all("li")[0]
    assert links(row) == [f"/sections/{first.removeprefix('section/')}"]
    assert row.one("span", class_="facet-count").text == f"{count}"
    assert not [each for each in sections.all("li") if "section/" in each.text]  # names, never ids


def test_the_years_lead_to_the_search_of_a_decade(reading: Server) -> None:
    bars = start_of(reading).one("svg", class_="histogram-bars").all("a")
    assert bars[0]["href"] == "/search?from=1850&to=1859"
    assert reading.ask().get(bars[0]["href"]).status_code == 200


def test_what_was_published_on_this_day_is_remembered(server: Server) -> None:
    today = datetime.now(UTC)
    assert not start_of(server).all("section", **{"aria-labelledby": "day-title"})
    for year in (1912, 1969):
        day = f"{year}-{today:%m-%d}T06:00:00Z"
        data = {"headline": f"News of {year}", "published_at": day}
        server.archive.append(f"article/n{year}", "ArticlePublished", data)
    later = (today + timedelta(hours=1)).isoformat()
    hidden = {"headline": "News of later", "published_at": later}
    server.archive.append("article/later", "ArticlePublished", hidden)
    server.catch_up()
    page = start_of(server)
    section = page.one("section", **{"aria-labelledby": "day-title"})
    assert links(section) == ["/articles/n1912", "/articles/n1969"]
    assert "News of later" not in page.text


def test_an_archive_without_documents_says_so(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "home", DOMAIN)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    server = Server(tmp_path / "home")
    assert "stet rebuild" in start_of(server).one("p", class_="notice").text
    archive.rebuild()
    assert "no documents yet" in start_of(server).one("p", class_="notice").text


def test_the_front_page_may_be_indexed_and_names_its_feed(reading: Server) -> None:
    page = start_of(reading)
    assert page.one("link", rel="canonical")["href"] == "http://localhost:8000/"
    assert page.one("link", rel="alternate")["href"] == "/search.atom"
    assert not page.all("meta", name="robots")


def test_a_newspaper_replaces_a_template_by_one_of_the_same_name(
    home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "templates"
    (folder / "newsroom").mkdir(parents=True)
    (folder / "newsroom" / "articles_lead.html").write_text("<p>{{ hit.title }} of our own</p>")
    page = start_of(Server(home, templates=folder))
    assert page.one("div", class_="start-lead").text.endswith("of our own")
