"""How connectors and relays do is said in one place: `stet status`, `/metrics`, Dagster read it."""

from __future__ import annotations

import threading
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive
from connectors.capture.source import Partition
from connectors.standing import Standing, hold, say, standings, standings_now


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    return archive


def test_a_file_that_says_nothing_is_left_out(archive: Archive) -> None:
    folder = archive.folder / "connect"
    folder.mkdir()
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text("[1]")
    (folder / "newer.json").write_bytes(
        orjson.dumps({"name": "newer", "direction": "connect", "others": "x", "unheard_of": 1})
    )
    assert [each.name for each in standings(archive.folder)] == ["newer"]


def test_status_shows_each_connector_and_relay(archive: Archive) -> None:
    say(
        archive.folder,
        Standing("cms", "connect", "cms", {"cms, partition 0": 1_234}, None, 7.0, 3, 2),
    )
    say(archive.folder, Standing("events", "relay", "stet", {"stet": 0}))
    held = hold(archive.folder, "events")
    shown = CliRunner().invoke(cli, ["status", "--home", str(archive.folder)])
    held.release()
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line.strip()}
    assert "1,234" in lines["cms"]
    assert "unknown" in lines["cms"]
    assert lines["cms"].split()[-1] == "no"
    assert lines["events"].split()[-1] == "yes"
    told = CliRunner().invoke(cli, ["status", "--json", "--home", str(archive.folder)])
    cms, events = orjson.loads(told.stdout)["connectors"]
    assert (cms["name"], cms["lag"], cms["dead_letters"], cms["running"]) == ("cms", None, 2, False)
    assert (events["direction"], events["lag"]) == ("relay", 1)
    assert "asking" not in cms


def test_a_relay_that_does_not_run_is_behind_the_head(archive: Archive) -> None:
    say(archive.folder, Standing("events", "relay", "stet", {"stet": 0}, lag=0, rate=9.0, note="x"))
    [relay] = standings_now(archive.folder, archive.log)
    assert (relay.lag, relay.rate, relay.note) == (1, 0.0, "")


def test_a_broker_that_does_not_answer_leaves_the_lag_unknown(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.standing.ASK_SECONDS", 0.2)
    partition = Partition("cms", "ID", 0)
    asking = {"kafka": {"bootstrap.servers": "127.0.0.1:1"}, "partitions": [[*partition]]}
    say(archive.folder, Standing("cms", "connect", "cms", {"cms": 7}, lag=3, asking=asking))
    monkeypatch.delenv("STET_KAFKA", raising=False)
    [connector] = standings_now(archive.folder, archive.log)
    assert connector.lag is None


def test_what_is_said_is_whole_at_any_moment(archive: Archive) -> None:
    ending = threading.Event()

    def keep_saying() -> None:
        while not ending.is_set():
            say(archive.folder, Standing("cms", "connect", "c" * 5_000))

    say(archive.folder, Standing("cms", "connect", "c" * 5_000))
    thread = threading.Thread(target=keep_saying)
    thread.start()
    try:
        for _ in range(200):
            assert len(standings(archive.folder)) == 1
    finally:
        ending.set()
        thread.join()


@pytest.mark.server
def test_the_lag_of_a_connector_that_does_not_run_is_asked_of_its_broker(
    archive: Archive, kafka: str, own_topic: object
) -> None:
    from confluent_kafka import Producer

    from connectors.kafka.source import KafkaSource

    topic = own_topic()  # type: ignore[operator]
    producer = Producer({"bootstrap.servers": kafka})
    for _ in range(5):
        producer.produce(topic, b"x")
    producer.flush(10)
    given = {"bootstrap.servers": kafka}
    source = KafkaSource([topic], "test", given)
    [partition] = source.partitions()
    source.close()
    archive.log.commit(archive.log.batch(), positions={partition.producer: 2})
    asking = {"kafka": given, "partitions": [[*partition]]}
    say(archive.folder, Standing("cms", "connect", topic, {topic: 2}, asking=asking))
    [connector] = standings_now(archive.folder, archive.log)
    assert connector.lag == 3
