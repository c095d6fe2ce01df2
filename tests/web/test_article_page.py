"""The page of an article: its corrections, its versions, why it is here, and who may see it."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import Server

from app.pages.document.citation import Cited, apa, bibtex, mla
from app.web.access import Role
from event_log import NewEvent

TITANIC, PARTS = "/articles/titanic-1912", ["", "/versions", "/timemap", "/explain"]
NOTES = [
    "That the wreck was found on September 1, 1985, has been added.",
    "The number of the dead is that of the Senate committee, more than 1,500.",
    "The report of April 15 that all had been saved was false.",
    "The ship has sunk, and most are not accounted for.",
]


@pytest.fixture(scope="module")
def lived(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over the sample and articles under embargo, released, and removed before it."""
    server = Server(Path(shutil.copytree(sample, tmp_path_factory.mktemp("lived") / "home")))
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()

    def append(stream: str, type: str, **data: Any) -> None:
        server.archive.append(f"article/{stream}", type, data, actor="ana")

    signed = {"byline_ids": ["byline/margaret-keane"], "section_id": "section/world"}
    append("secret", "ArticlePublished", headline="Zeppelin secret", published_at=later, **signed)
    append("secret", "ArticleRevised", body="Zeppelin draft", note="Zeppelin note", reason="Zr")
    append("dropped", "ArticlePublished", headline="Zeppelin dropped", published_at=later)
    append("dropped", "ArticleRetracted", note="Zeppelin gone", reason="Zr")
    append("out", "ArticlePublished", headline="Draft of a Zeppelin", published_at=later)
    append("out", "ArticleRevised", headline="Second draft", note="Zeppelin typo", reason="Zr")
    append("out", "ArticleRevised", published_at="2020-01-01", headline="It flies", note="Now out")
    append("out", "ArticleRevised", headline="It flew", note="It landed")
    where = {"print_section": "B", "print_page": "12", "print_headline": "WHALE <ASHORE>"}
    append("printed", "ArticlePublished", headline="Whale", published_at="1901-02-03", **where)
    append("paged", "ArticlePublished", headline="Seal", published_at="1901-02-04", print_page="3")
    server.catch_up()
    return server


def test_an_article_says_where_it_appeared_in_print(lived: Server) -> None:
    page = " ".join(lived.ask().get("/articles/printed").text.split())
    appeared = "A version of this article appeared in print"
    headline = "with the headline “WHALE &lt;ASHORE&gt;”"
    assert f"{appeared}, Section B, Page 12, {headline}." in page
    said = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert said
    assert json.loads(said[1]).items() >= {"printPage": "12", "printSection": "B"}.items()
    assert f"{appeared}, Page 3." in lived.ask().get("/articles/paged").text
    assert appeared not in lived.ask().get(TITANIC).text


def test_the_titanic_shows_its_four_corrections_where_readers_look_for_them(
    reading: Server,
) -> None:
    page = reading.ask().get(TITANIC).text
    places = [page.index(note.replace("'", "&#39;")) for note in NOTES]
    assert places == sorted(places)
    assert page.index('href="#corrections"') < page.index("Carpathia came up")
    for date in ("5 September 1985", "29 May 1912", "19 April 1912", "16 April 1912"):
        assert f"Correction of {date}" in page
    assert re.search(r"<del>[^<]*All Saved From the Titanic", page)
    assert "<ins>Titanic Has Sunk" in page


@pytest.mark.parametrize("path", [*(TITANIC + part for part in PARTS), f"{TITANIC}?at=267"])
def test_readers_see_neither_reasons_nor_actors(reading: Server, path: str) -> None:
    stream = reading.archive.log.stream("article/titanic-1912")
    hidden = [event.data["reason"] for event in stream if "reason" in event.data]
    hidden += [event.actor for event in stream if event.actor]
    assert len(hidden) > 4
    for who in (reading.ask(), reading.ask(Role.reader)):
        page = who.get(path)
        assert page.status_code == 200
        assert not [text for text in hidden if str(text) in page.text]


def test_an_earlier_version_is_read_by_its_date_and_says_that_it_is_not_the_current_one(
    reading: Server,
) -> None:
    client = reading.ask()
    led = client.get(f"{TITANIC}?at=1912-04-15")
    assert led.status_code == 302
    page = client.get(led.headers["location"])
    assert "All Saved From the Titanic" in page.text
    assert "This is an earlier version" in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    assert f'<link rel="canonical" href="http://localhost:8000{TITANIC}">' in page.text
    assert page.headers["memento-datetime"] == "Mon, 15 Apr 1912 20:00:00 GMT"
    assert "The Night Desk" in page.text


def test_a_picture_that_was_withdrawn_since_is_not_in_an_earlier_version(reading: Server) -> None:
    first = reading.archive.log.stream("article/titanic-1912")[0].sequence
    page = reading.ask().get(f"{TITANIC}?at={first}").text
    assert "olympic" not in page.lower()
    assert "not of the Titanic but of her sister ship" in page
    assert "olympic" in reading.ask(Role.editor).get(f"{TITANIC}?at={first}").text.lower()


def test_the_time_gate_leads_to_the_version_of_a_date(reading: Server) -> None:
    asked = {"Accept-Datetime": "Wed, 17 Apr 1912 12:00:00 GMT"}
    led = reading.ask().get(TITANIC, headers=asked)
    assert led.status_code == 302
    assert "accept-datetime" in led.headers["vary"]
    assert 'rel="original timegate"' in led.headers["link"]
    version = reading.ask().get(led.headers["location"])
    assert version.headers["memento-datetime"] == "Tue, 16 Apr 1912 06:30:00 GMT"
    assert 'rel="memento"' in version.headers["link"]
    now = reading.ask().get(TITANIC)
    assert "accept-datetime" in now.headers["vary"]
    assert "memento-datetime" not in now.headers
    refused = reading.ask().get(TITANIC, headers={"Accept-Datetime": "yesterday"})
    assert refused.status_code == 400


def test_the_time_map_lists_every_version(reading: Server) -> None:
    answer = reading.ask().get(f"{TITANIC}/timemap")
    assert answer.headers["content-type"].startswith("application/link-format")
    assert answer.text.count("memento") == 5
    addresses = re.findall(r"<([^>]+)>; rel=\"(?:\w+ )?memento", answer.text)
    for address in (addresses[0], addresses[-1]):
        assert reading.ask().get(address).headers["memento-datetime"]


@pytest.mark.parametrize("part", [*PARTS, "?at=1912-12-20", "?at=300"])
def test_a_retracted_article_is_gone_with_its_note_and_date(reading: Server, part: str) -> None:
    answer = reading.ask().get(f"/articles/piltdown-1912{part}")
    assert answer.status_code == 410
    assert "The report of 1912 is retracted: the skull was a forgery." in answer.text
    assert "23 November 1953" in answer.text
    assert '<meta name="robots" content="noindex">' in answer.text
    assert "Nothing of the report stands" not in answer.text
    assert "memento-datetime" not in answer.headers
    assert "mankind" not in answer.text.lower()


@pytest.mark.parametrize("part", [*PARTS, "?at=2999", "?at=1"])
@pytest.mark.parametrize("key", ["secret", "dropped", "never"])
def test_what_is_under_embargo_is_not_found_by_readers(lived: Server, key: str, part: str) -> None:
    answer = lived.ask().get(f"/articles/{key}{part}")
    assert answer.status_code == 404
    assert "Zeppelin" not in answer.text
    assert "link" not in answer.headers


def test_what_is_under_embargo_is_visible_to_editors(lived: Server) -> None:
    editor = lived.ask(Role.editor)
    for part in PARTS:
        assert editor.get(f"/articles/secret{part}").status_code == 200
    assert "Zeppelin draft" in editor.get("/articles/secret").text
    assert editor.get("/articles/dropped").status_code == 410


def test_an_editor_is_told_that_readers_do_not_see_it_yet_and_is_led_to_the_desk(
    lived: Server,
) -> None:
    editor, reader = lived.ask(Role.editor), lived.ask()
    until = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    assert f"Scheduled: readers see it from {until}" in editor.get("/articles/secret").text
    assert "Scheduled:" not in editor.get("/articles/out").text
    for key in ("secret", "out"):
        assert f'<a href="/desk/article/{key}">Edit</a>' in editor.get(f"/articles/{key}").text
    assert "Edit</a>" not in editor.get("/timeline/2020-01-01").text
    assert "/desk" not in reader.get("/articles/out").text


@pytest.mark.parametrize(
    "path",
    [
        *("/bylines/margaret-keane" + part for part in ["", "/explain", "/versions"]),
        *("/sections/world" + part for part in ["", "/explain"]),
        "/corrections",
        "/on-this-day",
        "/articles/out",
        "/articles/out/versions",
        "/articles/out/explain",
        "/articles/out/timemap",
    ],
)
def test_no_page_of_readers_tells_what_is_under_embargo_or_was_replaced_under_it(
    lived: Server, path: str
) -> None:
    answer = lived.ask().get(path)
    assert answer.status_code == 200
    assert not re.search("Zeppelin|secret|draft|Zr", answer.text)


def test_what_changed_after_an_embargo_is_a_correction(lived: Server) -> None:
    page = lived.ask().get("/articles/out").text
    assert "It landed" in page
    assert "Now out" not in page
    assert re.search(r"<del>flies</del>\s*<ins>flew</ins>", page)


def test_programs_read_an_article_with_its_corrections(reading: Server) -> None:
    page = reading.ask().get(TITANIC).text
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert found
    said = json.loads(found[1])
    assert said["@type"] == "NewsArticle"
    assert said["headline"].startswith("Titanic Sinks")
    assert [each["name"] for each in said["author"]] == ["Tobias Lindqvist", "Margaret Keane"]
    assert len(said["correction"]) == 4
    assert said["correction"][0]["text"] == NOTES[0]
    assert '<meta property="og:type" content="article">' in page


def test_a_page_that_somebody_has_costs_no_body(reading: Server) -> None:
    client = reading.ask()
    first = client.get(TITANIC)
    again = client.get(TITANIC, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    assert again.headers["etag"] == first.headers["etag"]
    assert "accept-datetime" in again.headers["vary"]
    editor = reading.ask(Role.editor).get(TITANIC)
    assert editor.headers["etag"] != first.headers["etag"]
    assert editor.headers["cache-control"] == "private, no-cache"
    other = client.get(f"{TITANIC}?at=267", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_a_changed_document_has_another_tag(server: Server) -> None:
    before = server.ask().get("/topics/ships").headers["etag"]
    server.archive.append("tag/ships", "TagRevised", {"name": "Big ships"})
    server.catch_up()
    after = server.ask().get("/topics/ships", headers={"If-None-Match": before})
    assert after.status_code == 200
    assert "Big ships" in after.text


CITED = Cited(
    "a{b}/c", "Who won? {100%} & #1_$~^\\", ["Ana Lind"], "The Paper", None, "https://x/y"
)


def test_what_means_something_to_bibtex_is_escaped() -> None:
    entry = bibtex(CITED)
    escaped = r"{{Who won? \{100\%\} \& \#1\_\$\textasciitilde{}\textasciicircum{}"
    assert f"title = {escaped}\\textbackslash{{}}}}}}," in entry
    assert entry.startswith("@article{a-b-c,")
    bare = re.sub(r"\\[{}]", "", entry)
    assert bare.count("{") == bare.count("}")


@pytest.mark.parametrize("authors", [[], ["Reuters"], ["Ana Lind", "B", "C D"]])
def test_a_citation_needs_neither_authors_nor_a_date(authors: list[str]) -> None:
    cited = Cited("k", "Lost", authors, "The Paper", None, "https://x/y")
    assert "(n.d.)" in apa(cited)
    assert "“Lost.” The Paper, https://x/y." in mla(cited)
    assert all(name.split()[-1] in apa(cited) for name in authors)


def test_a_correction_of_a_huge_text_is_shown_within_bounds(server: Server) -> None:
    words = " ".join(f"w{n}" for n in range(40_000))
    other = " ".join(f"v{n}" for n in range(40_000))
    first = {"headline": "Long", "published_at": "1912-01-01", "body": words}
    revised = {"body": other, "note": "All of it"}
    server.archive.log.append(
        [
            NewEvent("article/long", "ArticlePublished", first),
            NewEvent("article/long", "ArticleRevised", revised),
        ]
    )
    server.catch_up()
    page = server.ask().get("/articles/long")
    assert page.status_code == 200
    assert "v39999" in page.text
    assert len(page.text) < len(other) + 60_000
