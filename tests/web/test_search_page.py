"""The search page: its state is its address, and every link and field leads to another state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from parsed import Node, check, form_of, parameters, parsed
from serving import Server

from app.pages.search_state import VIEW, State
from app.pages.static import FOLDER
from app.web.access import Role
from app.web.asked import PARAMETERS
from archive import Archive
from search import Query

SMALL = 100_000
"""The bytes that a page may have, without pictures."""


def page_of(server: Server, address: str, status: int = 200, role: Role | None = None) -> Node:
    """A page that was asked for, held to what every page promises."""
    answer = server.ask(role).get(address)
    assert answer.status_code == status, answer.text
    assert len(answer.content) < SMALL, f"{address}: {len(answer.content):,} bytes"
    page = parsed(answer.text)
    check(page)
    return page


def titles(page: Node) -> list[str]:
    return [
        node.text
        for node in page.one("section", class_="search-results").all("h3")
        if "hit-title" in (node.get("class") or "")
    ]


def total(page: Node) -> int:
    said = page.one("h2", id="results-title").text.split(" ")[0]
    return 0 if said == "Nothing" else int(said.replace(",", ""))


def chips(page: Node) -> dict[str, str]:
    """By what each chip says, the address of the page without it."""
    return {
        node.text.removeprefix("Remove: ").removesuffix("×").strip(): node["href"]
        for node in page.all("a", class_="tag")
        if "tag-clear" not in node["class"]
    }


ADDRESSES = [
    "/search",
    "/search?q=titanic",
    "/search?q=the&page=2",
    "/search?q=%22new+york%22&section=World&section=Europe&sort=oldest",
    "/search?section!=World&from=1900&to=1950&histogram=year",
    "/search?tag~=ship",
    "/search?q=titanic&at=250",
    "/search?view=timeline&q=moon",
    "/search?view=images",
    "/search?view=sections",
    "/search?view=topics&kind=place",
    "/search?view=bylines&q=ana*",
    "/search?q=nothingissoodd",
    "/search?page=99",
    "/search?from=1850&histogram=month",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_is_valid_small_and_has_all_of_its_state_in_its_form(
    reading: Server, address: str
) -> None:
    page = page_of(reading, address)
    asked = [each for each in parameters(address) if each[0] != "page"]
    sent = [each for each in form_of(page) if each[1] and each != ("sort", "relevance")]
    assert sorted(sent) == sorted(asked)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_read_and_written_as_the_same_state(address: str) -> None:
    state = State.of(parameters(address), "articles")
    assert State.of(parameters(state.address()), "articles") == state


def test_no_line_of_a_hits_facts_begins_with_the_point_between_them() -> None:
    sheet = (FOLDER / "search.css").read_text()
    (rule,) = [line for line in sheet.splitlines() if '"·"' in line]
    assert rule.startswith(".hit-facts > :not(:last-child)::after")


def test_the_domains_first_view_is_searched_unless_another_is_named(reading: Server) -> None:
    assert total(page_of(reading, "/search")) == reading.archive.search("").total
    topics = page_of(reading, "/search?view=topics")
    assert total(topics) == reading.archive.search("", "topics").total


def test_hits_are_marked_and_linked_to_their_pages(reading: Server) -> None:
    page = page_of(reading, "/search?q=titanic")
    link = page.one("h3", class_="hit-title").one("a")
    assert link["href"] == "/articles/titanic-1912"
    assert link.one("mark").text == "Titanic"


FULL = (
    "/search?q=the&section=World&section=Europe&tag!=Ships&from=1900&to=1990&at=2030-01-01"
    "&sort=oldest"
)


def test_every_chip_removes_what_it_names_and_nothing_else(reading: Server) -> None:
    found = chips(page_of(reading, FULL))
    gone = {
        "“the”": ("q", "the"),
        "Section: World": ("section", "World"),
        "Section: Europe": ("section", "Europe"),
        "Topic: not Ships": ("tag!", "Ships"),
        "From 1900": ("from", "1900"),
        "Until 1990": ("to", "1990"),
        "As of 1 January 2030": ("at", "2030-01-01"),
    }
    assert found.keys() == gone.keys()
    for label, address in found.items():
        left = [each for each in parameters(FULL) if each != gone[label]]
        assert sorted(parameters(address)) == sorted(left)
        assert label not in chips(page_of(reading, address))


def test_all_is_cleared_by_one_link_that_keeps_the_view(reading: Server) -> None:
    page = page_of(reading, "/search?view=images&q=new&from=1900")
    assert page.one("a", class_="tag-clear")["href"] == "/search?view=images"


def test_a_facet_counts_what_choosing_a_value_finds(reading: Server) -> None:
    page = page_of(reading, "/search?from=1900")
    box = page.all("input", type="checkbox", name="section")[0]
    row = next(each for each in page.all("li", class_="facet-row") if box in each.walk())
    count = int(row.one("span", class_="facet-count").text)
    chosen = page_of(reading, "/search?" + urlencode([*form_of(page), ("section", box["value"])]))
    assert total(chosen) == count


def test_a_facet_that_is_set_still_counts_its_other_values(reading: Server) -> None:
    values = {
        box["value"]: "checked" in box.attributes
        for box in page_of(reading, "/search?section=World").all("input", name="section")
    }
    assert values.pop("World")
    assert len(values) > 5
    assert not any(values.values())


def test_a_value_is_excluded_by_its_button_and_taken_back_by_its_box(reading: Server) -> None:
    page = page_of(reading, "/search")
    button = page.all("button", class_="facet-not")[0]
    assert button["aria-label"] == f"Without {button['value']}"
    sent = urlencode([*form_of(page), (button["name"], button["value"])])
    without = page_of(reading, f"/search?{sent}")
    assert total(without) == reading.archive.search("", excluded={"section": button["value"]}).total
    box = without.one("input", type="checkbox", name=button["name"])
    assert "checked" in box.attributes


def test_the_first_button_of_the_form_excludes_nothing(reading: Server) -> None:
    page = page_of(reading, "/search")
    form = page.one("form", id="search-form")
    buttons = [n for n in page.walk() if n.tag == "button" and n.get("form") == "search-form"]
    first = [*form.all("button"), *buttons][0]
    assert first.get("name") is None


def test_a_long_facet_is_searched_inside(reading: Server) -> None:
    page = page_of(reading, "/search?tag~=ship")
    values = [box["value"] for box in page.all("input", type="checkbox", name="tag")]
    assert values
    assert all("ship" in value.lower() for value in values)
    assert page.one("input", name="tag~")["value"] == "ship"
    assert total(page) == reading.archive.search("").total  # it narrows the facet, not the hits


@pytest.mark.parametrize(
    ("dates", "unit"),
    [("", "decade"), ("?from=1910&to=1919", "year"), ("?from=1912&to=1912", "month")],
)
def test_each_bar_narrows_to_what_it_counts(reading: Server, dates: str, unit: str) -> None:
    page = page_of(reading, f"/search{dates}")
    rows = page.one("div", class_="histogram").one("tbody").all("tr")
    counted = [(row.one("a")["href"], int(row.one("td").text)) for row in rows]
    assert sum(count for _, count in counted) == total(page)
    assert f"by {unit}" in page.one("h3", class_="histogram-title").text
    bars = page.one("svg", class_="histogram-bars").all("a")
    assert [bar["href"] for bar in bars] == [address for address, _ in counted]
    address, count = counted[len(counted) // 2]
    assert total(page_of(reading, address)) == count


def test_bars_are_pressed_or_read_as_a_table_never_both_by_the_keyboard(reading: Server) -> None:
    drawn = page_of(reading, "/search").one("svg", class_="histogram-bars")
    assert drawn["aria-hidden"] == "true"
    assert {bar["tabindex"] for bar in drawn.all("a")} == {"-1"}


def test_a_histogram_has_no_more_bars_than_a_small_page_can_have(reading: Server) -> None:
    page = page_of(reading, "/search?histogram=month")
    assert "by year" in page.one("h3", class_="histogram-title").text
    long = page_of(reading, f"/search?histogram=year&q={'the+' * 240}")  # and is small as well
    assert "by decade" in long.one("h3", class_="histogram-title").text
    assert not long.one("svg", class_="histogram-bars").all("a")
    assert long.one("div", class_="histogram").one("tbody").all("a")


def test_a_view_without_dates_has_no_histogram_no_dates_and_no_feed(reading: Server) -> None:
    page = page_of(reading, "/search?view=topics")
    assert not page.all("svg", class_="histogram-bars")
    assert not page.all("input", name="from")
    assert not page.all("link", rel="alternate")
    assert not page.all("select", name="sort")


def test_pages_go_as_deep_as_there_are_hits(reading: Server) -> None:
    seen: list[str] = []
    address: str | None = "/search?sort=oldest"
    while address:
        page = page_of(reading, address)
        seen += titles(page)
        after = page.all("a", rel="next")
        address = after[0]["href"] if after else None
    assert len(seen) == reading.archive.search("").total
    assert len(page.all("a", rel="prev")) == 1


def test_a_page_beyond_the_last_says_so_and_leads_back(reading: Server) -> None:
    page = page_of(reading, "/search?q=the&page=99")
    assert "There are only" in page.one("main").text
    assert page.one("a", rel="prev")["href"] != "/search?q=the&page=98"


def test_nothing_found_says_how_it_was_understood_and_what_to_try(reading: Server) -> None:
    page = page_of(reading, "/search?q=zzzzzzzz&section=World")
    assert "Understood: zzzzzzzz; section is World." in page.one("main").text
    assert "try without the filter section" in [node.text for node in page.all("li")]


def test_a_misspelt_word_is_answered_with_one_that_finds_something(reading: Server) -> None:
    page = page_of(reading, "/search?q=titnic")
    link = page.one("p", class_="search-suggestion").one("a")
    assert (link.text, link["href"]) == ("titanic", "/search?q=titanic")


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/search?nosuch=1", 404, "has no filter 'nosuch'"),
        ("/search?from=abc", 422, "from: 'abc' is no date"),
        ("/search?to=abc", 422, "to: 'abc' is no date"),
        ("/search?sort=best", 422, "cannot sort by 'best'"),
        ("/search?at=abc", 422, "abc"),
        ("/search?histogram=week", 422, "cannot count by 'week'"),
        ("/search?view=topics&from=1912", 422, "no date"),
    ],
)
def test_what_cannot_be_searched_is_said_above_the_form_that_can_be_changed(
    reading: Server, address: str, status: int, said: str
) -> None:
    page = page_of(reading, address, status)
    assert said in page.one("div", role="alert").text
    assert "date_" not in page.one("div", role="alert").text
    assert page.one("form", id="search-form")
    assert page.one("meta", name="robots")["content"] == "noindex, nofollow"


@pytest.mark.parametrize("address", ["/search?page=0", "/search?size=1000", "/search?view=nosuch"])
def test_what_is_no_address_of_a_search_is_an_error_page(reading: Server, address: str) -> None:
    assert reading.ask().get(address).status_code in (404, 422)


def test_only_the_page_of_a_whole_view_may_be_indexed(reading: Server) -> None:
    page = page_of(reading, "/search?view=images")
    assert page.one("link", rel="canonical")["href"] == "http://localhost:8000/search?view=images"
    assert not page.all("meta", name="robots")
    narrowed = page_of(reading, "/search?view=images&page=2")
    assert narrowed.one("meta", name="robots")["content"] == "noindex, nofollow"
    assert not narrowed.all("link", rel="canonical")


def test_the_archive_is_searched_as_it_was(server: Server) -> None:
    at = server.archive.log.head
    server.archive.append("article/titanic-1912", "ArticleRevised", {"headline": "A Later Word"})
    server.catch_up()
    assert titles(page_of(server, "/search?q=titanic")) == ["A Later Word"]
    then = page_of(server, f"/search?q=titanic&at={at}")
    assert titles(then) == ["Titanic Sinks; 705 Are Landed in New York, About 1,500 Are Lost"]
    assert "what the archive had as of" in then.one("main").text


def test_readers_never_see_what_is_under_embargo_and_editors_may(server: Server) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    data = {
        "headline": "Secretplan of the Cabinet",
        "published_at": later.isoformat(),
        "section_id": "section/world",
        "tag_ids": ["tag/ships"],
    }
    server.archive.append("article/secret", "ArticlePublished", data)
    server.catch_up()
    for role in (None, Role.reader):
        asked = "/search?q=secretplan&embargoed=1"
        page = page_of(server, asked, role=role)
        assert total(page) == 0
        assert not page.all("input", name="embargoed")
        assert "Secretplan" not in server.ask(role).get("/").text
        whole = page_of(server, "/search?embargoed=1", role=role)
        assert total(whole) == server.archive.search("").total
        assert str(later.year + 1) not in whole.one("div", class_="histogram").text
    for asked, found in (("/search?q=secretplan", 0), ("/search?q=secretplan&embargoed=1", 1)):
        page = page_of(server, asked, role=Role.editor)
        assert total(page) == found
        assert ("Under embargo" in page.one("section", class_="search-results").text) == bool(found)
    box = page.one("input", name="embargoed")
    assert "checked" in box.attributes


def test_a_view_of_events_is_for_the_desk(reading: Server) -> None:
    assert reading.ask().get("/search?view=history").status_code == 303
    assert reading.ask(Role.reader).get("/search?view=history").status_code == 403
    page = page_of(reading, "/search?view=history&q=titanic", role=Role.editor)
    assert total(page) > 0
    assert "History" not in page_of(reading, "/search").one("nav", class_="masthead-views").text


def test_who_must_log_in_is_led_to_the_form_and_back(home: Path) -> None:
    answer = Server(home, open_reading=False).ask().get("/search?q=titanic")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fsearch%3Fq%3Dtitanic"


@pytest.mark.parametrize(
    "address",
    ["/", "/search", "/search?q=titanic&sort=newest", "/search?view=topics", "/search.atom"],
)
def test_a_page_that_has_not_changed_costs_no_body(server: Server, address: str) -> None:
    client = server.ask()
    first = client.get(address)
    assert first.status_code == 200
    headers = {"If-None-Match": f'"another", W/{first.headers["etag"]}'}
    again = client.get(address, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["vary"] == "Cookie"


def test_who_is_logged_in_has_pages_of_their_own_that_no_cache_shares(server: Server) -> None:
    address = "/search?q=titanic"
    public, own = server.ask().get(address), server.ask(Role.editor).get(address)
    assert public.headers["cache-control"] == "no-cache"
    assert own.headers["cache-control"] == "private, no-cache"
    other = server.ask().get(address, headers={"If-None-Match": own.headers["etag"]})
    assert other.status_code == 200


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a domain that is no newsroom."""
    from app.importing import import_one, sample_files
    from examples.orders import DOMAIN

    home = tmp_path_factory.mktemp("orders") / "home"
    archive = Archive(home, DOMAIN)
    for file in sample_files(archive):
        import_one(archive, file, "stop")
    archive.rebuild()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STET_DOMAIN", "examples.orders:DOMAIN")
        yield Server(home)


def test_any_domain_has_a_search_page_a_feed_and_a_start_page(orders: Server) -> None:
    page = page_of(orders, "/search")
    assert total(page) == orders.archive.search("").total > 0
    assert [node.text for node in page.all("legend")][:2] == ["Dates", "Shop"]
    assert page.all("h3", class_="hit-title")[0].one("a")["href"].startswith("/orders/")
    shop = page.all("input", name="shop")[0]["value"]
    narrowed = page_of(orders, f"/search?{urlencode({'shop': shop})}")
    assert 0 < total(narrowed) < total(page)
    assert page_of(orders, "/").all("h3", class_="hit-title")
    assert orders.ask().get("/search.atom").status_code == 200


@pytest.mark.parametrize("address", ["/search?q=moon&section!=World&from=1900&tag~=a", "/"])
def test_every_link_of_a_page_leads_somewhere(reading: Server, address: str) -> None:
    client = reading.ask()
    page = page_of(reading, address)
    links = {link["href"].split("#")[0] for link in page.walk() if link.tag in ("a", "link")}
    assert len(links) > 20
    assert [link for link in links if link and client.get(link).status_code != 200] == []


def test_the_reference_has_every_parameter_of_the_page() -> None:
    reference = Path(__file__).parents[2] / "docs" / "reference" / "search-page.md"
    told = {
        name
        for line in reference.read_text().splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z]+)`", line.split("|")[1])
    }
    assert told == {*PARAMETERS, VIEW}


def test_a_search_asks_the_engine_once_and_once_more_for_each_facet_that_is_set(
    reading: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, asked = reading.archive.engine, []
    search = engine.search

    def counted(query: Query) -> object:
        asked.append(query)
        return search(query)

    monkeypatch.setattr(engine, "search", counted)
    page_of(reading, "/search?q=the&section=World&tag=Ships")
    assert len(asked) == 3
