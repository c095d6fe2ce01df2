"""Processes: of several servers on one archive one follows; what ends a server ends all of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import httpx2
import pytest
import trustme
from running import STET, Running, until

from app.server.follower import FollowerProcess
from app.web.access import Access, Role
from archive import Archive
from event_log import subscription_holder

pytestmark = pytest.mark.slow


def becomes_searchable(home: Path, name: str, servers: list[Running]) -> None:
    """Append a tag; each of the servers comes to say that nothing waits to be indexed."""
    archive = Archive(home)
    archive.append(f"tag/{name}", "TagDefined", {"name": name.title()})

    def fresh() -> bool:
        said = [each.ask("/api/v1/status").json() for each in servers]
        views = [view for each in said for view in each["views"]]
        return all(view["lag_events"] == 0 for view in views)

    until(fresh, lambda: "\n".join(each.log() for each in servers))
    assert archive.search(name, view="topics").total == 1


def following(home: Path) -> int | None:
    """The process that holds the log's subscription."""
    holder = subscription_holder(Archive(home).log.path, "follow")
    return holder.process if holder else None


def test_of_two_servers_one_follows_and_the_other_takes_over_when_it_is_killed(home: Path) -> None:
    with Running(home) as first, Running(home) as second:
        until(lambda: following(home), first.log)
        becomes_searchable(home, "whales", [first, second])
        killed = following(home)
        owner, other = (first, second) if killed == first.follower() else (second, first)
        assert killed == owner.follower()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        until(lambda: following(home) not in (None, killed), owner.log)
        becomes_searchable(home, "icebergs", [first, second])
        until(lambda: owner.follower() not in (None, killed), owner.log)
        if following(home) == other.follower():  # it usually is quicker than a new process
            assert "not following" in owner.log() or owner.follower() is not None
        followers = {first.follower(), second.follower()}
        assert following(home) in followers
        assert len(followers) == 2


def test_a_follower_that_cannot_follow_is_told_once_and_tried_after_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    process = FollowerProcess(str(tmp_path / "nothing"))
    reasons = ["no room", "no room", *["read-only"] * 6, "code -9"]

    def ends() -> str:
        if len(pauses) == len(reasons) - 1:
            process.stop()
        return reasons[len(pauses)]

    monkeypatch.setattr(process, "_run", ends)
    monkeypatch.setattr(process._watching, "join", lambda _: None)
    monkeypatch.setattr(process._stopped, "wait", lambda pause: pauses.append(pause) or False)
    process._watch()
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert [record.args for record in caplog.records] == [("no room",), ("read-only",)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_is_killed_leaves_no_process(home: Path, workers: str) -> None:
    with Running(home, "--workers", workers) as server:
        until(lambda: following(home), server.log)
        assert len(server.left()) >= 2
        server.kill()
        until(lambda: not server.left(), lambda: f"{server.left()} {server.log()}")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_at_once_and_cleanly(
    home: Path, workers: str, number: signal.Signals
) -> None:
    with Running(home, "--workers", workers) as server:
        until(lambda: following(home), server.log)
        until(lambda: server.log().count("startup complete") == int(workers), server.log)
        code, seconds = server.end(number)
        assert code == 0, server.log()
        assert seconds < 30, server.log()  # a stream or a step that held it would hold it for good
        until(lambda: not server.left(), lambda: str(server.left()))
        assert "Traceback" not in server.log()


def test_workers_answer_at_the_same_time_and_count_together(home: Path) -> None:
    with Running(home, "--workers", "2") as server:
        for _ in range(40):
            assert server.ask("/healthz").status_code == 200
        counted = server.ask("/metrics").text
        (line,) = [x for x in counted.splitlines() if 'route="/healthz",status="200"' in x]
        assert float(line.rpartition(" ")[2]) >= 40
        assert counted.count("# TYPE stet_requests_total counter") == 1


def test_a_port_that_is_in_use_is_said_in_one_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [STET, "serve", "--home", home, "--port", port], capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: port {port} of 127.0.0.1 is in use by another program; choose another with --port,"
        " or 0 for any that is free\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "tokens would travel in the open: give --tls-cert and --tls-key, or --behind-proxy"),
        (["--behind-proxy"], "nobody has a token; make one first: stet access add"),
        (["--tls-cert", "c.pem"], "--tls-cert and --tls-key go together"),
    ],
)
def test_another_address_needs_encryption_and_somebody_with_a_token(
    home: Path, options: list[str], told: str
) -> None:
    command = [STET, "serve", "--home", home, "--host", "0.0.0.0", "--port", "0", *options]  # noqa: S104
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("none.pem", "key.pem", "--tls-cert: cannot read none.pem: No such file or directory"),
        ("cert.pem", "none.pem", "--tls-key: cannot read none.pem: No such file or directory"),
        ("cert.pem", "other.pem", "--tls-cert cert.pem and --tls-key other.pem are no pair: give"),
        ("key.pem", "cert.pem", "--tls-cert key.pem and --tls-key cert.pem are no pair: give"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told_before_it_says_that_it_serves(
    home: Path, tmp_path: Path, certificate: str, key: str, told: str
) -> None:
    authority = trustme.CA()
    issued, other = (authority.issue_cert("127.0.0.1") for _ in range(2))
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    command = [STET, "serve", "--home", home, "--port", "0", "--tls-cert", certificate]
    done = subprocess.run(
        [*command, "--tls-key", key], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {told}")
    assert done.stdout == ""


def test_with_a_certificate_it_serves_https_and_the_session_never_travels_in_the_open(
    home: Path, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.private_key_pem.write_to_path(key)
    for each in issued.cert_chain_pems:
        each.write_to_path(certificate, append=True)
    secret = Access(home).add("ana", Role.operator)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with Running(home, *options) as server:
        assert server.url.startswith("https://")
        with httpx2.Client(verify=False) as client:
            answer = client.post(f"{server.url}/login", data={"token": secret})
        assert answer.status_code == 303
        assert "; Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert server.ask("/metrics").status_code == 401


def test_a_request_under_way_is_answered_before_the_server_ends(home: Path) -> None:
    with Running(home) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntoke"
        )
        time.sleep(0.3)
        ending = threading.Thread(target=server.end)
        ending.start()
        time.sleep(0.3)
        client.sendall(b"n=a")
        answered = client.recv(64)
        ending.join()
        assert answered.startswith(b"HTTP/1.1 403 ")
