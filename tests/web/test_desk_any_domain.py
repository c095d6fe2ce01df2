"""The desk's pages in any domain, over values that are made to break them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from filling import Form, form_on
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role
from archive import Archive
from event_log import INSTANT, TEXT, Category, Effect, EventType, NewEvent
from replay import HISTORY, Domain

SCRIPT = "</textarea><script>alert(1)</script>\"'<img src=x onerror=alert(1)>"
ALL = Category(
    "thing",
    pa.schema(
        [
            ("name", pa.string()),
            pa.field("text", TEXT, metadata={"format": "markdown"}),
            ("count", pa.int64()),
            ("share", pa.float64()),
            ("is_new", pa.bool_()),
            ("at", INSTANT),
            ("day", pa.date32()),
            ("words", pa.list_(pa.string())),
            ("numbers", pa.list_(pa.int64())),
        ]
    ),
    (
        EventType("Thing Made", Effect.CREATES, ("name",)),
        EventType("ThingChanged", Effect.REVISES),
        EventType("ThingGone", Effect.REMOVES, ("why",)),
    ),
    annotations=pa.schema([("why", pa.string())]),
)
EVERYTHING = {
    "name": "  Things ",
    "text": "\n\nOne\r\n\r\ntwo\n",
    "count": -(2**63),
    "share": 0.1 + 0.2,
    "is_new": False,
    "at": "1912-04-15T20:00:00.123456Z",
    "day": "0001-01-01",
    "words": ["b", " a", "", "b"],
    "numbers": [3, 1, 2],
}


def serve(home: Path, domain: Domain) -> tuple[Server, TestClient]:
    """A server over an archive of a domain, and an editor's client."""
    Archive(home, domain).remember_domain()
    server = Server(home, domain)
    return server, server.log_in(Role.editor, "ana")


@pytest.fixture
def things(tmp_path: Path) -> tuple[Server, TestClient]:
    """A domain with a field of each type."""
    return serve(tmp_path / "home", Domain("things", [ALL], [HISTORY]))


def attributes(html: str, beginning: str) -> list[str]:
    """The attributes of all elements whose names begin so."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(f"{tag} {name}" for name, _ in attrs if name.startswith(beginning))

    Reader().feed(html)
    return found


def save(client: TestClient, form: Form) -> Any:
    review = form.post(client, "review")
    assert review.status_code == 200, review.text
    answer = form_on(review).post(client, "save")
    assert answer.status_code == 303, answer.text
    return answer


def test_an_order_is_placed_changed_and_cancelled_by_forms(tmp_path: Path) -> None:
    from examples.orders import DOMAIN

    server, ana = serve(tmp_path / "home", DOMAIN)
    new = form_on(ana.get("/desk/order")).put(id="oil").fill(item="whale oil", quantity="0")
    refused = new.post(ana, "review")
    assert refused.status_code == 422
    assert "0 is too few" in refused.text
    save(ana, form_on(refused).fill(quantity="5", ordered_at="1851-10-18"))
    assert server.archive.entity("order/oil").fields["quantity"] == 5
    save(ana, form_on(ana.get("/desk/order/oil")).fill(quantity="6"))
    assert server.archive.entity("order/oil").fields["quantity"] == 6
    save(ana, form_on(ana.get("/desk/order/oil?act=CancelOrderEvent")))
    assert not server.archive.entity("order/oil").live
    types = [event.type for event in server.archive.log.stream("order/oil")]
    assert types == ["NewOrderEvent", "ModifyOrderEvent", "CancelOrderEvent"]
    save(ana, form_on(ana.get("/desk/order/oil")))
    assert server.archive.entity("order/oil").fields["quantity"] == 6
    server.archive.rebuild()
    assert "whale oil" in ana.get("/desk").text or "order/oil" in ana.get("/desk").text


def test_a_form_that_is_not_touched_changes_no_value_of_any_type(
    things: tuple[Server, TestClient],
) -> None:
    server, ana = things
    server.archive.append("thing/1", "Thing Made", EVERYTHING)
    form = form_on(ana.get("/desk/thing/1"))
    assert form.post(ana, "review").status_code == 422
    save(ana, form.fill(why="only said"))
    assert server.archive.log.stream("thing/1")[-1].data == {"why": "only said"}


def test_values_of_every_type_are_typed(things: tuple[Server, TestClient]) -> None:
    server, ana = things
    new = form_on(ana.get("/desk/thing")).put(id="a/b?c").fill(
        name="A", text="x\n\ny", count="1,200", share="0.5", is_new="yes", at="15 April 1912",
        day="1912-04-15", words=["w", "", "v"], numbers=["2", "1"],
    )  # fmt: skip
    save(ana, new)
    fields = server.archive.entity("thing/a/b?c").fields
    assert (fields["count"], fields["share"], fields["is_new"]) == (1200, 0.5, True)
    assert (str(fields["day"]), fields["words"], fields["numbers"]) == (
        "1912-04-15", ["w", "v"], [2, 1],
    )  # fmt: skip
    page = ana.get("/desk/thing/a%2Fb%3Fc")
    assert page.status_code == 200
    assert "Markdown" in page.text
    assert ana.get("/desk/thing/a%2Fb%3Fc/history").status_code == 200
    assert 'href="/desk/thing/a%2Fb%3Fc"' in ana.get("/desk?q=thing/a/b?c").text


def test_an_annotation_that_a_removal_needs_is_asked_for(things: tuple[Server, TestClient]) -> None:
    server, ana = things
    server.archive.append("thing/1", "Thing Made", {"name": "A"})
    form = form_on(ana.get("/desk/thing/1?act=ThingGone"))
    refused = form.post(ana, "review")
    assert refused.status_code == 422
    assert 'href="#f-why"' in refused.text
    save(ana, form_on(refused).fill(why="over"))
    assert not server.archive.entity("thing/1").live


@pytest.mark.parametrize("field", [*EVERYTHING, "why"])
def test_a_script_in_any_field_stays_text(things: tuple[Server, TestClient], field: str) -> None:
    server, ana = things
    stream = f"thing/{SCRIPT}"
    values = {"name": SCRIPT, "text": SCRIPT, "words": [SCRIPT], "why": SCRIPT}
    event = NewEvent(stream, "Thing Made", values, actor=SCRIPT)
    server.archive.append_all([event])
    head = server.archive.log.head
    form = form_on(ana.get("/desk/thing")).put(id=SCRIPT, version="1").fill(name="A")
    typed: str | list[str] = [SCRIPT] if field in ("words", "numbers") else SCRIPT + "."
    form.fill(**{field: typed}).put(event_id=SCRIPT, act=SCRIPT)
    from urllib.parse import quote

    page = f"/desk/thing/{quote(stream.partition('/')[2], safe='')}"
    answers = [
        form.post(ana, "review"),
        ana.get("/desk"),
        ana.get(f"/desk?q={quote(stream)}&actor={quote(SCRIPT)}"),
        ana.get(page),
        ana.get(f"{page}/history"),
        ana.get(f"{page}/undo?sequence={head}"),
        ana.get(f"/desk/receipts/{head}"),
        ana.get(f"/desk/{quote(SCRIPT, safe='')}"),
        ana.get(f"{page}?act={quote(SCRIPT)}"),
    ]
    ana.cookies.clear()
    answers.append(form.post(ana, "save"))
    assert attributes("<a onclick=x>", "on") == ["a onclick"]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert attributes(answer.text, "on") == []


@pytest.mark.parametrize(
    "pairs",
    [
        {},
        {"version": "x"},
        {"version": "9" * 50},
        {"version": "7"},
        {"version": "-1"},
    ],
)
def test_a_form_that_does_not_say_its_version_is_refused(
    things: tuple[Server, TestClient], pairs: dict[str, str]
) -> None:
    server, ana = things
    server.archive.append("thing/1", "Thing Made", {"name": "A"})
    answer = ana.post("/desk/thing/1", data={**pairs, "f.name": "B", "do": "save"})
    assert answer.status_code == 422
    assert server.archive.log.head == 1


@pytest.mark.parametrize(
    "page", ["/desk/nothing", "/desk/nothing/1", "/desk/nothing/1/history", "/desk/thing/none",
             "/desk/thing/none/history", "/desk/thing/none/merge", "/desk/receipts/99",
             "/desk/receipts/0", "/desk/nothing/1/merge"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(things: tuple[Server, TestClient], page: str) -> None:
    assert things[1].get(page).status_code in (404, 409)
