"""A disk that is full, as a limit of what a file may have: it is told with the path, and no more.

``RLIMIT_FSIZE`` refuses a write in the middle of a file, as a full disk does.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from captured_cms import Cms, article, author, wrote

from connectors import import_events
from connectors.capture.snapshots import _append
from connectors.errors import ConnectorError, Unwritable
from event_log import EventLog, EventLogError, StoreError
from newsroom import DOMAIN


@contextmanager
def limit(most: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def told_of(folder: Path, run: Callable[[], object]) -> None:
    """Run something for which there may be no room: then a file of the folder is named."""
    try:
        run()
    except (ConnectorError, EventLogError) as error:
        message = str(error)
    else:
        return
    assert str(folder) in message
    assert "Errno" not in message


def lines(count: int) -> list[tuple[str, str, Any, Any]]:
    return [("c", *author(n, f"Ana {n * 7919:x}" * 20)) for n in range(count)]


@pytest.mark.parametrize("most", [0, 1, 500, 5_000, 40_000, 80_000, 150_000, 300_000])
def test_a_connector_says_which_file_and_goes_on_when_there_is_room(
    most: int, tmp_path: Path
) -> None:
    cms = Cms(tmp_path)
    cms.mapping_text += "  odd: {stream: 'tag/{id}', unknown: dead_letter}\n"
    cms.connector()  # its mapping is written before the disk is full
    for _ in range(2):
        cms.tables.transaction(*lines(300), ("c", *article(1)), ("c", *wrote(1, 1)))
        cms.tables.transaction(("c", "odd", {"id": 1}, {"id": 1, "name": "Sea", "new": "x" * 900}))
        cms.tables.snapshot(author(2), author(3))
        connector = cms.connector()
        for _ in range(2):
            with limit(most):
                told_of(tmp_path, partial(connector.run, cms.told.append, until_end=True))
        for path in tmp_path.rglob("*"):
            assert not path.name.startswith(".cms.json"), "a half-written file was left"
    cms.connect()
    assert len({event[0] for event in cms.events() if event[1] == "BylineRegistered"}) == 300
    assert cms.fields("article/1")["byline_ids"] == ["byline/1"]
    assert len(cms.connector().letters()) == 2
    found = (cms.folder / "connect" / "cms.missing.jsonl").read_bytes().splitlines()
    assert all(orjson.loads(line)["table"] for line in found)


def test_that_the_log_is_full_is_not_hidden_by_what_the_connector_says_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms = Cms(tmp_path)
    cms.tables.transaction(("c", *article(1)))
    cms.connect()
    cms.tables.transaction(("c", *article(2)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    commit = EventLog.commit

    def fills(log: EventLog, *given: Any, **named: Any) -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        return commit(log, *given, **named)

    monkeypatch.setattr(EventLog, "commit", fills)
    try:
        with pytest.raises(StoreError, match=r"log/commits/.*Nothing was appended"):
            cms.connect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "connect").glob(".*")), "a half-written file was left"
    monkeypatch.undo()
    cms.connect()
    assert cms.fields("article/2")


@pytest.mark.parametrize("most", [0, 1, 500, 20_000, 200_000])
@pytest.mark.parametrize("on_error", ["stop", "reject"])
def test_an_import_says_which_file_and_goes_on_when_there_is_room(
    on_error: Any, most: int, tmp_path: Path
) -> None:
    source = tmp_path / "tags.jsonl"
    events = [
        {"stream": f"tag/{n}", "type": "TagDefined", "data": {"name": f"{n * 7919:x}" * 20}}
        for n in range(3_000)
    ]
    bad = [{**event, "type": "None"} for event in events[:200]] if on_error == "reject" else []
    source.write_bytes(b"\n".join(map(orjson.dumps, [*events, *bad])))
    log = EventLog(tmp_path / "log", DOMAIN.categories)
    with limit(most):
        told_of(tmp_path, lambda: import_events(log, str(source), on_error))
    assert log.head in (0, len(events))
    done = import_events(log, str(source), on_error)
    assert (log.head, done.rejected) == (len(events), len(bad))
    if bad:
        rejected = Path(str(done.rejected_file)).read_bytes().splitlines()
        assert [orjson.loads(line)["line"] for line in rejected] == [*range(3_001, 3_201)]


def test_lines_are_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "cms.missing.jsonl"
    _append(path, b"first\n")
    with limit(9), pytest.raises(Unwritable, match=r"cms\.missing\.jsonl: no file may grow"):
        _append(path, b"second\n")
    assert path.read_bytes() == b"first\n"
