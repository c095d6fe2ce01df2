"""Who may use the server: tokens with a role, stored hashed in a SQLite file of the archive.

A token has 256 random bits, so its plain SHA-256 cannot be reversed by guessing, and is looked up
quickly: see OWASP's Password Storage Cheat Sheet on high-entropy secrets.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from app.options import Failure

FILE = "access.sqlite"
PREFIX = "stet_"
"""How each token begins, so that scanners of secrets find one that was published."""
NOTED_AGAIN = timedelta(minutes=1)
"""The use of a token is written down at most so often."""
MOST_OF_A_NAME = 100
SCHEMA = """
CREATE TABLE IF NOT EXISTS token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    made_at TEXT NOT NULL,
    used_at TEXT,
    revoked_at TEXT
);
CREATE TABLE IF NOT EXISTS signing (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL);
"""


class Role(StrEnum):
    """What somebody may do; each role may also do what those before it may."""

    reader = "reader"
    """Reads documents that are not under embargo."""
    editor = "editor"
    """Appends events, and reads everything."""
    operator = "operator"
    """Promotes and rolls back generations, and lists tokens."""

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what another role may.

        >>> Role.editor.includes(Role.reader), Role.editor.includes(Role.operator)
        (True, False)
        """
        order = [*Role]
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Token:
    """A token without its secret: the name is the actor of events appended with it."""

    id: int
    name: str
    role: Role
    made_at: str
    used_at: str | None
    revoked_at: str | None


class Access:
    """The tokens of an archive, and the key that sessions are signed with.

    Any number of processes and threads use it: each call opens the file, which takes less than a
    tenth of a millisecond.

    >>> import tempfile
    >>> access = Access(Path(tempfile.mkdtemp()))
    >>> secret = access.add("ana", Role.editor)
    >>> access.holder(secret).name
    'ana'
    >>> access.revoke("ana")
    1
    >>> access.holder(secret) is None
    True
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE
        self._key: str | None = None

    def add(self, name: str, role: Role) -> str:
        """Make a token for a name, and return its secret, which is stored nowhere."""
        name = name.strip()
        if not name or not name.isprintable() or len(name) > MOST_OF_A_NAME:
            raise Failure(f"{name!r} names nobody: give 1 to {MOST_OF_A_NAME} printable characters")
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._open(make=True) as database:
            database.execute(
                "INSERT INTO token (name, role, digest, made_at) VALUES (?, ?, ?, ?)",
                (name, role.value, _digest(secret), _now()),
            )
        return secret

    def tokens(self) -> list[Token]:
        """All tokens, the oldest first, revoked ones included."""
        with self._open() as database:
            return [_token(row) for row in database.execute(f"{SELECT} ORDER BY id")]

    def revoke(self, name: str) -> int:
        """Revoke the tokens of a name; returns how many there were to revoke.

        The sessions that were begun with them end.
        """
        with self._open() as database:
            revoked = database.execute(
                "UPDATE token SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL",
                (_now(), name),
            )
            return revoked.rowcount

    def holder(self, secret: str) -> Token | None:
        """The token with this secret; ``None`` if there is none, or it is revoked."""
        return self._used(f"{SELECT} WHERE digest = ?", _digest(secret))

    def by_id(self, number: int) -> Token | None:
        """The token of a session; ``None`` if there is none, or it is revoked."""
        return self._used(f"{SELECT} WHERE id = ?", number)

    def any(self) -> bool:
        """Whether anybody has a token that is not revoked."""
        return any(token.revoked_at is None for token in self.tokens())

    def key(self) -> str:
        """The key that sessions are signed with; made when it is first asked for."""
        if self._key is None:
            with self._open(make=True) as database:
                new = secrets.token_hex(32)
                database.execute("INSERT OR IGNORE INTO signing (id, key) VALUES (1, ?)", (new,))
                self._key = str(database.execute("SELECT key FROM signing").fetchone()[0])
        return self._key

    def _used(self, sql: str, value: bytes | int) -> Token | None:
        with self._open() as database:
            row = database.execute(f"{sql} AND revoked_at IS NULL", (value,)).fetchone()
            if row is None:
                return None
            token = _token(row)
            now = datetime.now(UTC)
            used = token.used_at and datetime.fromisoformat(token.used_at)
            if not used or now - used >= NOTED_AGAIN:
                _note_use(database, token.id)
            return token

    @contextmanager
    def _open(self, make: bool = False) -> Iterator[sqlite3.Connection]:
        """The file as a transaction; where there is none, and none is made, an empty one."""
        exists = self.file.exists()
        if make and not exists:
            self.file.touch(mode=0o600)
        try:
            opened = sqlite3.connect(self.file if exists or make else ":memory:", timeout=5)
            with closing(opened) as database, database:
                if make or not exists:
                    database.executescript(SCHEMA)
                yield database
        except sqlite3.Error as error:
            raise Failure(f"{self.file}: {error}; see that this user may write it") from error


SELECT = "SELECT id, name, role, made_at, used_at, revoked_at FROM token"


def _token(row: tuple[int, str, str, str, str | None, str | None]) -> Token:
    number, name, role, *dates = row
    return Token(number, name, Role(role), dates[0] or "", dates[1], dates[2])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _note_use(database: sqlite3.Connection, token: int) -> None:
    """Write down that a token was used, unless another process writes: it is a figure only."""
    try:
        database.execute("UPDATE token SET used_at = ? WHERE id = ?", (_now(), token))
    except sqlite3.OperationalError:
        database.rollback()
