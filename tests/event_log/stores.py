"""Object stores for tests: a real S3 server in a process of its own, and a network that fails."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SERVER = Path(__file__).with_name("s3_server.py")
SECRET = "not-for-any-message"  # noqa: S105 (opens nothing)
BUCKET = "archive"


@contextmanager
def s3_server() -> Iterator[str]:
    """The endpoint of a server that has the bucket ``archive``."""
    process = subprocess.Popen(
        [sys.executable, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"
        made = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")  # noqa: S310 (ours)
        urllib.request.urlopen(made).close()  # noqa: S310
        yield endpoint
    finally:
        process.communicate()


def environment(endpoint: str, cache: Path) -> dict[str, str]:
    """What a person would set to use this endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": f"id-{SECRET}",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "STET_CACHE": str(cache),
    }


@dataclass
class Request:
    """One request on its way: a test may change it, or answer it itself."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, bytes]
Fault = Callable[[Request], Answer | None]
"""Changes a request, or answers it with status and body; with status 0 the connection breaks."""


@dataclass
class Network:
    """Lies between a store and its server; passes on what no fault is put for."""

    server: str
    endpoint: str = ""
    before: Fault = lambda _: None
    """Asked before the request is passed on."""
    after: Fault = lambda _: None
    """Asked when the server has done what the request wants, before its answer is passed back."""
    seen: list[tuple[str, str]] = field(default_factory=list)


class Quiet(ThreadingHTTPServer):
    """Does not print that a client did not wait for its answer: some tests want just that."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def network(server: str) -> Iterator[Network]:
    """A network before a server, on a port of its own."""
    between = Network(server)

    class Passing(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
            )
            between.seen.append((request.method, request.path))
            answer = between.before(request)
            headers: list[tuple[str, str]] = []
            if answer is None:
                status, headers, body = _asked(between.server, request)
                answer = between.after(request) or (status, body)
            self.close_connection = True
            if answer[0]:
                self._answer(*answer, headers)

        def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                    self.send_header(name, value)
            length = dict(headers).get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on

        def log_message(self, *_: object) -> None:
            """Tests tell what matters themselves."""

    with Quiet(("127.0.0.1", 0), Passing) as listening:
        between.endpoint = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield between
        listening.shutdown()


def _asked(server: str, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(urlsplit(server).netloc, timeout=30)
    headers = {name: value for name, value in request.headers.items() if name != "Connection"}
    connection.request(request.method, request.path, request.body, headers)
    answer = connection.getresponse()
    result = answer.status, answer.getheaders(), answer.read()
    connection.close()
    return result


def refusal(status: int, code: str) -> Answer:
    """An answer as S3 gives it; it repeats what no message may show."""
    return status, f"<Error><Code>{code}</Code><Key>{SECRET}</Key></Error>".encode()
