"""Dead letters: messages that were set aside, each with where it lies, why, and its bytes.

What comes later of the same line of a table waits for it, so that no older value ever follows a
newer one: it is set aside too. All of it is tried again in its order, when the mapping is mended.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from connectors.capture.kept import Kept
from connectors.debezium.change import Change, Message, Operation, Origin, OutboxEvent


@dataclass(frozen=True)
class Letter:
    """A message that was set aside; ``line`` is the line of a table that it is about, if known."""

    message: Message
    reason: str
    line: str | None = None
    waits: bool = False
    """Whether nothing is wrong with it but what came before it."""
    set_aside_at: str = ""

    def told(self) -> dict[str, object]:
        """The letter for people and programs; bytes that are no text are escaped."""
        origin, message = self.message.origin, self.message
        return {
            "topic": origin.topic,
            "topic_id": origin.topic_id,
            "partition": origin.partition,
            "offset": origin.offset,
            "line": self.line,
            "reason": self.reason,
            "waits": self.waits,
            "set_aside_at": self.set_aside_at,
            "key": _text(message.key),
            "value": _text(message.value),
        }


class Letters:
    """The dead letters of one connector, in its file."""

    def __init__(self, kept: Kept) -> None:
        self._db = kept.connection
        self.lines: set[str] = set()
        """The lines of tables that some letter is about: what comes of them has to wait."""
        self.read_again()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM letter").fetchone()[0])

    def read_again(self) -> None:
        """Read the lines of the letters that there are."""
        found = self._db.execute("SELECT DISTINCT line FROM letter WHERE line IS NOT NULL")
        self.lines = {line for (line,) in found}

    def __iter__(self) -> Iterator[Letter]:
        """All letters, in the order in which they are to be tried again.

        Within a topic the offsets say it, not the clock, which may have been set back.
        """
        found = self._db.execute(
            "SELECT topic, topic_id, partition, offset, key, value, headers, at, reason, line,"
            " waits, set_aside_at FROM letter l ORDER BY topic, (SELECT min(set_aside_at)"
            " FROM letter WHERE topic_id = l.topic_id), topic_id, partition, offset"
        ).fetchall()
        for topic, topic_id, partition, offset, key, value, headers, at, *rest in found:
            origin = Origin(topic, topic_id, partition, offset)
            reason, line, waits, since = rest
            message = Message(origin, key, value, _headers(headers), at)
            yield Letter(message, reason, line, bool(waits), since)

    def set_aside(self, letters: Iterable[Letter]) -> None:
        """Keep letters, as a part of the round; one that is there already gets its new reason."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for each in letters:
            origin, message = each.message.origin, each.message
            headers = [[name, _text(value)] for name, value in message.headers or ()]
            self._db.execute(
                "INSERT INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT"
                " DO UPDATE SET (reason, waits) = (excluded.reason, excluded.waits)",
                (
                    *(*origin, each.reason, each.line, each.waits),
                    *(message.key, message.value, orjson.dumps(headers).decode(), message.at, now),
                ),
            )
            if each.line is not None:
                self.lines.add(each.line)

    def mark(self, origins: Iterable[Origin], replay: int) -> None:
        """Note in a round that letters became events in a replay; the log has its number then."""
        self._db.executemany(
            "UPDATE letter SET replayed = ? WHERE (topic_id, partition, offset) = (?, ?, ?)",
            [(replay, *origin[1:]) for origin in origins],
        )

    def forget_replayed(self, replays: int) -> None:
        """Forget letters that became events; a replay that the log does not have counts not."""
        self._db.execute("DELETE FROM letter WHERE replayed <= ?", (replays,))
        self._db.execute("UPDATE letter SET replayed = NULL")
        self.read_again()


def table_of(said: Change | OutboxEvent) -> str | None:
    """All lines of a table, as one, which a truncation is about; None for an outbox event."""
    return f"{said.table} *" if isinstance(said, Change) else None


def waits_for(
    said: Change | OutboxEvent, held: Collection[str | None], removing: Container[str]
) -> str | None:
    """What has to come before a change: its line, or its whole table, where that was set aside.

    ``removing`` are the tables whose truncation removes what there is. It waits for each line of
    its table: an old line that is tried again later would come back.
    """
    line, table = line_of(said), table_of(said)
    if isinstance(said, Change) and said.op == Operation.TRUNCATED and said.table in removing:
        begin = f"{said.table} "
        return table if any(each and each.startswith(begin) for each in held) else None
    if table is not None and table in held:
        return table
    return line if line is not None and line in held else None


def line_of(said: Change | OutboxEvent) -> str | None:
    """The line of a table that a change is about, as text; None for one without a key."""
    if isinstance(said, OutboxEvent):
        return f"{said.aggregate}/{said.aggregate_id}"
    if said.op == Operation.TRUNCATED:
        return table_of(said)
    if said.key is None:
        return None
    key = said.key
    return (
        f"{said.table} {orjson.dumps(dict(key), default=str, option=orjson.OPT_SORT_KEYS).decode()}"
    )


def _text(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _headers(kept: str) -> list[tuple[str, bytes | None]]:
    return [(n, v.encode() if v is not None else None) for n, v in orjson.loads(kept)]
