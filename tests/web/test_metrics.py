"""What `/metrics` says, in the form that Prometheus reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role
from app.web.options import Options


def figures(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples, by their name and their labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_the_template_of_their_route_and_never_by_their_path(
    server: Server,
) -> None:
    client = server.ask()
    for path in (
        "/api/v1/status",
        "/static/site.css",
        "/static/none.css",
        "/no/such/path",
        "/no/other/path",
    ):
        client.get(path)
    client.request("INVENTED", "/healthz")
    counted = {name for name in figures(client) if name[0] == "stet_requests_total"}
    labels = [dict(names) for _, names in counted]
    assert {"method": "GET", "route": "/static/{name:path}", "status": "200"} in labels
    assert {"method": "GET", "route": "/static/{name:path}", "status": "404"} in labels
    assert {"method": "GET", "route": "/api/v1/status", "status": "200"} in labels
    assert {each["method"] for each in labels} <= {"GET", "other"}
    assert not any("no/such" in each["route"] or "none" in each["route"] for each in labels)


def test_a_failure_that_nobody_expected_is_counted_and_protected(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise KeyError("secret")

    monkeypatch.setattr(server.archive, "status", fail)
    answer = server.ask().get("/api/v1/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    monkeypatch.undo()
    failed = (("method", "GET"), ("route", "/api/v1/status"), ("status", "500"))
    assert figures(server.ask())["stet_requests_total", failed] == 1


def test_what_is_refused_before_any_route_is_counted(server: Server) -> None:
    client = server.ask()
    client.post("/login", headers={"Origin": "https://evil.example"})
    refused = (("method", "POST"), ("route", "other"), ("status", "403"))
    assert figures(client)["stet_requests_total", refused] == 1


def test_the_archive_is_measured_when_it_is_asked_for(server: Server) -> None:
    before = figures(server.ask())
    articles = (("view", "articles"),)
    head = before["stet_log_head", ()]
    assert head == server.archive.log.head
    assert before["stet_view_lag_events", articles] == 0
    assert before["stet_view_documents", articles] > 50
    assert before["stet_generations", ()] == 1
    assert before["stet_following", ()] == 0
    server.archive.append("tag/whales", "TagDefined", {"name": "Whales"})
    after = figures(server.ask())
    assert after["stet_log_head", ()] == head + 1
    assert after["stet_view_lag_events", articles] == 1
    assert after["stet_view_lag_seconds", articles] > 0


def test_dead_letters_are_counted_by_view(server: Server) -> None:
    live = server.archive.engine.serving()["topics"]
    letters = server.archive.dead_letters
    letters.add(live, "tag/whales", 1, "{}", "too long")
    letters.write()
    counted = figures(server.ask())
    assert counted["stet_dead_letters", (("view", "topics"),)] == 1
    assert counted["stet_dead_letters", (("view", "articles"),)] == 0


def test_who_follows_the_log_is_told(server: Server) -> None:
    with server.archive.follow():
        assert figures(server.ask())["stet_following", ()] == 1


def test_open_streams_and_searches_are_counted(server: Server) -> None:
    counting = server.app.state.site.figures
    with counting.open_stream(), counting.search("articles"):
        assert figures(server.ask())["stet_event_streams", ()] == 1
    counted = figures(server.ask())
    assert counted["stet_event_streams", ()] == 0
    assert counted["stet_search_seconds_count", (("view", "articles"),)] == 1


def test_a_search_of_the_page_and_of_the_api_is_counted_by_its_view(server: Server) -> None:
    client = server.ask()
    for path in ("/search?q=whales", "/api/v1/topics?q=whales", "/api/v1/no-view?q=whales"):
        client.get(path)
    counted = figures(client)
    names = {labels for name, labels in counted if name == "stet_search_seconds_count"}
    assert names == {(("view", "articles"),), (("view", "topics"),)}


@pytest.mark.parametrize(
    ("on_loopback", "secure", "site_url", "open_to_all"),
    [
        (True, False, None, True),
        (False, False, None, False),  # others reach it
        (True, True, None, False),  # a proxy is before it
        (True, False, "http://archive.example.org", False),  # it is known by a public name
    ],
)
def test_figures_are_for_this_machine_or_for_an_operator(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_loopback: bool,
    secure: bool,
    site_url: str | None,
    open_to_all: bool,
) -> None:
    if site_url:
        monkeypatch.setenv("STET_SITE_URL", site_url)
    chosen = Options.read(on_loopback, secure).open_metrics
    server = Server(home, open_metrics=chosen)
    asked = {role: server.ask(role).get("/metrics").status_code for role in (None, *Role)}
    refused = {None: 401, Role.reader: 403, Role.editor: 403, Role.operator: 200}
    assert asked == (dict.fromkeys(asked, 200) if open_to_all else refused)


def test_connectors_and_relays_say_how_they_did(server: Server) -> None:
    from connectors.standing import Standing, say

    standing = Standing("cms", "connect", "cms", {"a": 3, "b": 4}, 5, dead_letters=2)
    say(server.archive.folder, standing)
    try:
        found = figures(server.ask())
    finally:
        (server.archive.folder / "connect" / "cms.json").unlink()
    of_cms = {
        name: value for (name, labels), value in found.items() if ("connector", "cms") in labels
    }
    assert of_cms == {
        "stet_connector_lag": 5,
        "stet_connector_position": 7,
        "stet_connector_dead_letters": 2,
        "stet_connector_running": 0,
    }
