"""Many open streams of events on a real server: served, counted, and closed when it ends."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from running import Running, until

from app.web.access import Access, Role
from archive import Archive

pytestmark = pytest.mark.slow
STREAMS = 1_000


@pytest.fixture
def many_files() -> None:
    """Let this process have a thousand connections and more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_streams_are_told_of_an_event_and_others_are_served_meanwhile(
    home: Path,
) -> None:
    secret = Access(home).add("ana", Role.editor)
    head = Archive(home).log.head
    request = (
        f"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {head}\r\n"
        f"Authorization: Bearer {secret}\r\n\r\n"
    ).encode()
    with Running(home, STET_REQUESTS_A_MINUTE="0") as server, ExitStack() as opened:
        clients = []
        for _ in range(STREAMS):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.settimeout(60)
            client.sendall(request)
            clients.append(client)
        for client in clients:
            assert client.recv(16) == b"HTTP/1.1 200 OK\r\n"[:16]
        until(lambda: f"stet_event_streams {STREAMS}.0" in server.ask("/metrics").text, server.log)
        begun = time.monotonic()
        assert server.ask("/search?q=titanic").status_code == 200
        assert time.monotonic() - begun < 30
        Archive(home).append("tag/whales", "TagDefined", {"name": "Whales"})
        for client in clients:
            received = b""
            while b"tag/whales" not in received:
                piece = client.recv(65_536)
                assert piece, received
                received += piece
        code, seconds = server.end()
        assert code == 0
        assert seconds < 45  # five for requests, five for the follower, and a busy machine
        for word in ("Traceback", "Cancel", "without completing"):
            assert word not in server.log()
