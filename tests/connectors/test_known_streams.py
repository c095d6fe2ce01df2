"""What a connector knows of streams: the fields only until they are in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.capture.known import KnownStreams
from connectors.mapping.translation import Known
from event_log import EventLog, NewEvent
from newsroom.categories import CATEGORIES


def test_fields_are_forgotten_once_they_are_in_the_log_and_looked_up_again(tmp_path: Path) -> None:
    """A connector that runs for months would keep the text of all that it ever saw."""
    log = EventLog(tmp_path / "log", CATEGORIES)
    known = KnownStreams(log)
    known["tag/sea"] = Known(True, {"name": "Sea"})
    known.appended(log.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea"})]))
    assert known["tag/sea"] == Known(True)
    known.look_up(["tag/sea"], fields=True)
    assert known["tag/sea"] == Known(True, {"name": "Sea"})
    known.appended(log.append([NewEvent("tag/sand", "TagDefined", {"name": "Sand"})]))
    assert known["tag/sea"] == Known(True)


def test_what_a_round_knows_stays_until_it_ends_however_much_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked up with its fields, or changed, would else be known less, or not at all."""
    monkeypatch.setattr("connectors.capture.known.MOST", 2)
    log = EventLog(tmp_path / "log", CATEGORIES)
    names = ["tag/dune", "tag/sand", "tag/sea"]
    log.append([NewEvent(name, "TagDefined", {"name": "Sea"}) for name in names])
    known = KnownStreams(log)
    known.catch_up()
    known.look_up(names, fields=True)
    known["tag/wave"] = Known(True, {"name": "Wave"})
    known.look_up(["tag/wind"])
    assert (known.get("tag/wind"), len(known)) == (None, 4)
    assert known["tag/sea"] == Known(True, {"name": "Sea"})
    known.catch_up()
    assert len(known) == 0
