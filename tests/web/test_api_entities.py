"""Entities over HTTP: appended at the version that was read, once, and read as one's role may."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role

TITANIC = "/api/v1/streams/article/titanic-1912"
REVISED = {"type": "ArticleRevised", "data": {"headline": "Titanic Sinks", "reason": "Too long"}}

MISSING = "data.published_at"


@pytest.fixture
def editor(server: Server) -> TestClient:
    return server.ask(Role.editor, "ana")


def _post(client: TestClient, body: Any, path: str = TITANIC, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{path}/events", json=body, headers=named)


@pytest.mark.parametrize(
    ("sent", "kind", "field", "reason"),
    [
        ("{oops", "application/json", "body", "is no JSON, at character 1"),
        ('{"type": "TagDefined", "data": [1]}', "application/json", "event.data", "must be a JSON"),
        ('{"type": "TagDefined", "data": {}}', "text/plain", "event", "send it with Content-Type:"),
    ],
)
def test_a_body_that_is_no_event_is_told_in_words(
    server: Server, sent: str, kind: str, field: str, reason: str
) -> None:
    answer = server.ask(Role.editor).post(
        "/api/v1/streams/tag/new/events", content=sent, headers={"Content-Type": kind}
    )
    assert answer.status_code == 422
    [wrong] = answer.json()["errors"]
    assert wrong["field"] == field
    assert reason in wrong["reason"]
    assert wrong["reason"] in answer.json()["detail"]


WRONG = {"kicker": 7, "published_at": "never", "url": "no address", "tag_ids": ["tag/none"], "x": 1}


def test_all_fields_that_are_wrong_are_told_at_once(server: Server, editor: TestClient) -> None:
    head = server.archive.log.head
    body = {"type": "ArticlePublished", "data": WRONG}
    fields = [f"data.{name}" for name in ("kicker", "published_at", "x", "headline", "url")]
    fields.append("data.tag_ids")
    alone = _post(editor, body, "/api/v1/streams/article/new")
    assert alone.status_code == 422
    assert [each["field"] for each in alone.json()["errors"]] == fields
    assert all(each["reason"] in alone.json()["detail"] for each in alone.json()["errors"])
    first = {"type": "ArticlePublished", "data": {"headline": "H", "published_at": "1912"}}
    then = {"type": "ArticleRevised", "data": {"headline": " ", "url": "no address"}}
    second = _post(editor, [first, then], "/api/v1/streams/article/new")
    told = [each["field"] for each in second.json()["errors"]]
    assert told == ["events[1].data.headline", "events[1].data.url"]
    assert server.archive.log.head == head


def test_an_event_is_appended_by_who_is_logged_in(server: Server, editor: TestClient) -> None:
    answer = _post(editor, REVISED, if_match='"5"')
    assert answer.status_code == 201
    receipt = answer.json()
    assert (receipt["version"], receipt["added"]) == (6, 1)
    assert answer.headers["location"] == TITANIC
    assert answer.headers["etag"] == '"6"'
    assert answer.headers["stet-sequence"] == str(receipt["last"])
    stored = server.archive.log.stream("article/titanic-1912")[-1]
    assert (stored.actor, stored.data["headline"]) == ("ana", "Titanic Sinks")


def test_a_request_cannot_say_who_it_is_from(server: Server, editor: TestClient) -> None:
    answer = _post(editor, {**REVISED, "actor": "somebody else"}, if_match='"5"')
    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.json()["errors"]] == ["event.actor"]
    assert server.archive.log.versions(["article/titanic-1912"]) == {"article/titanic-1912": 5}


@pytest.mark.parametrize("role", [None, Role.reader])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{TITANIC}/events", REVISED),
        ("/api/v1/preview", {"stream": "article/titanic-1912", **REVISED}),
    ],
)
def test_readers_write_nothing(
    server: Server, role: Role | None, path: str, body: dict[str, Any]
) -> None:
    head = server.archive.log.head
    answer = server.ask(role).post(path, json=body, headers={"If-Match": '"5"'})
    assert answer.status_code == (401 if role is None else 403)
    assert server.archive.log.head == head


def test_a_revision_needs_the_version_that_was_read(editor: TestClient) -> None:
    answer = _post(editor, REVISED)
    assert answer.status_code == 428
    assert "If-Match" in answer.json()["detail"]
    assert _post(editor, REVISED, if_match='"titanic"').status_code == 412
    assert _post(editor, REVISED, if_match="*").status_code == 201


def test_a_conflict_has_the_version_and_what_has_changed_since(editor: TestClient) -> None:
    assert _post(editor, REVISED, if_match='"5"').status_code == 201
    answer = _post(editor, {"type": "ArticleRevised", "data": {"kicker": "Late"}}, if_match='"5"')
    assert answer.status_code == 412
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["actual_version"] == 6
    assert [change["version"] for change in problem["changes"]] == [6]
    assert problem["changes"][0]["actor"] == "ana"
    assert problem["changes"][0]["changes"][0]["field"] == "headline"


def test_the_same_request_again_has_the_same_receipt(server: Server, editor: TestClient) -> None:
    first = _post(editor, REVISED, if_match='"5"', idempotency_key="one")
    again = _post(editor, REVISED, if_match='"5"', idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    dated = {"published_at": "1912-04-15"}  # a date that is written in another way is the same
    for said in (dated, {"published_at": "1912-04-15T00:00:00Z"}):
        event = {"type": "ArticleRevised", "data": said}
        answer = _post(editor, event, if_match='"6"', idempotency_key="two")
        assert answer.json()["version"] == 7
    assert server.archive.log.versions(["article/titanic-1912"]) == {"article/titanic-1912": 7}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TITANIC, {"type": "ArticleRevised", "data": {"headline": "Another"}}),
        (TITANIC, {"type": "ArticleRetracted"}),
        (TITANIC, [REVISED, REVISED]),
        ("/api/v1/streams/article/amundsen-1912", REVISED),
    ],
)
def test_a_key_that_was_used_for_something_else_is_refused(
    server: Server, editor: TestClient, path: str, body: Any
) -> None:
    assert _post(editor, REVISED, if_match='"5"', idempotency_key="one").status_code == 201
    head = server.archive.log.head
    answer = _post(editor, body, path, if_match="*", idempotency_key="one")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert server.archive.log.head == head


def test_a_list_is_appended_together_and_once(server: Server, editor: TestClient) -> None:
    several = [REVISED, {"type": "ArticleRevised", "data": {"kicker": "At Sea"}}]
    first = _post(editor, several, if_match='"5"', idempotency_key="both")
    again = _post(editor, several, if_match='"5"', idempotency_key="both")
    assert (first.json()["version"], first.json()["added"]) == (7, 2)
    assert again.json() == first.json()
    several[1] = {"type": "ArticleRevised", "data": {"no_field": "At Sea"}}
    head = server.archive.log.head
    refused = _post(editor, several, if_match='"7"')
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "events[1].data.no_field"
    assert server.archive.log.head == head


def test_a_revision_that_changes_nothing_is_not_appended(editor: TestClient) -> None:
    said = {"type": "ArticleRevised", "data": {"language": "en"}}
    answer = _post(editor, said, if_match='"5"')
    assert (answer.status_code, answer.json()["added"], answer.json()["version"]) == (200, 0, 5)


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (TITANIC, {"type": "ArticleRevised", "data": {"headline": 7}}, 422, "data.headline"),
        (TITANIC, {"type": "NoSuchType"}, 422, "type"),
        (TITANIC, {"type": "TagDefined", "data": {"name": "Sea"}}, 422, "type"),
        (TITANIC, {"data": {}}, 422, "event.type"),
        (TITANIC, [], 422, "events"),
        (TITANIC, "text", 422, "event"),
        (
            TITANIC,
            {"type": "ArticlePublished", "data": {"headline": "A"}},
            422,
            "data.published_at",
        ),
        (TITANIC, {**REVISED, "occurred_at": "yesteryear"}, 422, "occurred_at"),
        (TITANIC, {**REVISED, "occurred_at": "9999-01-01"}, 422, "occurred_at"),
        (TITANIC, [{**REVISED, "occurred_at": "9999"}], 422, "occurred_at"),
        (TITANIC, {"type": "ArticleRevised", "data": {"headline": " "}}, 422, "data.headline"),
        (
            TITANIC,
            {"type": "ArticleRevised", "data": {"section_id": "section/none"}},
            422,
            "data.section_id",
        ),
        (
            "/api/v1/streams/tag/new",
            {"type": "TagDefined", "data": {"name": "New", "kind": "colour"}},
            422,
            "data.kind",
        ),
        ("/api/v1/streams/nothing/1", REVISED, 404, None),
        ("/api/v1/streams/article/%20", REVISED, 422, "stream"),
    ],
)
def test_what_is_not_valid_says_which_field(
    editor: TestClient, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = _post(editor, body, path, if_match="*")
    assert answer.status_code == status, answer.text
    errors = answer.json().get("errors", [])
    assert [wrong["field"] for wrong in errors] == ([field] if field else [])


def test_what_contradicts_the_current_state_is_a_conflict(editor: TestClient) -> None:
    published = {"headline": "A", "published_at": "1912-04-15"}
    answer = _post(editor, {"type": "ArticlePublished", "data": published})
    assert answer.status_code == 409
    assert "exists already" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"4", "5"', 201),
        ('W/"4","5"', 201),
        ("5", 201),
        ('W/"5"', 412),
        ('"abc"', 412),
        ('"3", "4"', 412),
        ('"4"', 412),
        ("five", 422),
        ('"5', 422),
        ('"5" "4"', 422),
        ("", 422),
    ],
)
def test_only_a_strong_tag_of_the_actual_version_matches(
    editor: TestClient, if_match: str, status: int
) -> None:
    answer = _post(editor, REVISED, if_match=if_match)
    assert answer.status_code == status, answer.text
    if status == 412:
        assert answer.json()["actual_version"] == 5
        assert answer.headers["etag"] == '"5"'
        assert "version 5" in answer.json()["detail"]


def test_who_waits_is_told_when_readers_see_it(
    server: Server, editor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = editor.post(
        f"{TITANIC}/events?wait=articles&timeout=0.1", json=REVISED, headers={"If-Match": '"5"'}
    )
    assert late.status_code == 202  # it was appended, and says so
    assert late.json()["version"] == 6
    assert late.json()["late"] == {"articles": server.archive.engine.serving()["articles"].sequence}

    from app.web import searchable

    async def catches_up(_: float) -> None:
        server.catch_up()

    monkeypatch.setattr(searchable, "sleep", catches_up)
    monkeypatch.setattr(searchable, "EVERY", 0.0)
    said = {"type": "ArticleRevised", "data": {"headline": "Titanic Lost"}}
    seen = editor.post(
        f"{TITANIC}/events?wait=articles,topics&timeout=30", json=said, headers={"If-Match": "*"}
    )
    assert seen.status_code == 201
    assert {*seen.json()["searchable"]} == {"articles", "topics"}
    assert seen.json()["late"] is None


def test_only_views_that_there_are_can_be_waited_for(server: Server, editor: TestClient) -> None:
    head = server.archive.log.head
    answer = editor.post(
        f"{TITANIC}/events?wait=nothing", json=REVISED, headers={"If-Match": '"5"'}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "wait")
    assert server.archive.log.head == head


def test_an_entity_that_is_unchanged_costs_no_body(reading: Server) -> None:
    client = reading.ask()
    first = client.get(TITANIC)
    assert first.headers["etag"] == '"5"'
    assert first.json()["fields"]["section_id"] == "section/world"
    again = client.get(TITANIC, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(TITANIC, headers={"If-None-Match": '"4"'}).status_code == 200


def test_readers_see_what_is_public_of_a_life(reading: Server) -> None:
    told = reading.ask().get(f"{TITANIC}/history").json()["events"]
    assert told[-1]["annotations"] == {
        "note": "That the wreck was found on September 1, 1985, has been added."
    }
    said = str(told)
    for secret in ("archive-desk", "readers ask for this article", "reason", "actor"):
        assert secret not in said
    desk = reading.ask(Role.editor).get(f"{TITANIC}/history").json()["events"]
    assert desk[-1]["actor"] == "archive-desk"


@pytest.mark.parametrize("path", [f"{TITANIC}/events", "/api/v1/events", "/api/v1/events/stream"])
@pytest.mark.parametrize("role", [None, Role.reader])
def test_events_as_they_are_stored_are_for_editors(
    reading: Server, path: str, role: Role | None
) -> None:
    assert reading.ask(role).get(path).status_code == (401 if role is None else 403)


def test_editors_read_events_as_they_are_stored(reading: Server) -> None:
    told = reading.ask(Role.editor).get(f"{TITANIC}/events").json()
    assert [event["version"] for event in told["events"]] == [1, 2, 3, 4, 5]
    assert told["events"][-1]["data"]["reason"]


def test_a_retracted_article_is_gone_and_says_why(server: Server, editor: TestClient) -> None:
    said = {"note": "It was not true.", "reason": "The lawyers called."}
    answer = _post(editor, {"type": "ArticleRetracted", "data": said}, if_match='"5"')
    assert answer.status_code == 201
    server.catch_up()
    for path in (TITANIC, "/api/v1/articles/article/titanic-1912"):
        gone = server.ask().get(path)
        assert gone.status_code == 410
        assert gone.json()["annotations"] == {"note": "It was not true."}
        assert "lawyers" not in gone.text
    assert editor.get(TITANIC).json()["live"] is False
    told = server.ask().get(f"{TITANIC}/history")
    assert all(event["changes"] == [] for event in told.json()["events"])
    assert server.ask().get("/api/v1/articles/article/titanic-1912/timemap").status_code == 410


def test_a_preview_counts_and_appends_nothing(server: Server, editor: TestClient) -> None:
    head = server.archive.log.head
    event = {"stream": "tag/ships", "type": "TagRevised", "data": {"name": "Vessels"}}
    told = editor.post("/api/v1/preview", json=event).json()
    assert told["documents"]["topics"] >= 1
    assert server.archive.log.head == head
    wrong = editor.post("/api/v1/preview", json={**event, "data": {"nam": "Vessels"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "data.nam")
