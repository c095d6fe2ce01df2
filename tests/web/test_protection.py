"""What a hostile page, a hostile client or a slow one cannot do."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpx2
import pytest
import uvicorn
from fastapi.routing import iter_route_contexts
from jinja2 import TemplateNotFound
from running import Running
from serving import Server
from starlette.testclient import TestClient

from app.pages.session import local_path
from app.server import connection
from app.server.application import allowed_hosts, application
from app.server.connection import Connection
from app.web import protection
from app.web.access import Access, Role
from app.web.options import Options
from archive import Archive

HOSTILE = ["cross-site", "same-site"]
TRAVERSALS = [
    "../strings.py",
    "..%2fstrings.py",
    "%2e%2e/strings.py",
    "%2e%2e%2f%2e%2e%2foptions.py",
    "..%5cstrings.py",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "site.css%00.html",
]
ELSEWHERE = [
    "//evil.example/a",
    "https://evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "javascript:alert(1)",
    "data:text/html,a",
    "evil.example",
    "/a\r\nSet-Cookie: a=b",
    "/a\u2028b",
    "",
]


def routes(server: Server, safe: bool) -> list[tuple[str, str]]:
    """A method and a path of each route, with a word in the place of each parameter."""
    return sorted(
        (method, re.sub(r"\{[^}]*\}", "word", each.path or ""))
        for each in iter_route_contexts(server.app.routes)
        for method in each.methods or ()
        if (method in protection.SAFE) == safe
    )


def test_every_route_that_writes_refuses_what_a_page_of_another_site_asks(server: Server) -> None:
    """The routes are found by themselves, so that a new one is covered as well."""
    head = server.archive.log.head
    client = server.log_in(Role.operator)
    writing = routes(server, safe=False)
    assert ("POST", "/login") in writing
    assert ("POST", "/operations/roll-back") in writing
    for method, path in writing:
        for headers in (
            *({"Sec-Fetch-Site": site} for site in HOSTILE),
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:8001"},
        ):
            refused = client.request(method, path, headers=headers, data={"a": "b"})
            assert refused.status_code == 403, (method, path, headers)
            assert "another site" in refused.json()["detail"]
        own = client.request(method, path, headers={"Sec-Fetch-Site": "same-origin"})
        assert "another site" not in own.text, (method, path)
    assert server.archive.log.head == head


def test_no_route_that_reads_changes_anything(server: Server) -> None:
    head, live = server.archive.log.head, server.archive.engine.pointer()
    client = server.log_in(Role.operator)
    for _, path in routes(server, safe=True):
        if "stream" not in path.rpartition("/")[2]:  # one that never ends
            client.get(path)
    assert (server.archive.log.head, server.archive.engine.pointer()) == (head, live)


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_path_leads_out_of_the_folder_of_files(reading: Server, name: str) -> None:
    for folder in ("/static/", "/brand/"):
        answer = reading.ask().get(f"{folder}{name}")
        assert answer.status_code in (307, 404, 422), answer.text
        assert "root:" not in answer.text
        assert "from __future__" not in answer.text


def test_no_template_leads_out_of_the_folders_of_templates(home: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    server = Server(home, templates=tmp_path / "own")
    for name in ("../secret.html", str(tmp_path / "secret.html"), "a/../../secret.html"):
        with pytest.raises(TemplateNotFound):
            server.app.state.templates.text(name, {})


@pytest.mark.parametrize("path", ELSEWHERE)
def test_logging_in_leads_to_this_site_only(server: Server, path: str) -> None:
    secret = server.access.add("ana", Role.editor)
    client = server.ask()
    shown = client.get("/login", params={"next": path})
    assert 'name="next" value="/' in shown.text
    answer = client.post("/login", data={"token": secret, "next": path})
    to = urlsplit(urljoin("http://localhost:8000/login", answer.headers["location"]))
    assert (to.scheme, to.netloc) == ("http", "localhost:8000")
    assert "\n" not in answer.headers["location"]
    assert answer.headers.get_list("set-cookie")[0].startswith("stet_session=")
    assert local_path(path) == "/"


@pytest.mark.parametrize(
    ("role", "next", "to"),
    [
        (Role.editor, None, "/desk"),
        (Role.operator, None, "/desk"),
        (Role.reader, None, "/"),
        (Role.editor, "/", "/"),
        (Role.editor, "/search?q=sea", "/search?q=sea"),
        (Role.editor, "//evil.example", "/"),
    ],
)
def test_who_edits_lands_on_the_desk_where_nothing_else_was_asked_for(
    server: Server, role: Role, next: str | None, to: str
) -> None:
    client, asked = server.ask(), {} if next is None else {"next": next}
    shown = client.get("/login", params=asked).text
    assert (f'name="next" value="{to}"' in shown) == (next is not None)
    secret = server.access.add("who", role)
    answer = client.post("/login", data={"token": secret, **asked})
    assert answer.headers["location"] == to


@pytest.mark.parametrize("injected", ["a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1"])
def test_no_parameter_becomes_a_header(reading: Server, injected: str) -> None:
    client = reading.log_in(Role.operator)
    word = quote(injected, safe="")
    for _, path in routes(reading, safe=True):
        if "stream" in path.rpartition("/")[2]:
            continue
        names = ("q", "next", "id", "at", "after", "format", "view", "from", "to", "generation")
        query = "&".join(f"{name}={word}" for name in names)
        for asked in (path.replace("word", word), f"{path}?{query}"):
            answer = client.get(asked)
            assert "x-injected" not in answer.headers, asked
            for value in answer.headers.values():
                assert "\n" not in value, asked
                assert "\r" not in value, asked


def called(home: Path, name: str) -> int:
    """The status when the server on the loopback address is called by a name."""
    options = replace(Options.read(), requests_a_minute=0)
    app = application(Archive(home), options, allowed_hosts("127.0.0.1", options))
    return TestClient(app).get("/healthz", headers={"Host": name}).status_code


def test_a_server_answers_to_its_own_names_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert called(home, name) == 200, name
    others = ("evil.example", "localhost.evil.example", "archive.example.org", "", "[", "a@b")
    for name in others:
        assert called(home, name) == 421, name
    monkeypatch.setenv("STET_SITE_URL", "https://archive.example.org")
    assert called(home, "archive.example.org") == 200


def test_more_requests_than_a_client_may_make_are_refused_for_a_time(home: Path) -> None:
    server = Server(home)
    options = replace(Options.read(), requests_a_minute=30)
    client = TestClient(application(server.archive, options), "http://localhost:8000")
    answers = [client.get("/login") for _ in range(31)]
    assert [each.status_code for each in answers] == [200] * 30 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert client.get("/static/site.css").status_code == 200, "a page's own files do not count"
    assert client.get("/healthz").status_code == 200


def test_an_error_shows_no_traceback_and_no_path_of_the_code(server: Server) -> None:
    (server.archive.folder / "index" / "serving.json").write_text("{")
    client = server.log_in(Role.operator)
    failed = 0
    for _, path in routes(server, safe=True):
        if "stream" in path.rpartition("/")[2]:
            continue
        for accept in ("text/html", "application/json"):
            answer = client.get(path, headers={"Accept": accept}, params={"q": "a"})
            failed += answer.status_code >= 500
            assert "Traceback" not in answer.text, path
            assert ".py" not in answer.text.replace("stet.py", ""), path
    assert failed


@contextlib.contextmanager
def listening(home: Path, **options: object) -> Iterator[int]:
    """The application on a port, in a thread of this process, so that its limits can be set."""
    app = Server(home, **options).app
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = uvicorn.Config(app, http=Connection, ws="none", log_level="critical")
        served = uvicorn.Server(config)
        thread = threading.Thread(target=served.run, args=([taken],))
        thread.start()
        while not served.started:
            time.sleep(0.01)
        yield taken.getsockname()[1]
        served.should_exit = True
        thread.join(10)


def said(client: socket.socket) -> bytes:
    """Everything that the server sends until it closes the connection or a second has passed."""
    told = b""
    client.settimeout(5)
    with contextlib.suppress(TimeoutError, ConnectionError):
        while not told.endswith(b"}") and (piece := client.recv(4096)):
            told += piece
    return told


FORM = b"Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
HEADS = {
    "body": b"POST /login HTTP/1.1\r\n" + FORM + b"Content-Length: 1000\r\n\r\n",
    "body in chunks": b"POST /login HTTP/1.1\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n",
    "head": b"POST /login HTTP/1.1\r\n" + FORM,
    "nothing": b"",
}


@pytest.mark.parametrize("what", [*HEADS])
def test_a_client_that_sends_a_byte_at_a_time_is_refused_and_others_are_served_meanwhile(
    home: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(protection, "BODY_SECONDS", 0.5)
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    with (
        listening(home) as port,
        socket.create_connection(("127.0.0.1", port)) as slow,
    ):
        slow.sendall(HEADS[what])
        with contextlib.suppress(OSError):  # it has been refused
            for _ in range(6):
                if what != "nothing":
                    slow.sendall(b"1\r\na\r\n" if what == "body in chunks" else b"a")
                time.sleep(0.1)
                assert httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        assert said(slow).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEADS["body in chunks"], b"400\r\n" + 1024 * b"a" + b"\r\n"),
        (b"POST /login HTTP/1.1\r\n" + FORM + b"Content-Length: 20000\r\n\r\n", b"a" * 1000),
    ],
)
def test_a_body_that_is_too_large_is_refused_with_and_without_its_length(
    home: Path, head: bytes, piece: bytes
) -> None:
    with (
        listening(home, body_bytes=10_000) as port,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(20):
                client.sendall(piece)
        assert said(client).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("header", [b"X-A: " + 200_000 * b"a", 8_000 * b"X-A: aaaaaaaaaa\r\n"])
def test_a_head_that_is_too_large_is_refused(home: Path, header: bytes) -> None:
    with listening(home) as port, socket.create_connection(("127.0.0.1", port)) as client:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
            for place in range(0, len(header), 1000):
                client.sendall(header[place : place + 1000])
        assert said(client)[:13] in (b"HTTP/1.1 431 ", b""), "or it is reset before that is read"


def test_what_is_no_http_is_refused(home: Path) -> None:
    with listening(home) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert said(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.slow
def test_no_secret_is_written_to_a_log_or_a_page(home: Path) -> None:
    access = Access(home)
    secret, revoked = access.add("ana", Role.operator), access.add("ben", Role.editor)
    access.revoke("ben")
    key = access.key()
    with Running(home) as server:
        with httpx2.Client(base_url=server.url, timeout=60) as client:
            pages = [
                client.post("/login", data={"token": each, "next": "/operations"}).text
                for each in (revoked, f"{secret}x", secret)
            ]
            session = client.cookies["stet_session"]
            pages += [
                client.get(path, headers=headers).text
                for path in ("/operations", "/api/v1/status", "/metrics", "/no/such/page")
                for headers in (
                    {"Authorization": f"Bearer {secret}"},
                    {"Authorization": f"Bearer {revoked}"},
                    {"Authorization": f"Basic {secret}"},
                    {"Cookie": f"stet_session={session}x"},
                    {},
                )
            ]
        server.end()
        assert server.process.stdout is not None
        written = server.log() + server.process.stdout.read().decode()
    assert "/login" in written, "the log has a line for each request"
    for text in (written, *pages):
        for hidden in (secret, revoked, session, key):
            assert hidden not in text
