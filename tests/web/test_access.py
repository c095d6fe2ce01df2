"""Who may use the server: tokens, sessions, roles."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from serving import Server

from app.web.access import Access, Role


def test_a_token_is_stored_hashed_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    access = Access(tmp_path)
    secret = access.add("ana", Role.editor)
    assert secret.encode() not in access.file.read_bytes()
    assert stat.S_IMODE(access.file.stat().st_mode) == 0o600


@pytest.mark.parametrize("path", ["/api/v1/status"])
def test_a_revoked_token_is_refused_and_ends_its_sessions(server: Server, path: str) -> None:
    machine, person = server.ask(Role.editor, "ana"), server.log_in(Role.editor, "ana")
    assert machine.get(path).status_code == 200
    assert "ana" in person.get("/login").text
    assert server.access.revoke("ana") == 2
    refused = machine.get(path)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert "ana" not in person.get("/login").text


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(server: Server) -> None:
    secret = server.access.add("ana", Role.editor)
    cookie = server.ask().post("/login", data={"token": secret}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert secret not in cookie


def test_a_session_that_was_tampered_with_is_nobody(server: Server) -> None:
    client = server.log_in(Role.operator, "ana")
    value = client.cookies["stet_session"]
    client.cookies.clear()
    client.cookies["stet_session"] = value[:-2] + "xx"
    assert "ana" not in client.get("/login").text
