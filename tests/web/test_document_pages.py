"""The pages of documents of any view and any domain; on this day; all corrections; pictures."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pytest
from serving import Server

from app.pages.document.prose import prose
from app.pages.linking import may_load
from app.web.access import Role
from app.web.addresses import document_of, page_of
from archive import Archive
from event_log import Category, Effect, EventType, NewEvent
from examples.orders import DOMAIN as ORDERS
from newsroom import DOMAIN
from replay import Domain
from search import Query

BAD = "\"'></title></script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
UNSAFE = "javascript:alert(1)//"
ODD = [
    "a b",
    "a/b",
    "a?c#d",
    "é ü",
    "..",
    ".",
    "%2F",
    "a/versions",
    "versions",
    "<b>",
    "a'\"&",
    "a\\b",
    "article/..",
    ";@:+",
]


class Tags(HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def filled(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over the sample, entities with script in each field, and odd ids."""
    server = Server(Path(shutil.copytree(sample, tmp_path_factory.mktemp("filled") / "home")))
    log = server.archive.log
    named = {
        "section_id": "section/bad",
        "byline_ids": ["byline/bad"],
        "image_ids": ["image/bad"],
        "tag_ids": ["tag/bad"],
    }
    said = {"reason": BAD, "note": BAD}
    fields = ["headline", "kicker", "abstract", "body", "language", "source", "print_headline"]
    fields += ["news_desk", "type_of_material", "print_page", "print_section"]
    articles = dict.fromkeys(fields, BAD)
    log.append(
        [
            NewEvent("section/bad", "SectionOpened", {"name": BAD, "description": BAD}),
            NewEvent("byline/bad", "BylineRegistered", _texts("byline") | {"url": UNSAFE}),
            NewEvent("tag/bad", "TagDefined", {"name": BAD, "kind": BAD}),
            NewEvent(
                "image/bad",
                "ImageAdded",
                _texts("image") | {"url": UNSAFE, "photographer_id": "byline/bad"},
            ),
            NewEvent(
                "article/bad",
                "ArticlePublished",
                {**articles, "url": UNSAFE, "published_at": "1899-01-02", **named},
            ),
            *(
                NewEvent(f"{category}/bad", kind, {field: f"{BAD} again", **said})
                for category, kind, field in (
                    ("article", "ArticleRevised", "headline"),
                    ("byline", "BylineRevised", "name"),
                    ("image", "ImageRevised", "caption"),
                    ("section", "SectionRevised", "name"),
                    ("tag", "TagRevised", "name"),
                )
            ),
            *(
                NewEvent(
                    f"article/{odd}",
                    "ArticlePublished",
                    {"headline": f"Odd {n}.", "published_at": "1899-03-04", "tag_ids": ["tag/odd"]},
                )
                for n, odd in enumerate(ODD)
            ),
            NewEvent("tag/odd", "TagDefined", {"name": "Odd"}),
            *(
                NewEvent(
                    f"article/many-{n:02}",
                    "ArticlePublished",
                    {
                        "headline": f"Many {n:02}.",
                        "published_at": f"1899-05-06T{n // 3:02}:00:00Z",
                        "tag_ids": ["tag/many"],
                    },
                )
                for n in range(45)
            ),
            NewEvent("tag/many", "TagDefined", {"name": "Many"}),
        ]
    )
    server.archive.catch_up()
    return server


def _texts(category: str) -> dict[str, Any]:
    fields = next(each for each in DOMAIN.categories if each.name == category).fields
    return {
        field.name: BAD
        for field in fields
        if field.type == pa.string() and not field.name.endswith("_id")
    }


PAGES = [
    *(f"/articles/bad{part}" for part in ["", "/versions", "/explain", "?at=9999"]),
    *(f"/bylines/bad{part}" for part in ["", "/versions", "/explain", "?at=9999"]),
    *(f"/images/bad{part}" for part in ["", "/versions", "?at=9999"]),
    *(f"/sections/bad{part}" for part in ["", "/versions", "?at=9999"]),
    *(f"/topics/bad{part}" for part in ["", "/versions", "?at=9999"]),
    "/timeline/1899-01-02",
    "/on-this-day/01-02",
    "/corrections",
    "/history/article%2Fbad%402",
]


@pytest.mark.parametrize("path", PAGES)
def test_script_in_a_field_is_shown_as_text(filled: Server, path: str) -> None:
    client = filled.ask(Role.editor)
    answer = client.get(path)
    if answer.status_code == 302:
        answer = client.get(answer.headers["location"])
    assert answer.status_code == 200
    assert "alert(1)" in answer.text
    assert "{{7*7}}" in answer.text
    for tag, attributes in Tags(answer.text).found:
        kind = attributes.get("type") or ""
        assert tag != "script" or attributes.get("src") or kind.endswith("json")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        address = (attributes.get("href") or attributes.get("src") or "").strip().lower()
        assert not address.startswith(("javascript:", "data:")), (tag, attributes)
        assert address != "x"


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_id_has_a_page_of_its_own(filled: Server, odd: str) -> None:
    view = filled.archive.view("articles")
    path = page_of(view, f"article/{odd}")
    segments = path.split("/")
    assert len(segments) == 3
    assert segments[2] not in (".", "..")
    for part in ("", "/versions", "/explain"):
        answer = filled.ask().get(path + part)
        assert answer.status_code == 200, part
        assert f"Odd {ODD.index(odd)}." in answer.text


def test_the_pages_link_to_odd_ids(filled: Server) -> None:
    view = filled.archive.view("articles")
    links = {each.get("href") for _, each in Tags(filled.ask().get("/topics/odd").text).found}
    assert {page_of(view, f"article/{odd}") for odd in ODD} <= links


def test_the_id_of_a_path_is_that_of_its_document() -> None:
    view = DOMAIN.views["articles"]
    for odd in ["..", ".", "article/..", "article/article/.", "a", "article/a", "article/", "a/.."]:
        rest = unquote(page_of(view, f"article/{odd}").split("/")[2])
        assert rest not in (".", "..")
        assert document_of(view, rest) == f"article/{odd}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing/a", 404),
        ("/articles/never", 404),
        ("/articles/a%00b", 404),
        ("/articles/" + "x" * 2_000, 404),
        ("/articles/titanic-1912/other", 404),
        ("/articles/..%2F..%2Fetc%2Fpasswd", 404),
        ("/timeline/1912-04-15/versions", 404),
        ("/timeline/1912-04-15?at=3", 404),
        ("/timeline/1600-01-01", 404),
        ("/timeline/soon", 404),
        ("/articles/titanic-1912?page=0", 422),
        ("/articles/titanic-1912?at=soon", 422),
        ("/history/article%2Ftitanic-1912%402", 303),
        ("/on-this-day/02-30", 404),
        ("/on-this-day/x", 404),
        ("/on-this-day/%D9%A1-%D9%A1", 404),
        ("/corrections?page=-1", 422),
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(
    reading: Server, path: str, status: int
) -> None:
    answer = reading.ask().get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_a_long_list_is_read_page_by_page(filled: Server) -> None:
    found: list[str] = []
    path: str | None = "/topics/many"
    for _ in range(3):
        assert path is not None
        page = filled.ask().get(path).text
        found += re.findall(r">(Many \d\d\.)<", page)
        following = [a for t, a in Tags(page).found if a.get("rel") == "next"]
        path = following[0]["href"] if following else None
    assert path is None
    assert sorted(found) == [f"Many {n:02}." for n in range(45)]
    assert found == sorted(found, key=lambda title: -(int(title[5:7]) // 3))


@pytest.mark.parametrize("view", [name for name in DOMAIN.views if name != "history"])
def test_every_document_of_the_sample_has_a_page_and_every_link_of_it_leads_to_one(
    reading: Server, view: str
) -> None:
    client, links = reading.ask(), set()
    for hit in reading.archive.engine.search(Query("", view, size=4)).hits:
        answer = client.get(page_of(reading.archive.view(view), hit.id))
        assert answer.status_code == 200
        found = [each.get("href") or "" for tag, each in Tags(answer.text).found if tag == "a"]
        assert {link for link in found if link.startswith("/")}
        links |= {link for link in found if re.match(r"/[a-z]+/.", link)}
    for link in sorted(links)[:12]:
        assert client.get(link).status_code in (200, 410), link


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over a domain that is no newsroom."""
    home = tmp_path_factory.mktemp("orders") / "home"
    archive = Archive(home, ORDERS)
    for number, extra in enumerate([{}, {"replaces_id": "order/0"}, {"item": BAD}]):
        data = {"item": f"Tea {number}", "quantity": 1_234, "ordered_at": "2020-01-02", **extra}
        archive.append(f"order/{number}", "NewOrderEvent", data)
    archive.append("order/3", "NewOrderEvent", {"quantity": 1})
    archive.append("order/1", "ModifyOrderEvent", {"item": "Coffee"})
    archive.append("order/2", "CancelOrderEvent", {})
    archive.rebuild()
    return Server(home, domain=ORDERS)


def test_any_domain_has_pages_of_its_documents(orders: Server) -> None:
    client = orders.ask()
    page = client.get("/orders/1").text
    assert "<h1>Coffee</h1>" in page
    assert "1,234" in page
    assert '<time datetime="2020-01-02' in page
    assert '<a href="/orders/0">order/0</a>' in page
    assert client.get("/orders/3").status_code == 200
    assert client.get("/orders/2").status_code == 410
    assert client.get("/orders/1/explain").status_code == 200
    assert client.get("/orders/1/versions").text.count("?at=") == 1
    first = client.get("/orders/1?at=2").text
    assert "Tea 1" in first
    assert "This is an earlier version" in first
    assert client.get("/corrections").status_code == 404
    assert "Coffee" in client.get("/on-this-day/01-02").text


def test_a_domain_may_have_a_template_of_its_own(orders: Server, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    template = "{% extends 'document.html' %}{% block corrections %}Own: {{ fields|length }}"
    (tmp_path / "orders" / "orders.html").write_text(template + "{% endblock %}")
    own = Server(orders.archive.folder, ORDERS, templates=tmp_path)
    page = own.ask().get("/orders/1").text
    assert "<h1>Coffee</h1>" in page
    assert "Own: 3" in page


def test_a_text_is_markdown_only_where_its_field_says_so(tmp_path: Path) -> None:
    markdown = pa.field("body", pa.string(), metadata={"format": "markdown"})
    note = Category(
        "note",
        pa.schema([("title", pa.string()), ("plain", pa.string()), markdown]),
        (EventType("NoteWritten", Effect.CREATES, ("title",)),),
    )
    site: Any = type("Site", (), {"archive": Archive(tmp_path, Domain("notes", [note], []))})()
    text = "**bold** <i>x</i>\n\n[a](javascript:alert(1)) ![p](https://a.example/p.png)"
    assert "".join(prose(site, "note", "plain", text)).startswith("<p>**bold** &lt;i&gt;")
    shown = "".join(prose(site, "note", "body", text))
    assert "<strong>bold</strong> &lt;i&gt;" in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown


def test_all_corrections_are_listed_without_reasons_and_without_what_was_withdrawn(
    reading: Server,
) -> None:
    page = reading.ask().get("/corrections").text
    events = [event for event in reading.archive.log.read() if event.data.get("note")]
    assert len(events) > 10
    for event in events:
        assert not event.data.get("reason") or event.data["reason"] not in page
        assert not event.actor or event.actor not in page
    assert "the skull was a forgery" in page
    assert "A withdrawn article" in page
    assert not re.search("mankind|missing link", page, re.IGNORECASE)
    dates = re.findall(r"(?:Correction of|Withdrawn on|Restored on) [^<]*?(\d{4})", page)
    assert dates == sorted(dates, reverse=True)
    assert '<a href="/articles/titanic-1912#correction-2">' in page
    assert page.count("#correction-") >= 9


def test_this_day_shows_every_year_and_goes_round_the_year(reading: Server) -> None:
    page = reading.ask().get("/on-this-day/04-15").text
    assert page.index("Book of Man") < page.index("Titanic Sinks")
    assert "/on-this-day/01-01" in reading.ask().get("/on-this-day/12-31").text
    assert "/on-this-day/02-29" in reading.ask().get("/on-this-day/03-01").text
    led = reading.ask().get("/on-this-day?month=4&day=15")
    assert led.headers["location"] == "/on-this-day/04-15"


PICTURES = [
    ("https://pictures.example.org/a.jpg", True),
    ("http://pictures.example.org/a.jpg", False),
    ("https://elsewhere.example/a.jpg", False),
    ("//pictures.example.org/a.jpg", False),
    ("javascript:alert(1)", False),
    ("data:image/png;base64,AAAA", False),
    ("/images/a.jpg", False),
]


@pytest.mark.parametrize(("address", "loaded"), PICTURES)
def test_a_picture_is_loaded_only_from_hosts_that_are_set(
    home: Path, address: str, loaded: bool
) -> None:
    server = Server(home, picture_hosts=("pictures.example.org",))
    assert may_load(server.app.state.site.options, address) is loaded


def test_a_picture_has_its_size_and_a_frame_behind_it(home: Path) -> None:
    server = Server(home, picture_hosts=("pictures.example.org",))
    server.archive.append(
        "image/titanic-lifeboats", "ImageRevised", {"url": "https://pictures.example.org/a.jpg"}
    )
    server.catch_up()
    page = server.ask().get("/articles/titanic-1912").text
    pictures = [each for tag, each in Tags(page).found if tag == "img"]
    assert [each["src"] for each in pictures] == ["https://pictures.example.org/a.jpg"]
    assert (pictures[0]["width"], pictures[0]["height"]) == ("2048", "1365")
    assert pictures[0]["alt"] == "Wooden boats side by side in dark water"
    assert "picture-blank" in page
    frame = Server(home).ask().get("/articles/titanic-1912").text
    assert "<img" not in frame
    assert "Wooden boats side by side in dark water" in frame
    assert "Lifeboats of the Titanic at the pier" in frame
