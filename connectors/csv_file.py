"""Import CSV files by a mapping: each line is a line of a table, as in a snapshot."""

from __future__ import annotations

from collections.abc import Callable

from connectors.jsonlines import Imported, OnError
from connectors.mapping.declared import Mapping
from event_log import EventLog


def import_csv(
    log: EventLog,
    path: str,
    mapping: Mapping,
    on_error: OnError = "stop",
    progress: Callable[[int, int, int | None], None] | None = None,
    source: str | None = None,
    rejects: str | None = None,
    table: str | None = None,
) -> Imported:
    """Import a CSV file (``.csv``, ``.gz``, ``.zst``, or ``-`` for standard input) into a log.

    The file's name without folder and suffix is the name of the mapping's ``table``, unless that is
    given or the mapping has only one. Delimiter and encoding are the mapping's ``csv``.

    Raises ``InvalidMapping``, ``UnreadableFile``, ``BadLine`` and what ``import_events`` raises.
    """
    raise NotImplementedError
