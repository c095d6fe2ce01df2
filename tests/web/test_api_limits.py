"""What the API refuses: too much, too long, too often, and names that are meant to break out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from serving import Server

from app.web.access import Role
from search import Query

API = "/api/v1"
EVENTS = f"{API}/streams/tag/sea/events"
ODD = [
    "sea/events",
    "sea/history",
    "explain",
    "a/b/c",
    "ship@2",
    "with space",
    "100% true",
    "海",
    "naïve? #1 &x=y;",
    "..",
    "../../etc/passwd",
    ".",
    "a//b",
    "'; DROP TABLE token; --",
    "%2F",
    "<script>alert(1)</script>",
    '"quoted"',
    "back\\slash",
    "é" * 200,
]


def _word(name: str) -> str:
    """A name as one word of a path, also where clients would take it for the folder above."""
    return quote(name, safe="").replace(".", "%2E")


@pytest.fixture(scope="module")
def odd(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over a sample with entities of odd names, all made over HTTP."""
    import shutil

    home = shutil.copytree(sample, tmp_path_factory.mktemp("odd") / "home")
    server = Server(Path(home))
    editor = server.ask(Role.editor)
    for number, name in enumerate(ODD):
        event = {"type": "TagDefined", "data": {"name": f"Odd {number}"}}
        answer = editor.post(f"{API}/streams/tag/{_word(name)}/events", json=event)
        assert answer.status_code == 201, answer.text
        assert editor.get(answer.headers["location"]).json()["stream"] == f"tag/{name}"
    server.catch_up()
    return server


@pytest.mark.parametrize("number", range(len(ODD)), ids=lambda number: ascii(ODD[number]))
def test_every_name_that_the_log_takes_is_an_address(odd: Server, number: int) -> None:
    client, stream = odd.ask(), f"tag/{ODD[number]}"
    encoded = _word(stream)
    assert client.get(f"{API}/streams/tag/{_word(ODD[number])}").json()["stream"] == stream
    found = client.get(f"{API}/topics/{encoded}")
    assert found.json()["name"] == f"Odd {number}"
    for call in ("explain", "diff", "timemap"):
        assert client.get(f"{API}/topics/{encoded}/{call}").status_code == 200, call
    was = client.get(f"{API}/topics/{encoded}", headers={"Accept": "application/json"})
    again = client.get(was.headers["link"].partition(">")[0][1:])
    assert again.json() == found.json()


@pytest.mark.parametrize(
    "path",
    [
        "streams/tag/%00",
        "streams/tag/a%00b",
        "streams/tag/%0d%0aSet-Cookie:%20a=b",
        "topics/%0d%0aSet-Cookie:%20a=b",
        "streams/%2e%2e%2f%2e%2e%2fetc/passwd",
        "topics/..%2f..%2f..%2fetc%2fpasswd",
        "streams/tag/%ff%fe",
        "%2e%2e/x",
        "topics/" + "a" * 5_000,
    ],
)
@pytest.mark.parametrize("role", [None, Role.editor])
def test_a_name_that_is_none_is_not_found(reading: Server, path: str, role: Role | None) -> None:
    for more in ("", "/history", "/explain"):
        answer = reading.ask(role).get(f"{API}/{path}{more}")
        assert answer.status_code in (404, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "set-cookie" not in answer.headers


def test_no_parameter_becomes_a_header(reading: Server) -> None:
    client = reading.ask()
    answer = client.get(f"{API}/articles?q=a&page=2&size=1&section!=%0d%0aSet-Cookie:%20a=b")
    assert "set-cookie" not in answer.headers
    assert "\n" not in answer.headers.get("link", "")
    exported = client.get(f"{API}/articles/export?q=%0d%0aX:%20y")
    assert "x" not in exported.headers


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    small = Server(Path(server.archive.home), body_bytes=2_000)
    editor = small.ask(Role.editor)
    event = {"type": "TagDefined", "data": {"name": "a" * 3_000}}
    assert editor.post(EVENTS, json=event).status_code == 413

    def pieces() -> Iterator[bytes]:  # whose length is not known before
        yield b'{"type": "TagDefined", "data": {"name": "'
        yield from [b"a" * 500] * 6
        yield b'"}}'

    answer = editor.post(EVENTS, content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert small.archive.log.versions(["tag/sea"]) == {"tag/sea": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "\\ud800"}',
        b'{"type": "TagDefined", "data": {"name": NaN}}',
    ],
    ids=["empty", "cut", "no UTF-8", "deep", "half a character", "no number"],
)
def test_a_body_that_is_no_json_is_refused(reading: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    answer = reading.ask(Role.editor).post(EVENTS, content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


def test_a_client_that_asks_too_often_is_told_when_to_come_again(reading: Server) -> None:
    few = Server(Path(reading.archive.home))
    from dataclasses import replace

    from app.server.application import application
    from app.web.options import Options

    few.app = application(few.archive, replace(Options.read(), requests_a_minute=3))
    client = few.ask()
    answers = [client.get(f"{API}/status") for _ in range(5)]
    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["status"] == 429


@pytest.mark.parametrize("path", ["articles?q=ship", "articles/export", "suggest?q=ship"])
def test_a_query_that_takes_too_long_is_ended(
    reading: Server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    server = Server(Path(reading.archive.home), query_seconds=0.05)
    engine = type(server.archive.engine)
    search = engine.search

    def slow(self: Any, query: Query) -> Any:
        time.sleep(0.3)
        return search(self, query)

    monkeypatch.setattr(engine, "search", slow)
    answer = server.ask().get(f"{API}/{path}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "longer than 0.05 seconds" in answer.json()["detail"]


@pytest.mark.parametrize(
    "header", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
@pytest.mark.parametrize("path", ["streams/tag/sea/events", "preview"])
def test_a_page_of_another_site_writes_nothing(
    server: Server, header: dict[str, str], path: str
) -> None:
    person = server.log_in(Role.editor, "ana")
    event = {"type": "TagDefined", "data": {"name": "Sea"}}
    answer = person.post(f"{API}/{path}", json=event, headers=header)
    assert answer.status_code == 403
    assert server.archive.log.versions(["tag/sea"]) == {"tag/sea": 0}


def test_a_call_that_there_is_not_says_what_may_be_called(reading: Server) -> None:
    answer = reading.ask().put(f"{API}/status")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_server_where_nothing_is_live_says_so(tmp_path: Path) -> None:
    from archive import Archive
    from newsroom import DOMAIN

    archive = Archive(tmp_path, DOMAIN)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    client = Server(archive).ask()
    for path in ("articles", "topics/tag/sea", "articles/export", "streams/tag/sea"):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code == 503, path
        assert "rebuild" in answer.json()["detail"]
