"""The operator's page: what it shows, and what it changes after a confirmation."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from serving import Server

from app.web.access import Role


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]


@pytest.mark.parametrize(
    "path", ["/operations", "/operations/roll-back", "/operations/promote?generation=1"]
)
def test_the_page_is_for_operators(reading: Server, path: str) -> None:
    answers = {role: reading.ask(role).get(path).status_code for role in (None, *Role)}
    assert answers.pop(Role.operator) in (200, 404)
    assert answers == {None: 303, Role.reader: 403, Role.editor: 403}


def test_the_page_shows_every_part_of_the_archive(server: Server) -> None:
    server.access.add("ana", Role.editor)
    server.access.revoke("ana")
    live = server.archive.engine.serving()["topics"]
    letters = server.archive.dead_letters
    letters.add(live, "tag/<b>whales", 1, "{}", "a word is too long")
    letters.write()
    with server.archive.log.subscribe("mail"):
        page = server.ask(Role.operator).get("/operations").text
    for view in server.archive.views:
        assert f'<th scope="row">{view}</th>' in page
    assert "tag/&lt;b&gt;whales" in page
    assert "a word is too long" in page
    assert "mail" in page
    assert "No process follows the log" in page
    assert f"{server.archive.log.head:,}" in page
    assert server.archive.log.digest in page
    assert "Set STET_DAGSTER_URL" in page
    assert "This cannot be read" not in page
    assert page.count('<th scope="row">ana</th>') == 1


def test_a_part_that_cannot_be_read_is_told_beside_the_others(server: Server) -> None:
    (server.archive.folder / "index" / "serving.json").write_text("{")
    answer = server.ask(Role.operator).get("/operations")
    assert answer.status_code == 200
    assert answer.text.count("This cannot be read") == 3
    assert 'id="tokens"' in answer.text


def test_a_roll_back_is_confirmed_and_then_done(server: Server) -> None:
    server.archive.rebuild(["topics"])
    client = server.log_in(Role.operator)
    asked = client.get("/operations/roll-back")
    assert asked.status_code == 200
    assert "topics" in asked.text
    assert ">bylines<" not in asked.text.partition("<main")[2], "it stays as it is"
    assert server.archive.engine.pointer().live["topics"] == 2, "asking changes nothing"
    form = {"live": hidden(asked.text, "live")}
    done = client.post("/operations/roll-back", data=form)
    assert done.headers["location"] == "/operations?done=rolled_back#generations"
    assert server.archive.engine.pointer().live["topics"] == 1
    assert "live again" in client.get("/operations?done=rolled_back").text


def test_what_was_rolled_back_from_is_promoted_again(server: Server) -> None:
    server.archive.rebuild(["topics"])
    server.archive.roll_back()
    client = server.log_in(Role.operator)
    assert 'href="/operations/promote?generation=2"' in client.get("/operations").text
    asked = client.get("/operations/promote?generation=2")
    form = {"live": hidden(asked.text, "live"), "generation": hidden(asked.text, "generation")}
    assert client.post("/operations/promote", data=form).status_code == 303
    assert server.archive.engine.pointer().live["topics"] == 2


def test_a_confirmation_of_something_else_than_is_live_is_refused(server: Server) -> None:
    server.archive.rebuild(["topics"])
    client = server.log_in(Role.operator)
    form = {"live": hidden(client.get("/operations/roll-back").text, "live")}
    server.archive.rebuild(["topics"])  # somebody promotes meanwhile
    refused = client.post("/operations/roll-back", data=form)
    assert refused.status_code == 409
    assert "has changed" in refused.text
    assert server.archive.engine.pointer().live["topics"] == 3


def test_what_is_not_kept_cannot_be_confirmed(server: Server) -> None:
    client = server.log_in(Role.operator)
    assert client.get("/operations/roll-back").status_code == 404
    assert client.get("/operations/promote?generation=1").status_code == 404
    assert client.get("/operations/promote?generation=x").status_code == 422


def test_each_earlier_state_is_offered_by_a_number_that_names_it(server: Server) -> None:
    for _ in range(2):
        server.archive.rebuild(["topics"])
    client = server.log_in(Role.operator)
    page = client.get("/operations").text
    assert re.findall(r"/operations/roll-back\?to=(\d+)", page) == ["2"]
    form = {"live": hidden(client.get("/operations/roll-back?to=2").text, "live"), "generation": 2}
    client.post("/operations/roll-back", data=form)
    assert server.archive.engine.pointer().live["topics"] == 2


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Something on this machine that gives the same answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def asked_dagster(home: Path, url: str) -> str:
    """The page of a server whose Dagster is at a URL."""
    answer = Server(home, dagster_url=url).ask(Role.operator).get("/operations")
    assert answer.status_code == 200
    return answer.text


def test_the_last_runs_link_into_dagster(home: Path) -> None:
    run = {"runId": "a/b", "jobName": "rebuild", "status": "SUCCESS"}
    runs = [{**run, "startTime": 1.0, "endTime": 3.5}, {**run, "startTime": None, "endTime": None}]
    body = {"data": {"runsOrError": {"__typename": "Runs", "results": runs}}}
    with answering(200, json.dumps(body).encode()) as url:
        page = asked_dagster(home, url)
    assert f'<a href="{url}/runs/a%2Fb">rebuild</a>' in page
    assert "2.5 s" in page
    assert "success" in page


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b"", "it answers 500"),
        (200, b"<html>", "its answer is not that of a Dagster"),
        (200, b'{"data": {"runsOrError": {"__typename": "PythonError"}}}', "is not that of"),
    ],
)
def test_a_dagster_that_gives_no_runs_leaves_the_link(
    home: Path, status: int, body: bytes, told: str
) -> None:
    with answering(status, body) as url:
        page = asked_dagster(home, url)
    assert told in page
    assert f'<a href="{url}">Open Dagster</a>' in page


def test_a_dagster_that_is_away_is_told(home: Path) -> None:
    page = asked_dagster(home, "http://127.0.0.1:9")
    assert "it does not answer: Connection refused" in page
