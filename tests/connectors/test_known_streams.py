"""What a connector knows of streams: the fields only until they are in the log."""

from __future__ import annotations

from pathlib import Path

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
