"""Dead letters: messages that were set aside, each with where it lies, why, and its bytes.

What comes later of the same line of a table waits for it, so that no older value ever follows a
newer one: it is set aside too. All of it is tried again in its order, when the mapping is mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from connectors.capture.kept import Kept
from connectors.debezium.change import Message, Origin

BETWEEN = "\n"
"""Between the lines of a letter in the file: no name of a line has it."""


@dataclass(frozen=True)
class Letter:
    """A message that was set aside; ``lines`` are those of tables that it is about, if known."""

    message: Message
    reason: str
    lines: tuple[str, ...] = ()
    waits: bool = False
    """Whether nothing is wrong with it but what came before it."""
    set_aside_at: str = ""

    @property
    def line(self) -> str | None:
        """The lines in one text, for people; None if none is known."""
        return " and ".join(self.lines) or None

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
        self._kept, self._db = kept, kept.connection
        self.lines: set[str] = set()
        """The lines of tables that some letter is about: what comes of them has to wait."""
        self.read_again()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM letter").fetchone()[0])

    def read_again(self) -> None:
        """Read the lines of the letters that there are."""
        found = self._db.execute("SELECT DISTINCT line FROM letter WHERE line IS NOT NULL")
        self.lines = {line for (lines,) in found for line in lines.split(BETWEEN)}

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
            reason, lines, waits, since = rest
            message = Message(origin, key, value, _headers(headers), at)
            about = tuple(lines.split(BETWEEN)) if lines else ()
            yield Letter(message, reason, about, bool(waits), since)

    def set_aside(self, letters: Iterable[Letter]) -> None:
        """Keep letters, as a part of the round; one that is there already gets its new reason."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for each in letters:
            origin, message = each.message.origin, each.message
            headers = [[name, _text(value)] for name, value in message.headers or ()]
            is_new = self._db.execute(
                "INSERT OR IGNORE INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    *(*origin, each.reason, BETWEEN.join(each.lines) or None, each.waits),
                    *(message.key, message.value, orjson.dumps(headers).decode(), message.at, now),
                ),
            ).rowcount
            if is_new:
                self._kept.new_letters.append(origin[1:])
            else:
                self._db.execute(
                    "UPDATE letter SET (reason, waits) = (?, ?)"
                    " WHERE (topic_id, partition, offset) = (?, ?, ?)",
                    (each.reason, each.waits, *origin[1:]),
                )
            self.lines.update(each.lines)

    def mark(self, origins: Iterable[Origin], replay: int) -> None:
        """Note in a round that letters became events in a replay; the log has its number then."""
        self._db.executemany(
            "UPDATE letter SET replayed = ? WHERE (topic_id, partition, offset) = (?, ?, ?)",
            [(replay, *origin[1:]) for origin in origins],
        )

    def forget(self, origins: Iterable[Origin]) -> None:
        """Forget letters, as a part of the round or at once."""
        self._each("DELETE FROM letter WHERE (topic_id, partition, offset) = (?, ?, ?)", origins)

    def unname(self, origins: Iterable[Origin]) -> None:
        """Let nothing wait for some letters any more."""
        self._each(
            "UPDATE letter SET line = NULL WHERE (topic_id, partition, offset) = (?, ?, ?)", origins
        )

    def _each(self, sql: str, origins: Iterable[Origin]) -> None:
        self._db.executemany(sql, [origin[1:] for origin in origins])
        self.read_again()

    def forget_replayed(self, replays: int) -> None:
        """Forget letters that became events; a replay that the log does not have counts not."""
        self._db.execute("DELETE FROM letter WHERE replayed <= ?", (replays,))
        self._db.execute("UPDATE letter SET replayed = NULL")
        self.read_again()


def _text(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _headers(kept: str) -> list[tuple[str, bytes | None]]:
    return [(n, v.encode() if v is not None else None) for n, v in orjson.loads(kept)]
