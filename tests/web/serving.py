"""A server over an archive, in this process, and clients that ask it as somebody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.server.application import application
from app.web.access import Access, Role
from app.web.options import Options
from archive import Archive
from replay import Domain


class Server:
    """The application over an archive; ``ask()`` is nobody, ``ask(Role.editor)`` an editor."""

    def __init__(self, home: Path | Archive, domain: Domain | None = None, **options: Any) -> None:
        self.archive = home if isinstance(home, Archive) else Archive(home, domain)
        self.access = Access(self.archive.folder)
        chosen = replace(Options.read(), requests_a_minute=0, **options)
        self.app = application(self.archive, chosen)

    def ask(self, role: Role | None = None, name: str | None = None) -> TestClient:
        """A client; with a role it sends the token of a new holder, called as the role is."""
        # the test client's own name for the server is not one that readers use
        client = TestClient(self.app, "http://localhost:8000", raise_server_exceptions=False)
        client.follow_redirects = False
        if role is not None:
            secret = self.access.add(name or role.value, role)
            client.headers["Authorization"] = f"Bearer {secret}"
        return client

    def log_in(self, role: Role, name: str | None = None) -> TestClient:
        """A client with the session's cookie, as a browser has it after the form."""
        client = self.ask()
        secret = self.access.add(name or role.value, role)
        assert client.post("/login", data={"token": secret}).status_code == 303
        return client

    def catch_up(self) -> None:
        """Make what was appended searchable, as the follower does."""
        self.archive.catch_up()
