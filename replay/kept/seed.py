"""Seeding: making the kept state from the log, as of one sequence."""

from __future__ import annotations

import json
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from event_log import durable_rename
from replay.builds import parquet
from replay.builds.folder import state_folder
from replay.duckdb_errors import too_little
from replay.errors import NotWritten
from replay.kept import state as kept
from replay.kept.state import Kept
from replay.state import State

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from event_log import Snapshot
    from replay.domain import References

GROUP_LINES = 61_440
"""Half of DuckDB's default: two threads share a table better, and less is read for one line."""


def make_kept_state(
    path: Path,
    snapshot: Snapshot,
    references: References,
    memory_limit: str | None = None,
    builds: Path | None = None,
) -> Kept:
    """Make the kept state as of a snapshot from the log, replacing the file at ``path``.

    If a build of the same snapshot has folded the entities, they are used again. ``builds`` is the
    folder of builds, by default that of the file. The file appears when it is whole.
    """
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            state_folder(builds or path.parent, snapshot) as folder,
            State(snapshot, folder, memory_limit=memory_limit) as state,
        ):
            _fill(state, unfinished, references)
        durable_rename(unfinished, path)
    except OSError as error:
        raise NotWritten(f"cannot write {path}: {too_little(error)}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Kept(path, snapshot.registry, memory_limit)


def _by_id(state: State, category: str) -> ir.Table:
    return state.entities(category).order_by("id")


def _fill(state: State, path: Path, references: References) -> None:
    run = state.backend.raw_sql
    run(
        f"ATTACH '{parquet.quoted(path)}' AS kept"
        f" (STORAGE_VERSION 'latest', ROW_GROUP_SIZE {GROUP_LINES})"
    )
    for name in state.registry:
        entities = state.sql(("seed", name), partial(_by_id, state, name))
        run(f"CREATE TABLE kept.{kept.entity_table(name)} AS {kept.hashed(f'({entities})')}")
    for category, field in kept.texts(state.registry):
        last = state.entities(category).select(sequence=f"{field}_sequence")
        # In the log's order, nearly by sequence: to sort texts DuckDB needs more than its memory.
        text = state.text(category, field).semi_join(last, "sequence")
        table = kept.text_table(category, field)
        run(f"CREATE TABLE kept.{table} AS {state.backend.compile(text)}")
    tables = {name: f"kept.{kept.entity_table(name)}" for name in state.registry}
    pairs = kept.pairs(tables, state.registry, references)
    for table, side in kept.SIDES.items():
        run(f"CREATE TABLE kept.{table} AS {pairs} ORDER BY {side}, source, target")
    run(
        "CREATE TABLE kept.followed"
        " (view VARCHAR, generation BIGINT, engine VARCHAR, code_version BIGINT)"
    )
    run("CREATE TABLE kept.about (said VARCHAR)")
    metadata = {
        "identity": kept.identity(state.registry, references),
        "sequence": state.snapshot.sequence,
        "digest": state.snapshot.digest,
        "upcast": state.snapshot.upcast_digest,
        "pending": None,
    }
    state.backend.con.execute("INSERT INTO kept.about VALUES (?)", [json.dumps(metadata)])
    run("DETACH kept")
