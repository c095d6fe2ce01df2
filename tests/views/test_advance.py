"""The law: catching up in any steps gives what a rebuild from zero gives, state and documents."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from histories import REGISTRY, histories, slowly, told
from hypothesis import given, settings
from hypothesis import strategies as st

from event_log import EventLog
from newsroom.categories import REFERENCES
from views import VIEW_NAMES, VIEWS, digests, seeding
from views.advance import Advance
from views.kept import Kept, entity_table
from views.lineage import completed
from views.state import State


class Indexes:
    """What engines would hold: documents by view and id, brought forward by a kept state."""

    def __init__(self, log: EventLog, begin: int) -> None:
        self.log = log
        self.folder = Path(tempfile.mkdtemp())
        self.kept: Kept = seeding.seeded(self.folder / "state.duckdb", log.at(begin), REFERENCES)
        self.documents: dict[str, dict[str, Any]] = {}
        self.written = 0
        with State(log.at(begin)) as state:
            for name in VIEW_NAMES:
                path = self.folder / f"{name}.parquet"
                pq.write_table(completed(VIEWS[name], state).to_pyarrow(), path)
                digests.keep(self.kept, name, path, digest(pq.read_schema(path)))
                self.documents[name] = {d["id"]: d for d in pq.read_table(path).to_pylist()}
        self.advance = self.anew()

    def anew(self) -> Advance:
        return Advance(self.kept, VIEWS, REFERENCES, digest)

    def restart(self) -> None:
        self.kept.close()
        self.kept = Kept(self.kept.path, REGISTRY)
        self.advance = self.anew()

    def step(self, until: int, fail: bool = False) -> None:
        with self.advance.step(self.log, until, VIEW_NAMES) as step:
            made = step.made(VIEW_NAMES, self.folder)
            for name, changed in made.items():
                documents = pq.read_table(changed.documents).to_pylist()
                assert len(documents) == changed.written
                assert changed.touched == changed.computed + len(changed.gone) or changed.touched
                self.written += changed.written
                self.documents[name].update({d["id"]: d for d in documents})
                for key in changed.gone:
                    self.documents[name].pop(key, None)  # the step may be repeated
            if fail:
                raise Killed

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            name: self.kept.connection.execute(
                f"SELECT * EXCLUDE (live), live FROM {entity_table(name)} ORDER BY id"
            ).fetchall()
            for name in REGISTRY
        }


class Killed(Exception):
    """The engine has it, and the state does not."""


def digest(schema: Any) -> str:
    return f"sha256(struct_pack({', '.join(schema.names)})::VARCHAR)"


def rebuilt(log: EventLog, at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    with State(log.at(at)) as state:
        documents = {
            name: {d["id"]: d for d in completed(VIEWS[name], state).to_pyarrow().to_pylist()}
            for name in VIEW_NAMES
        }
        run = state.backend.con.execute
        entities = {}
        for name in REGISTRY:
            state.entities(name)
            path = state.directory / f"{name}.parquet"
            query = f"SELECT * EXCLUDE (live), live FROM '{path}' ORDER BY id"
            entities[name] = run(query).fetchall()
    return entities, documents


@settings(slowly, max_examples=6)
@given(histories(), st.data())
def test_catching_up_in_any_steps_equals_rebuilding_from_zero(events, data):
    log = told(events)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=5)) | {0, len(events)})
    indexes = Indexes(log, cuts[0])
    for cut in cuts[1:]:
        if data.draw(st.booleans()):
            with pytest.raises(Killed):
                indexes.step(cut, fail=True)
        if data.draw(st.booleans()):
            indexes.restart()
        indexes.step(cut)
    entities, documents = rebuilt(log, len(events))
    assert indexes.state() == entities
    for name in VIEW_NAMES:
        assert indexes.documents[name] == documents[name]
    again = Indexes(log, len(events))
    for table in ("named_by", "names"):
        query = f"SELECT source, target FROM {table} ORDER BY ALL"
        mine, fresh = (x.kept.connection.execute(query).fetchall() for x in (indexes, again))
        assert mine == fresh
