"""Damage of any file of a log is found by ``verify``, or is harmless: of a cache, made anew.

The log has everything that the format names: three schema versions, sealed files, a manifest that
was replaced, commits that were sealed and others, a producer, a subscription, and all caches.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import strategies as st
from sealed import small_spans
from tiers import given_in_tiers

from event_log import EventLog, EventLogError, NewEvent

MAKE = Path(__file__).parent / "fixtures" / "make.py"
spec = importlib.util.spec_from_file_location("grown", MAKE)
grown = importlib.util.module_from_spec(spec)
spec.loader.exec_module(grown)

KINDS = {
    "commit": "commits/*.parquet",
    "manifest": "sealed/_manifest-*.json",
    "sealed file": "sealed/category=*/month=*/*.parquet",
    "schema": "schemas/*.json",
    "checkpoint": "subscriptions/*.json",
    "index": "cache/index.sqlite",
    "run": "cache/index.runs/*.run",
    "upcast copy": "cache/upcast/*/*.parquet",
}
"""What the format names, beside what it says is to be ignored."""
IN_ALL = NewEvent("desk/late", "DeskSetUp", {"name": "Late"}, event_id="late")


def reports(first: int, count: int) -> list[NewEvent]:
    data = {"headline": "A Whale", "words": 9, "language": "en", "body": "It was seen.\n" * 9}
    return [
        NewEvent(f"report/{n}", "ReportFiled", data, event_id=f"id-{n}")
        for n in range(first, first + count)
    ]


def batch_of(log: EventLog, events: list[NewEvent]) -> Any:
    batch = log.batch()
    for event in events:
        batch.add(event)
    return batch


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Several spans and groups of few events."""
    with small_spans():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log, sealed twice; what was replaced by sealing is still there."""
    path = tmp_path_factory.mktemp("damage") / "log"
    grown.write(path, 2)
    grown.opened(path, 2).seal()
    grown.write_version(path, 3)
    log = grown.opened(path, 3)
    log.commit(batch_of(log, reports(0, 140)), positions={"feed": 7})
    log.seal()
    log.append(reports(140, 3))
    with log.subscribe("pages") as pages:
        assert len(list(pages.events(timeout=0))) == log.head
    log.append(reports(143, 2))
    log.at().files()
    for kind, pattern in KINDS.items():
        assert list(path.glob(pattern)), kind
    return path


def said_by(path: Path) -> dict[str, Any]:
    """All that the log says to one who opens it anew."""
    log = grown.opened(path, 3)
    snapshot = log.at()
    events = list(log.read())
    streams = sorted({event.stream for event in events})
    with log.subscribe("pages") as pages:
        left = [event.sequence for event in pages.events(timeout=0)]
    files = duckdb.execute(
        "SELECT sequence, stream, desk, report FROM read_parquet(?, union_by_name = true,"
        " hive_partitioning = false) ORDER BY sequence",
        [snapshot.files()],
    ).fetchall()
    repeated = log.append([reports(0, 1)[0], reports(142, 1)[0]])
    return {
        "events": events,
        "streams": {stream: log.stream(stream) for stream in streams[::20]},
        "versions": log.versions([*streams, "report/none"]),
        "known": log.known([*(event.event_id for event in events), "never"]),
        "position": log.position_of("feed"),
        "digest": snapshot.digest,
        "files": files,
        "left": left,
        "repeated": repeated,
    }


def gone_on(path: Path) -> dict[str, Any]:
    """What the log says after it was appended to and sealed."""
    log = grown.opened(path, 3)
    receipt = log.append([IN_ALL, NewEvent("report/1", "ReportAmended", {"words": 10})])
    assert receipt.added == 2
    log.seal(grace_seconds=0)
    log.seal(grace_seconds=0)
    said = grown.opened(path, 3).verify()
    return {"events": said.events, "versions": log.versions(["desk/late", "report/1"])}


@pytest.fixture(scope="module")
def expected(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the log says undamaged."""
    first = shutil.copytree(whole, tmp_path_factory.mktemp("first") / "log")
    return {"said": said_by(first), "gone on": gone_on(first)}


def flipped(content: bytearray, place: int, by: int) -> bytes:
    content[place] ^= 1 << by % 8
    return bytes(content)


def replaced(content: bytearray, place: int, by: int) -> bytes:
    content[place] = by
    return bytes(content)


def zeroed(content: bytearray, place: int, by: int) -> bytes:
    content[place : place + by + 1] = bytes(len(content[place : place + by + 1]))
    return bytes(content)


def cut(content: bytearray, place: int, _: int) -> bytes:
    return bytes(content[:place])


def cut_out(content: bytearray, place: int, by: int) -> bytes:
    return bytes(content[:place] + content[place + by + 1 :])


def put_in(content: bytearray, place: int, by: int) -> bytes:
    return bytes(content[:place]) + bytes([by]) + bytes(content[place:])


def garbage(_: bytearray, place: int, by: int) -> bytes:
    return random.Random(by).randbytes(place)


DAMAGES: list[Callable[[bytearray, int, int], bytes]] = [
    flipped, replaced, zeroed, cut, cut_out, put_in, garbage,
]  # fmt: skip
PLACES = st.floats(0, 1, exclude_max=True)


def is_found_or_harmless(path: Path, expected: dict[str, Any]) -> None:
    try:
        grown.opened(path, 3).verify()
    except EventLogError:
        return
    said = said_by(path)
    assert [name for name in said if said[name] != expected["said"][name]] == []
    assert gone_on(path) == expected["gone on"]


@given_in_tiers(
    10, 100, st.sampled_from([*KINDS]), st.sampled_from(DAMAGES),
    st.randoms(use_true_random=False), PLACES, st.integers(0, 255),
)  # fmt: skip
def test_damage_of_a_file_is_found_or_harmless(
    whole, expected, tmp_path_factory, kind, damage, chance, place, by
):
    path = shutil.copytree(whole, tmp_path_factory.mktemp("damaged") / "log")
    file = chance.choice(sorted(path.glob(KINDS[kind])))
    content = file.read_bytes()
    damaged = damage(bytearray(content), int(place * len(content)), by)
    file.write_bytes(damaged)
    is_found_or_harmless(path, expected)
    shutil.rmtree(path.parent)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "checkpoint"])
def test_a_file_that_is_gone_is_found_or_harmless(whole, expected, tmp_path, kind) -> None:
    """But for a checkpoint, which is reset so, and the last commit, which a witness is for."""
    names = sorted(whole.glob(KINDS[kind]))
    for number, name in enumerate(names[:-1] if kind == "commit" else names):
        path = shutil.copytree(whole, tmp_path / str(number))
        (path / name.relative_to(whole)).unlink()
        is_found_or_harmless(path, expected)
