"""The subscriber's database: position, what waits, the outbox; the team's model stands beside them.

All tables whose name begins with ``subscriber_`` are kept here, and all others are the model's. One
transaction moves the position and changes the model.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.subscriber.errors import OtherModel
from connectors.subscriber.message import Message, Outgoing, SideEffect, derived_id
from connectors.subscriber.transport import Mark

Mended = Mapping[int, tuple[Mapping[str, Any] | None, int]]
OWN = "subscriber_"
BUSY_SECONDS = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriber_model (tables TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS subscriber_position (
    partition INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, event_id TEXT NOT NULL,
    topic_id TEXT NOT NULL, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS subscriber_waiting (
    sequence INTEGER PRIMARY KEY, stream TEXT NOT NULL, message TEXT NOT NULL,
    reason TEXT NOT NULL, again INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS subscriber_waiting_stream ON subscriber_waiting (stream, sequence);
CREATE TABLE IF NOT EXISTS subscriber_mended (
    sequence INTEGER PRIMARY KEY, data TEXT, schema_version INTEGER, why TEXT NOT NULL,
    mended_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS subscriber_left_out (reason TEXT NOT NULL, told_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS subscriber_outbox (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, data TEXT NOT NULL, sequence INTEGER NOT NULL,
    event_id TEXT NOT NULL, stream TEXT NOT NULL, correlation_id TEXT,
    tries INTEGER NOT NULL DEFAULT 0, reason TEXT, delivered_at TEXT);
CREATE INDEX IF NOT EXISTS subscriber_outbox_left ON subscriber_outbox (sequence)
    WHERE delivered_at IS NULL;
"""
OWN_TABLES = set(re.findall(r"TABLE IF NOT EXISTS (\w+)", SCHEMA))
DENIED = {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_ATTACH}
"""What the team's function may not do: it would part the model from the position."""
WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
OF_A_TABLE = {sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_CREATE_TRIGGER}
"""What names the table that it changes second."""


class Database:
    """One SQLite file with a model and all that its subscriber has to remember."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it if it is not there; raises ``OtherModel`` for another's."""
        self.path = path
        # every statement is in a transaction that is begun here, none that the driver begins
        self.connection = sqlite3.connect(path, BUSY_SECONDS, isolation_level=None)
        self._of_team = False
        try:
            self._open()
        except BaseException:
            self.connection.close()
            raise
        self.connection.set_authorizer(self._authorized)

    def _open(self) -> None:
        """Make the tables that are kept here; who only reads writes nothing, and waits for none."""
        try:
            there = {name for _, name in self._tables()}
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
            raise OtherModel(f"{self.path} is no SQLite file; take another file") from None
        if there and "subscriber_model" not in there:
            raise OtherModel(
                f"{self.path} is another program's database, with {', '.join(sorted(there))}; take"
                " another file"
            )
        self.connection.execute("PRAGMA journal_mode = WAL")
        # a commit that a power cut takes back takes back model and position alike
        self.connection.execute("PRAGMA synchronous = NORMAL")
        if not there >= OWN_TABLES:
            with self.transaction():
                self._run(SCHEMA)

    def _tables(self) -> list[tuple[str, str]]:
        """The kind and the name of each table and view; of a virtual table not its own tables."""
        found = self.connection.execute("PRAGMA main.table_list")
        kinds = {name: kind for _, name, kind, *_ in found if not name.startswith("sqlite_")}
        return [(kind, name) for name, kind in kinds.items() if kind != "shadow"]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction: all of it, or nothing when an error passes."""
        self.connection.execute("BEGIN IMMEDIATE /* subscriber */")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # SQLite itself takes all back when the disk is full
                self.connection.execute("ROLLBACK /* subscriber */")
            raise
        self.connection.execute("COMMIT /* subscriber */")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, which SQLite ends itself when the disk is full."""
        return self.connection.in_transaction

    @contextmanager
    def attempt(self) -> Iterator[sqlite3.Connection]:
        """A part of a transaction in which the team's function works; undone when it raises."""
        self.connection.execute("SAVEPOINT attempt /* subscriber */")
        self._of_team = True
        try:
            yield self.connection
        except BaseException:
            self._of_team = False
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO attempt /* subscriber */")
            raise
        finally:
            self._of_team = False
            self.connection.row_factory, self.connection.text_factory = None, str
        self.connection.execute("RELEASE attempt /* subscriber */")

    def _authorized(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        if not self._of_team:
            return sqlite3.SQLITE_OK
        table = first if action in WRITES else second if action in OF_A_TABLE else None
        own = table is not None and table.startswith(OWN)
        return sqlite3.SQLITE_DENY if own or action in DENIED else sqlite3.SQLITE_OK

    def _run(self, script: str) -> None:
        """Run a script within a transaction, which ``executescript`` would end."""
        statement = ""
        for part in script.split(";"):
            statement += part + ";"
            if sqlite3.complete_statement(statement):
                self.connection.execute(statement)
                statement = ""
        if statement:  # a comment behind the last one, or what is not finished, which is an error
            self.connection.execute(statement)

    # the model

    def make_model(self, tables: str) -> None:
        """Make the model's tables, unless they are there; raises ``OtherModel`` for others."""
        made = self.connection.execute("SELECT tables FROM subscriber_model").fetchone()
        if made is None:
            with self.transaction():
                self._run(tables)
                self.connection.execute("INSERT INTO subscriber_model VALUES (?)", (tables,))
        elif made[0] != tables:
            raise OtherModel(
                f"{self.path}: the model was made with other tables, by another subscriber or an"
                " earlier program; take another file, or call reset(), and it is made anew from the"
                " first event"
            )

    def forget_model(self) -> None:
        """Drop the model, the position and what waits; keep the outbox and what was mended."""
        with self.transaction():
            for kind, name in sorted(self._tables(), reverse=True):  # views, virtual tables, tables
                if not name.startswith(OWN):
                    sort = "VIEW" if kind == "view" else "TABLE"
                    self.connection.execute(f'DROP {sort} "{name.replace(chr(34), chr(34) * 2)}"')
            for table in ("model", "position", "waiting"):
                self.connection.execute(f"DELETE FROM {OWN}{table}")

    # the position

    def marks(self) -> dict[int, Mark]:
        """The marks of all partitions."""
        found = self.connection.execute(
            "SELECT partition, sequence, event_id, topic_id, next_offset FROM subscriber_position"
        )
        return {partition: Mark(*rest) for partition, *rest in found}

    def keep_marks(self, marks: dict[int, Mark]) -> None:
        """Put these marks in the place of those that there are."""
        self.connection.execute("DELETE FROM subscriber_position")
        self.connection.executemany(
            "INSERT INTO subscriber_position VALUES (?, ?, ?, ?, ?)",
            [(p, m.sequence, m.event_id, m.topic_id, m.offset) for p, m in marks.items()],
        )

    # what waits

    def set_aside(self, message: Message, reason: str) -> None:
        """Let a message wait, with the reason; the later ones of its stream wait for it."""
        self.connection.execute(
            "INSERT INTO subscriber_waiting (sequence, stream, message, reason) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET reason = excluded.reason, again = 0",
            (message.sequence, message.stream, message.to_json(), reason),
        )

    def first_waiting(self, stream: str) -> int | None:
        """The sequence of the first message of a stream that waits."""
        found = self.connection.execute(
            "SELECT min(sequence) FROM subscriber_waiting WHERE stream = ?", (stream,)
        ).fetchone()[0]
        return None if found is None else int(found)

    def waiting(self) -> list[tuple[Message, str]]:
        """All that waits, with the reasons, oldest first."""
        found = self.connection.execute(
            "SELECT message, reason FROM subscriber_waiting ORDER BY sequence"
        )
        return [(Message.from_json(text), reason) for text, reason in found]

    def done(self, message: Message) -> None:
        """Let a message wait no longer."""
        self.connection.execute(
            "DELETE FROM subscriber_waiting WHERE sequence = ?", (message.sequence,)
        )

    def ask_again(self) -> None:
        """Ask the subscriber that runs, or the next one, to try what waits."""
        self.connection.execute("UPDATE subscriber_waiting SET again = 1")

    def asked_again(self) -> bool:
        """Whether somebody has asked to try what waits."""
        found = self.connection.execute("SELECT 1 FROM subscriber_waiting WHERE again LIMIT 1")
        return found.fetchone() is not None

    def leave_out(self, reason: str) -> None:
        """Note a message that is no event, and where it lies."""
        self.connection.execute("INSERT INTO subscriber_left_out VALUES (?, ?)", (reason, _now()))

    def mend(self, message: Message, data: object, why: str) -> None:
        """Give an event other data from now on, of the form that it has; ``None`` leaves it out."""
        text = None if data is None else json.dumps(data)
        self.connection.execute(
            "INSERT OR REPLACE INTO subscriber_mended VALUES (?, ?, ?, ?, ?)",
            (message.sequence, text, message.schema_version, why, _now()),
        )

    def mended(self) -> Mended:
        """By sequence the data of the events that were mended, and the version of their form."""
        found = self.connection.execute(
            "SELECT sequence, data, schema_version FROM subscriber_mended"
        )
        return {sequence: (data and json.loads(data), version) for sequence, data, version in found}

    # the outbox

    def put(self, lines: Sequence[tuple[Any, ...]]) -> None:
        """Put side effects into the outbox, unless they were put there before."""
        self.connection.executemany(
            "INSERT INTO subscriber_outbox"
            " (id, name, data, sequence, event_id, stream, correlation_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            lines,
        )

    def outgoing(self) -> list[Outgoing]:
        """The effects that are not delivered yet, in the order of their events."""
        found = self.connection.execute(
            "SELECT id, name, data, sequence, event_id, stream, correlation_id"
            " FROM subscriber_outbox WHERE delivered_at IS NULL ORDER BY sequence, rowid"
        )
        return [Outgoing(i, name, json.loads(data), *rest) for i, name, data, *rest in found]

    def delivered(self, effect: Outgoing) -> None:
        """Note that an effect is delivered."""
        self.connection.execute(
            "UPDATE subscriber_outbox SET delivered_at = ?, reason = NULL WHERE id = ?",
            (_now(), effect.id),
        )

    def not_delivered(self, effect: Outgoing, reason: str) -> None:
        """Note why an effect could not be delivered."""
        self.connection.execute(
            "UPDATE subscriber_outbox SET tries = tries + 1, reason = ? WHERE id = ?",
            (reason, effect.id),
        )

    def undelivered(self) -> int:
        """How many effects are not delivered yet."""
        found = self.connection.execute(
            "SELECT count(*) FROM subscriber_outbox WHERE delivered_at IS NULL"
        )
        return int(found.fetchone()[0])


def outbox_lines(message: Message, effects: Iterable[SideEffect]) -> list[tuple[Any, ...]]:
    """What the outbox keeps of the side effects of a message.

    Raises ``TypeError`` for no JSON, and ``ValueError`` for two of one name: one would be lost.
    """
    lines: dict[str, tuple[Any, ...]] = {}
    for effect in effects:
        if not isinstance(effect, SideEffect) or not isinstance(effect.name, str):
            raise TypeError(f"{effect!r} is no SideEffect with a name")
        cause = effect.cause or message.event_id
        line = derived_id(cause, effect.name)
        if line in lines:
            raise ValueError(f"two side effects of one event are called {effect.name!r}")
        text = json.dumps(effect.data, ensure_ascii=False)
        text.encode()  # raises for half a character
        rest = (message.sequence, cause, message.stream, message.correlation_id)
        lines[line] = (line, effect.name, text, *rest)
    return [*lines.values()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
