"""The tail of the index: the ids and streams of the last events, unhashed, in its database."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from event_log.checking.one_event import possible
from event_log.index.run_set import Columns

EVENTS = 16_384
"""The most events in the tail: writing this many as a run takes about 50 ms."""
MANY = 1_000
"""From this many names on the whole tail is compared with them, instead of looking up each."""
KNOWN = "SELECT event_id, sequence FROM json_each(?) JOIN ids ON event_id = value"
VERSIONS = """
SELECT * FROM (
    SELECT value, (SELECT max(version) FROM streams WHERE stream = value) AS version
    FROM json_each(?)
) WHERE version IS NOT NULL
"""
Entries = tuple[list[tuple[int, str]], list[tuple[int, str, int]], dict[str, int]]
"""Sequence and id, and sequence, stream and version, of events in order; producers' positions."""
SEQUENCES = "SELECT sequence FROM streams WHERE stream = ? ORDER BY version"


def add(connection: sqlite3.Connection, batches: Sequence[pa.RecordBatch]) -> None:
    """Add events; raises ``IntegrityError`` when an id or a version exists already."""
    for batch in batches:
        sequences, ids, streams, versions = (
            batch.column(name).to_pylist() for name in ("sequence", "event_id", "stream", "version")
        )
        connection.executemany("INSERT INTO ids VALUES (?, ?)", zip(ids, sequences, strict=True))
        connection.executemany(
            "INSERT INTO streams VALUES (?, ?, ?)", zip(streams, versions, sequences, strict=True)
        )


def copy(connection: sqlite3.Connection, columns: Columns) -> None:
    """Add all of the tail to the columns of a run."""
    ids = connection.execute("SELECT event_id, sequence FROM ids").fetchall()
    streams = connection.execute("SELECT stream, version, sequence FROM streams").fetchall()
    if ids and streams:
        event_ids, sequences = zip(*ids, strict=True)
        columns.add_ids(pa.array(sequences, pa.int64()), pa.array(event_ids, pa.string()))
        names, versions, sequences = zip(*streams, strict=True)
        columns.add_streams(
            pa.array(sequences, pa.int64()),
            pa.array(names, pa.string()),
            pa.array(versions, pa.int64()),
        )


def entries(connection: sqlite3.Connection) -> Entries:
    """Return all of the tail, and the positions of producers."""
    ids = connection.execute("SELECT sequence, event_id FROM ids ORDER BY sequence, event_id")
    streams = connection.execute("SELECT sequence, stream, version FROM streams ORDER BY 1, 2, 3")
    producers = connection.execute("SELECT name, position FROM producers")
    return ids.fetchall(), streams.fetchall(), dict(producers.fetchall())


def clear(connection: sqlite3.Connection) -> None:
    """Delete the tail's entries, which are in a run now."""
    connection.execute("DELETE FROM ids")
    connection.execute("DELETE FROM streams")


def known(connection: sqlite3.Connection, event_ids: pa.Array) -> dict[str, int]:
    """Return the sequences of those ids that are in the tail."""
    if len(event_ids) < MANY:
        return _each(connection, KNOWN, event_ids)
    entries = connection.execute("SELECT event_id, sequence FROM ids").fetchall()
    return _among(entries, event_ids)


def versions(connection: sqlite3.Connection, streams: pa.Array) -> dict[str, int]:
    """Return the last version of those streams that are in the tail."""
    if len(streams) < MANY:
        return _each(connection, VERSIONS, streams)
    entries = connection.execute("SELECT stream, max(version) FROM streams GROUP BY stream")
    return _among(entries.fetchall(), streams)


def sequences(connection: sqlite3.Connection, stream: str) -> list[int]:
    """Return the sequences of a stream in the tail, by version."""
    return [sequence for (sequence,) in connection.execute(SEQUENCES, (stream,))]


def _each(connection: sqlite3.Connection, query: str, names: pa.Array) -> dict[str, int]:
    if not len(names):
        return {}
    return dict(connection.execute(query, (json.dumps(possible(names.to_pylist())),)))


def _among(entries: list[tuple[str, int]], names: pa.Array) -> dict[str, int]:
    if not entries:
        return {}
    wanted = pc.is_in(pa.array([name for name, _ in entries], names.type), names).to_pylist()
    return dict(itertools.compress(entries, wanted))
