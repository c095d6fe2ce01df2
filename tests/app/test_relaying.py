"""``stet relay`` as a person and a program use it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Archive
from newsroom import DOMAIN

STET = Path(sys.executable).parent / "stet"
NOWHERE = "127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    archive = Archive(tmp_path, DOMAIN)
    for name in ("sea", "sky"):
        archive.append(f"tag/{name}", "TagDefined", {"name": name.title()})
    return tmp_path


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    from kafka_server import TEST_TOPICS
    from relayed import topics_removed

    with topics_removed(kafka, f"{TEST_TOPICS}{uuid.uuid4().hex[:12]}") as name:
        yield name


def _start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [STET, "relay", *arguments, "--home", home],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(home: Path, *arguments: str) -> tuple[int, str, str]:
    with _start(home, *arguments) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--categories", "tags"), "there is no category 'tags', but article, byline"),
        (("--topic", "a b"), "'a b' is no name of a topic"),
    ],
)
def test_what_cannot_be_relayed_is_told(
    home: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = _run(home, *arguments, "--bootstrap", NOWHERE)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {message}")
    assert "Traceback" not in err


@pytest.mark.server
def test_a_log_is_relayed_once_and_then_what_is_new(home: Path, kafka: str, topic: str) -> None:
    from relayed import sequences

    options = ("--topic", topic, "--bootstrap", kafka, "--once")
    assert _run(home, *options) == (0, f"2 events sent to {topic}, through sequence 2\n", "")
    Archive(home, DOMAIN).append("tag/sea", "TagRevised", {"name": "Seas"})
    code, out, err = _run(home, *options, "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert told[-1] | {"rate": 0} == {
        "name": f"relay-{topic}",
        "positions": {topic: 3},
        "lag": 0,
        "rate": 0,
        "events": 1,
        "note": "",
    }
    assert sequences(kafka, topic) == [1, 2, 3]
    code, _, err = _run(home, *options, "--categories", "tag")
    assert code == 1
    assert err.startswith(f"error: topic {topic} was relayed with all categories")
    code, _, err = _run(home, "--topic", f"{topic}-2", "--bootstrap", kafka, "--from", "9")
    assert (code, err) == (
        1,
        "error: --from 9 is no sequence to begin at: give 1 to 4, or now\n",
    )


@pytest.mark.server
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_ends_when_it_is_told_to(
    home: Path, kafka: str, topic: str, stop: signal.Signals
) -> None:
    from relayed import sequences

    with _start(home, "--topic", topic, "--bootstrap", kafka, "--json") as running:
        assert running.stdout is not None
        first = next(line for line in running.stdout if json.loads(line)["positions"])
        assert json.loads(first)["name"] == f"relay-{topic}"
        Archive(home, DOMAIN).append("tag/sea", "TagRevised", {"name": "Seas"})
        next(line for line in running.stdout if json.loads(line)["positions"] == {topic: 3})
        running.send_signal(stop)
        running.communicate(timeout=60)
    assert running.returncode == 0
    assert sequences(kafka, topic) == [1, 2, 3]


@pytest.mark.slow
def test_a_relay_without_a_broker_says_so_and_ends_when_it_is_told_to(home: Path) -> None:
    with _start(home, "--bootstrap", NOWHERE) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=60)
    assert said.startswith(f"Kafka at {NOWHERE} does not answer")
    assert (running.returncode, out) == (0, "0 events sent to stet\n")
