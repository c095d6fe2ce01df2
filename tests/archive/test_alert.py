"""Who is to be told of a failure is told, by a command of their own, or it is logged why not."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import alert


def command(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setenv("STET_ALERT_COMMAND", f"{sys.executable} -c '{code}'")


def test_the_command_gets_one_json_object_on_its_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told with a space.json"
    command(monkeypatch, f'import sys; open("{told}", "w").write(sys.stdin.read())')
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert alert.send_alert("catch_up", "4f3a", "away:\n  it is “away”", "index/articles", moment)
    assert json.loads(told.read_text()) == {
        "job": "catch_up",
        "run": "4f3a",
        "what": "away: it is “away”",
        "where": "index/articles",
        "when": "2026-11-25T12:00:00Z",
    }


def test_no_shell_reads_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched = tmp_path / "touched"
    monkeypatch.setenv("STET_ALERT_COMMAND", f"true; touch {touched}")
    assert not alert.send_alert("catch_up", "1", "away", "articles")
    monkeypatch.setenv("STET_ALERT_COMMAND", f"true $(touch {touched})")
    assert alert.send_alert("catch_up", "1", "away", "articles")
    assert not touched.exists()


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("/nowhere/tell", "No such file or directory: '/nowhere/tell'"),
        ("tell 'unfinished", "No closing quotation"),
        ("sh -c 'echo no mail here >&2; exit 3'", "exit code 3: no mail here"),
    ],
)
def test_a_command_that_fails_is_logged_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, said: str, logged: str
) -> None:
    monkeypatch.setenv("STET_ALERT_COMMAND", said)
    with caplog.at_level(logging.WARNING):
        assert not alert.send_alert("catch_up", "1", "away", "articles")
    assert logged in caplog.text
    assert "STET_ALERT_COMMAND did not take the alert of catch_up" in caplog.text


def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    touched = tmp_path / "touched"
    monkeypatch.setattr(alert, "SECONDS", 0.3)
    monkeypatch.setenv("STET_ALERT_COMMAND", f"sh -c '(sleep 1; touch {touched}) & sleep 60'")
    began = time.monotonic()
    assert not alert.send_alert("catch_up", "1", "away", "articles")
    assert time.monotonic() - began < 30
    assert "took longer than 0.3 s" in caplog.text
    time.sleep(1.2)
    assert not touched.exists()


def test_a_command_that_does_not_read_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STET_ALERT_COMMAND", "true")
    assert alert.send_alert("catch_up", "1", "x" * 500_000, "articles")
