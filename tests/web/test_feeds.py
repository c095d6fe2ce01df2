"""Feeds: any search as Atom, whose entries keep their ids and dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from parsed import parsed, xml
from serving import Server

from app.web.access import Role

ATOM = "{http://www.w3.org/2005/Atom}"
NEEDED = ("id", "title", "updated")


def feed_of(server: Server, address: str = "/search.atom", role: Role | None = None) -> ET.Element:
    answer = server.ask(role).get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    return xml(answer.content)


def entries(feed: ET.Element) -> list[ET.Element]:
    return feed.findall(f"{ATOM}entry")


def test_a_feed_has_what_the_format_asks_for(reading: Server) -> None:
    feed = feed_of(reading, "/search.atom?q=the&section=World")
    assert feed.tag == f"{ATOM}feed"
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert entries(feed)
    for each in [feed, *entries(feed)]:
        for name in NEEDED:
            assert len(each.findall(f"{ATOM}{name}")) == 1
            assert each.findtext(f"{ATOM}{name}")
        datetime.strptime(each.findtext(f"{ATOM}updated") or "", "%Y-%m-%dT%H:%M:%SZ")
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links["self"] == "http://localhost:8000/search.atom?q=the&section=World"
    assert links["alternate"] == "http://localhost:8000/search?q=the&section=World"


def test_a_feed_has_the_newest_first_and_links_their_pages(reading: Server) -> None:
    found = entries(feed_of(reading))
    published = [each.findtext(f"{ATOM}published") or "" for each in found]
    assert published == sorted(published, reverse=True)
    newest = reading.archive.search("", sort="newest", size=1).hits[0].id.removeprefix("article/")
    link = found[0].find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == f"http://localhost:8000/articles/{newest}"


def test_entries_are_the_same_after_a_rebuild(server: Server) -> None:
    before = server.ask().get("/search.atom?q=the").content
    server.archive.rebuild()
    assert server.ask().get("/search.atom?q=the").content == before


def test_a_feed_that_did_not_change_costs_no_body(reading: Server) -> None:
    client = reading.ask()
    tag = client.get("/search.atom").headers["etag"]
    again = client.get("/search.atom", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_an_entry_keeps_its_id_when_its_document_changes(server: Server) -> None:
    address = "/search.atom?q=titanic"
    (before,) = entries(feed_of(server, address))
    server.archive.append("article/titanic-1912", "ArticleRevised", {"headline": "Titanic Again"})
    server.catch_up()
    (after,) = entries(feed_of(server, address))
    assert after.findtext(f"{ATOM}id") == before.findtext(f"{ATOM}id")
    assert after.findtext(f"{ATOM}title") == "Titanic Again"
    assert (after.findtext(f"{ATOM}updated") or "") > (before.findtext(f"{ATOM}updated") or "")


def test_the_id_of_an_entry_is_of_the_site_wherever_it_is_asked_for(home: Path) -> None:
    server = Server(home, site_url="https://archive.example.org")
    (entry,) = entries(feed_of(server, "/search.atom?q=titanic"))
    assert entry.findtext(f"{ATOM}id") == (
        "tag:archive.example.org,2026:articles/article/titanic-1912"
    )


def test_what_xml_cannot_hold_is_replaced(server: Server) -> None:
    server.archive.append("article/titanic-1912", "ArticleRevised", {"headline": "A\x01 Bell"})
    server.catch_up()
    (entry,) = entries(feed_of(server, "/search.atom?q=bell&id=article/titanic-1912"))
    assert entry.findtext(f"{ATOM}title") == "A\ufffd Bell"


def test_every_search_page_of_dated_documents_names_its_feed(reading: Server) -> None:
    page = parsed(reading.ask().get("/search?q=titanic&section=World&page=1").text)
    address = page.one("link", rel="alternate", type="application/atom+xml")["href"]
    assert address == "/search.atom?q=titanic&section=World"
    assert len(entries(feed_of(reading, address))) == 1


def test_a_feed_without_entries_is_a_feed(reading: Server) -> None:
    feed = feed_of(reading, "/search.atom?q=zzzzzz")
    assert entries(feed) == []
    assert feed.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"


def test_a_view_without_dates_has_no_feed(reading: Server) -> None:
    assert reading.ask().get("/search.atom?view=topics").status_code == 404


@pytest.mark.parametrize("address", ["/search.atom?from=x", "/search.atom?nosuch=1"])
def test_a_feed_of_no_search_is_an_error(reading: Server, address: str) -> None:
    assert reading.ask().get(address).status_code in (404, 422)


def test_feeds_and_sitemaps_hide_what_is_under_embargo_from_readers(server: Server) -> None:
    later = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    data = {"headline": "Secretplan", "published_at": later}
    server.archive.append("article/secret", "ArticlePublished", data)
    server.catch_up()
    address = "/search.atom?q=secretplan&embargoed=1"
    assert entries(feed_of(server, address)) == []
    assert len(entries(feed_of(server, address, Role.editor))) == 1
    for role in (None, Role.editor):
        assert "/articles/secret" not in server.ask(role).get("/sitemap/articles-1.xml").text


def test_robots_are_kept_out_of_searches_and_led_to_the_sitemap(home: Path) -> None:
    server = Server(home, site_url="https://archive.example.org")
    lines = server.ask().get("/robots.txt").text.splitlines()
    assert "Disallow: /search?" in lines
    assert "Sitemap: https://archive.example.org/sitemap.xml" in lines
    closed = Server(home, open_reading=False).ask().get("/robots.txt").text
    assert closed == "User-agent: *\nDisallow: /\n"


SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def locations(server: Server, address: str) -> list[str]:
    answer = server.ask().get(address)
    assert answer.status_code == 200, answer.text
    return [each.text or "" for each in xml(answer.content).iter(f"{SITEMAP}loc")]


def test_the_sitemap_has_every_page_of_every_entity_once(reading: Server) -> None:
    parts = locations(reading, "/sitemap.xml")
    listed = [page for part in parts for page in locations(reading, part)]
    names = ("articles", "bylines", "images", "sections", "topics")
    assert len(listed) == sum(reading.archive.search("", view).total for view in names)
    assert len(set(listed)) == len(listed)
    assert "http://localhost:8000/articles/titanic-1912" in listed


def test_a_sitemap_is_divided_and_read_a_page_at_a_time(
    reading: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pages.crawling.ADDRESSES", 30)
    monkeypatch.setattr("app.pages.crawling.AT_ONCE", 10)
    parts = [part for part in locations(reading, "/sitemap.xml") if "/articles-" in part]
    pages = [locations(reading, part) for part in parts]
    total = reading.archive.search("").total
    assert [len(page) for page in pages] == [30, 30, total - 60]
    assert len({each for page in pages for each in page}) == total


@pytest.mark.parametrize("part", ["articles-0", "articles-2", "history-1", "timeline-1", "no-1"])
def test_a_part_that_is_not_there_is_not_found(reading: Server, part: str) -> None:
    assert reading.ask().get(f"/sitemap/{quote(part)}.xml").status_code == 404


def test_a_browser_is_told_how_to_search(reading: Server) -> None:
    described = xml(reading.ask().get("/opensearch.xml").content)
    url = described.find("{http://a9.com/-/spec/opensearch/1.1/}Url")
    assert url is not None
    assert url.get("template") == "http://localhost:8000/search?q={searchTerms}"
    page = parsed(reading.ask().get("/").text)
    assert page.one("link", rel="search")["href"] == "/opensearch.xml"
