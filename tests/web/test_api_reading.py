"""Search, documents, their versions, explanations, differences, suggestions and exports."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from serving import Server
from starlette.testclient import TestClient

from app.api.exporting import PAGE
from app.importing import import_one, sample_files
from app.web.access import Role
from archive import Archive

API = "/api/v1"
TITANIC = f"{API}/articles/article/titanic-1912"


@pytest.fixture(scope="module")
def reader(reading: Server) -> TestClient:
    return reading.ask()


def test_a_search_has_a_page_of_hits_and_what_is_counted(reader: TestClient) -> None:
    address = f"{API}/articles?q=ship&facet=section&byline~=o&histogram=decade&size=2"
    answer = reader.get(address)
    told = answer.json()
    assert (told["page"], told["size"], len(told["hits"])) == (1, 2, 2)
    assert told["pages"] == -(-told["total"] // 2)
    assert sum(each["count"] for each in told["facets"]["section"]) >= told["total"]
    assert all("o" in each["value"].lower() for each in told["facets"]["byline"])
    assert sum(each["count"] for each in told["histogram"]) == told["total"]
    assert told["hits"][0]["document"]["id"] == told["hits"][0]["id"]
    assert answer.headers["stet-sequence"] == str(told["sequence"])


def test_the_links_of_a_page_lead_through_all_hits(reader: TestClient) -> None:
    address, ids = f"{API}/articles?q=new&size=3&sort=oldest", []
    while address:
        answer = reader.get(address)
        ids += [hit["id"] for hit in answer.json()["hits"]]
        links = answer.headers.get("link", "").split(", ")
        following = [link for link in links if link.endswith('rel="next"')]
        address = following[0].partition(">")[0][1:] if following else ""
    assert len(ids) == len({*ids}) == answer.json()["total"] > 3


def test_a_filter_excludes_with_an_exclamation_mark(reader: TestClient) -> None:
    every, some, others = (
        reader.get(f"{API}/articles?size=0{more}").json()["total"]
        for more in ("", "&section=World", "&section!=World")
    )
    assert every == some + others
    assert some


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ("nofilter=1", "nofilter"),
        ("facet=nofacet", "nofacet"),
        ("size=101", "size"),
        ("page=0", "page"),
        ("page=1e3", "page"),
        ("q=" + "a" * 1_001, "q"),
        ("q=a&q=b", "q"),
        ("filter=section", "filter"),
        ("from=yesteryear", "from"),
        ("to=1912-02-30", "to"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    reader: TestClient, parameters: str, field: str
) -> None:
    answer = reader.get(f"{API}/articles?{parameters}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [wrong["field"] for wrong in answer.json()["errors"]] == [field]
    assert "date_" not in answer.text


@pytest.mark.parametrize(
    "parameters",
    ["sort=best", "histogram=week", "at=999999", "from=1913&to=1912"],
)
def test_what_cannot_be_searched_with_is_refused(reader: TestClient, parameters: str) -> None:
    answer = reader.get(f"{API}/articles?{parameters}")
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_search_as_of_a_sequence_finds_what_was_there_then(reader: TestClient) -> None:
    told = reader.get(f"{API}/articles?q=titanic&at=178")
    assert told.headers["stet-sequence"] == "178"
    assert "All Saved" in told.json()["hits"][0]["document"]["headline"]


@pytest.mark.parametrize("path", ["article/titanic-1912", "article%2Ftitanic-1912"])
def test_a_document_that_is_unchanged_costs_no_body(reader: TestClient, path: str) -> None:
    first = reader.get(f"{API}/articles/{path}")
    assert first.json()["id"] == "article/titanic-1912"
    again = reader.get(f"{API}/articles/{path}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["stet-sequence"]


def test_a_document_of_a_day_has_no_versions(reader: TestClient) -> None:
    day = reader.get(f"{API}/timeline?size=1").json()["hits"][0]["id"]
    assert reader.get(f"{API}/timeline/{day}").json()["id"] == day
    assert reader.get(f"{API}/timeline/{day}/timemap").status_code == 404
    assert reader.get(f"{API}/timeline/{day}?at=1912").status_code == 422


def test_a_document_is_read_as_it_was_at_a_date(reader: TestClient) -> None:
    was = reader.get(TITANIC, headers={"Accept-Datetime": "Mon, 15 Apr 1912 23:00:00 GMT"})
    assert "All Saved" in was.json()["headline"]
    assert was.headers["memento-datetime"] == "Mon, 15 Apr 1912 20:00:00 GMT"
    assert "accept-datetime" in was.headers["vary"]
    assert reader.get(was.headers["content-location"]).json() == was.json()
    now = reader.get(TITANIC)
    assert "memento-datetime" not in now.headers
    assert 'rel="timemap"' in now.headers["link"]
    assert reader.get(TITANIC, headers={"Accept-Datetime": "1912"}).status_code == 400


def test_a_time_map_lists_the_versions(reader: TestClient) -> None:
    links = reader.get(f"{TITANIC}/timemap")
    assert links.headers["content-type"].startswith("application/link-format")
    told = reader.get(f"{TITANIC}/timemap", headers={"Accept": "application/json"}).json()
    assert [each["version"] for each in told["mementos"]] == [1, 2, 3, 4, 5]
    for each in told["mementos"]:
        assert f"<{each['uri']}>" in links.text
        assert reader.get(each["uri"]).headers["memento-datetime"]


def test_an_explanation_names_nobody_to_readers(reading: Server, reader: TestClient) -> None:
    told = reader.get(f"{TITANIC}/explain").json()
    assert {cause["actor"] for cause in told["latest"]} == {None}
    desk = reading.ask(Role.editor).get(f"{TITANIC}/explain?most=3").json()
    assert (desk["events"], desk["entities"]) == (told["events"], told["entities"])
    assert len(desk["latest"]) == 3
    assert all(cause["actor"] for cause in desk["latest"])


def test_a_difference_has_what_changed_between_versions(
    reading: Server, reader: TestClient
) -> None:
    told = reader.get(f"{TITANIC}/diff?from=1912-04-15&to=1912-04-16").json()
    assert "All Saved" in {c["path"]: c["old"] for c in told["changes"]}["headline"]
    last = reader.get(f"{TITANIC}/diff").json()
    assert "kicker" in [change["path"] for change in last["changes"]]
    desk = reading.ask(Role.editor).get(f"{TITANIC}/diff?from=272&to=273").json()
    assert (desk["old_sequence"], desk["changes"]) == (last["old_sequence"], last["changes"])
    assert reader.get(f"{TITANIC}/diff?from=1985-09-05&to=1912-04-16").status_code == 422


def test_suggestions_begin_so_or_say_what_may_be_meant(reader: TestClient) -> None:
    told = reader.get(f"{API}/suggest?q=amund").json()
    assert "Roald Amundsen" in [each["title"] for each in told["suggestions"]]
    assert told["did_you_mean"] is None
    told = reader.get(f"{API}/suggest?q=titanci").json()
    assert (told["suggestions"], told["did_you_mean"]) == ([], "titanic")
    assert reader.get(f"{API}/suggest?q=a&view=nothing").status_code == 404
    assert reader.get(f"{API}/suggest").json()["errors"][0]["field"] == "q"


@pytest.mark.parametrize(
    "path", ["history", "history/x@1", "suggest?q=a&view=history", "history/export"]
)
def test_a_view_of_events_is_for_editors(reading: Server, path: str) -> None:
    assert reading.ask().get(f"{API}/{path}").status_code == 401
    assert reading.ask(Role.reader).get(f"{API}/{path}").status_code == 403
    assert reading.ask(Role.editor).get(f"{API}/{path}").status_code in (200, 404)


def test_a_closed_archive_is_read_by_who_is_logged_in(reading: Server) -> None:
    closed = Server(Path(reading.archive.home), open_reading=False)
    for path in ("articles", "articles/article/titanic-1912", "status", "suggest?q=a"):
        assert closed.ask().get(f"{API}/{path}").status_code == 401
    assert closed.ask(Role.reader).get(f"{API}/articles").status_code == 200


def test_an_export_has_every_document_that_matches(reader: TestClient) -> None:
    found = reader.get(f"{API}/articles?section=World&size=100").json()
    lines = reader.get(f"{API}/articles/export?section=World")
    exported = [json.loads(line) for line in lines.text.splitlines()]
    assert exported == [hit["document"] for hit in found["hits"]]
    assert lines.headers["stet-total"] == str(found["total"])
    assert "stet-truncated" not in lines.headers
    table = reader.get(f"{API}/articles/export?section=World&format=csv")
    assert table.headers["content-disposition"] == 'attachment; filename="articles.csv"'
    read = [*csv.DictReader(io.StringIO(table.text, newline=""))]
    assert [each["id"] for each in read] == [document["id"] for document in exported]
    assert json.loads(read[0]["section"]) == exported[0]["section"]


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_an_export_of_more_than_one_page_is_whole(
    reading: Server, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    client = reading.ask()
    whole = client.get(f"{API}/articles/export?format={format}").text
    monkeypatch.setattr(sys.modules["app.api.exporting"], "PAGE", 7)
    assert PAGE > 7
    assert client.get(f"{API}/articles/export?format={format}").text == whole


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_truncated_export_says_so_first_and_last(reading: Server, format: str) -> None:
    client = Server(Path(reading.archive.home), export_documents=3).ask()
    answer = client.get(f"{API}/topics/export?format={format}")
    total = int(answer.headers["stet-total"])
    assert answer.headers["stet-truncated"] == "true"
    last = answer.text.splitlines()[-1]
    if format == "jsonl":
        assert json.loads(last)["truncated"]["documents"] == 3
        assert json.loads(last)["truncated"]["total"] == total
    else:
        assert f"# truncated: 3 of {total} documents" in last
    assert len(answer.text.splitlines()) == 4 + (format == "csv")


def test_an_export_without_a_document_has_the_headings_of_one_with_some(reading: Server) -> None:
    client = reading.ask()
    for view in ("articles", "topics", "timeline"):
        some, none = (
            client.get(f"{API}/{view}/export?format=csv&q={q}").text for q in ("titanic", "qqqq")
        )
        assert none == some.splitlines(keepends=True)[0]
        assert client.get(f"{API}/{view}/export?q=qqqq").text == ""


def test_a_page_beyond_the_last_has_a_link_to_the_last(reading: Server) -> None:
    answer = reading.ask().get(f"{API}/articles?size=5&page=900")
    told = answer.json()
    assert (told["hits"], told["page"]) == ([], 900)
    last = f"<{API}/articles?size=5&page={told['pages']}>"
    assert f'{last}; rel="last"' in answer.headers["link"]
    assert f'{last}; rel="prev"' in answer.headers["link"]
    assert 'rel="next"' not in answer.headers["link"]


def test_a_page_of_no_hits_is_the_only_one(reading: Server) -> None:
    answer = reading.ask().get(f"{API}/articles?size=0")
    assert (answer.json()["pages"], answer.json()["hits"]) == (1, [])
    assert answer.json()["total"] > 0
    assert "link" not in answer.headers


def test_a_text_in_a_facet_is_said_in_either_form(reading: Server) -> None:
    client = reading.ask()
    found = [
        client.get(f"{API}/articles?size=0&{form}").json()["facets"]
        for form in (
            "facet=tag&tag~=ship",
            "facet=tag=ship",
            "tag~=ship",
            "facet=tag=ship&tag~=ship",
        )
    ]
    assert found[0]["tag"]
    assert all(each == found[0] for each in found)
    refused = client.get(f"{API}/articles?facet=tag=ship&tag~=sea")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "tag~")


def test_no_cell_of_an_export_is_a_formula(server: Server) -> None:
    formula = '=HYPERLINK("https://evil.example")'
    server.archive.append("tag/evil", "TagDefined", {"name": formula})
    server.catch_up()
    client = server.ask()
    table = client.get(f"{API}/topics/export?format=csv&q=hyperlink").text
    assert next(csv.DictReader(io.StringIO(table)))["name"] == f"'{formula}"
    line = client.get(f"{API}/topics/export?q=hyperlink").text
    assert json.loads(line)["name"] == formula


def test_the_api_serves_any_domain(tmp_path: Path) -> None:
    from examples.orders import DOMAIN

    home = tmp_path / "orders"
    archive = Archive(home, DOMAIN)
    for file in sample_files(archive):
        import_one(archive, file, "stop")
    archive.rebuild()
    server = Server(archive)
    client = server.ask()
    found = client.get(f"{API}/orders?q=whale&facet=shop").json()
    order = found["hits"][0]["id"]
    assert client.get(f"{API}/orders/{order}").json()["item"] == "whale oil"
    assert client.get(f"{API}/streams/{order}").json()["fields"]["quantity"]
    assert client.get(f"{API}/orders/{order}/explain").json()["latest"]
    editor = server.ask(Role.editor)
    version = client.get(f"{API}/streams/{order}").headers["etag"]
    for quantity, status in ((0, 422), (9, 201)):
        event = {"type": "ModifyOrderEvent", "data": {"quantity": quantity}}
        answer = editor.post(
            f"{API}/streams/{order}/events", json=event, headers={"If-Match": version}
        )
        assert answer.status_code == status
    last = editor.get(f"{API}/events?category=order&after={answer.json()['last'] - 1}").json()
    assert last[0]["data"] == {"quantity": 9}


def test_a_search_says_how_far_the_index_is_behind(server: Server) -> None:
    server.archive.append("tag/whales", "TagDefined", {"name": "Whales"})
    assert server.ask().get("/api/v1/articles?q=titanic").json()["behind"] == 1
    server.catch_up()
    assert server.ask().get("/api/v1/articles?q=titanic").json()["behind"] == 0
