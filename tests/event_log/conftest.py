"""A small domain with every type of field, and a log of it in a folder of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from stores import BUCKET, Network, environment, network, s3_server

from event_log import INSTANT, TEXT, Category, Effect, EventLog, EventType, NewEvent

THING = Category(
    "thing",
    pa.schema(
        [
            ("text", pa.string()),
            ("prose", TEXT),
            ("count", pa.int64()),
            ("ratio", pa.float64()),
            ("done", pa.bool_()),
            ("moment", INSTANT),
            ("day", pa.date32()),
            ("names", pa.list_(pa.string())),
            ("numbers", pa.list_(pa.int64())),
        ]
    ),
    (
        EventType("ThingMade", Effect.CREATES),
        EventType("ThingChanged", Effect.REVISES),
        EventType("ThingHidden", Effect.REMOVES),
        EventType("ThingShown", Effect.REINSTATES),
    ),
    annotations=pa.schema([("reason", pa.string()), ("votes", pa.list_(pa.int64()))]),
)
NOTE = Category(
    "note",
    pa.schema([("title", pa.string()), ("body", TEXT), ("kind", pa.string())]),
    (
        EventType("NoteWritten", Effect.CREATES, ("title",)),
        EventType("NoteEdited", Effect.REVISES),
    ),
)


class Domain:
    """Short ways to the events of this domain, for tests that are about something else."""

    categories = (THING, NOTE)

    def open(self, path: Path) -> EventLog:
        return EventLog(path, self.categories)

    def made(self, stream: str = "thing/1", **rest: object) -> NewEvent:
        return NewEvent(stream, "ThingMade", {"text": "a thing"}, **rest)

    def changed(self, stream: str = "thing/1", **rest: object) -> NewEvent:
        return NewEvent(stream, "ThingChanged", {"count": 1}, **rest)

    def written(self, stream: str = "note/1", **rest: object) -> NewEvent:
        return NewEvent(stream, "NoteWritten", {"title": "a note"}, **rest)


@pytest.fixture(scope="session")
def domain() -> Domain:
    return Domain()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(domain: Domain, path: Path) -> EventLog:
    return domain.open(path)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The endpoint of a real S3 server that lives as long as the tests."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_url(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A URL below which nothing is yet, with the environment that it needs."""
    for name, value in environment(s3, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def between(s3: str, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """The network before the server, which a test may let fail."""
    assert s3_url
    with network(s3) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.endpoint)
        yield found


@pytest.fixture(params=["local", "s3"])
def log_at(request: pytest.FixtureRequest, path: Path) -> str:
    """Where a log may lie, and nothing is yet: a folder, and a URL of an object store."""
    if request.param == "s3":
        return request.getfixturevalue("s3_url")
    return str(path)
