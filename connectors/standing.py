"""How connectors and relays do: each writes it to a small file, and whoever asks reads all of them.

The files lie in the folder ``connect`` of the archive. They are written about once a second and
replaced whole, so that they can be read at any moment, also when nothing runs. Nothing depends on
them: the log has the positions.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import orjson

from connectors.errors import ConnectorError, writing
from event_log import EventLog, Lock, LockHeld, lock_holder

FOLDER = "connect"
ASK_SECONDS = 2.0
"""How long a broker may take to say how much lies behind a connector that does not run."""
Direction = Literal["connect", "relay"]
CONNECT: Literal["connect"] = "connect"
RELAY: Literal["relay"] = "relay"


class RunsAlready(ConnectorError):
    """Another process runs the connector or relay of this name."""


@dataclass(frozen=True)
class Standing:
    """How a connector or relay did when it said so last.

    ``positions`` are by the partition's name for people, for a relay the one sequence. ``lag`` is
    what it has not done yet, in messages or events; None when that is not known. ``rate`` is in
    messages or events a second. ``note`` says what holds it up; empty when nothing does.
    """

    name: str
    direction: Direction
    others: str
    """The other system: topics, and the cluster where they are."""
    positions: Mapping[str, int] = field(default_factory=dict)
    lag: int | None = None
    rate: float = 0.0
    events: int = 0
    """Events that it appended or sent since it was started."""
    dead_letters: int = 0
    note: str = ""
    said_at: str = ""
    running: bool = False
    asking: Mapping[str, object] = field(default_factory=dict)
    """What is needed to ask for the lag while it does not run; no secrets."""

    @property
    def position(self) -> str:
        """The positions in one line.

        >>> Standing("cms", "connect", "cms", {"cms, partition 0": 7}).position
        '7'
        """
        if len(self.positions) == 1:
            return f"{next(iter(self.positions.values())):,}"
        return ", ".join(f"{where}: {n:,}" for where, n in sorted(self.positions.items()))


def hold(archive_folder: Path, name: str) -> Lock:
    """Take the name for this process, until the lock is released; raises ``RunsAlready``."""
    folder = archive_folder / FOLDER
    lock = Lock(folder / f"{name}.lock")
    try:
        with writing(folder / f"{name}.lock"):
            folder.mkdir(parents=True, exist_ok=True)
            lock.take()
    except LockHeld as held:
        raise RunsAlready(f"{name} runs already ({held.who}); stop it first") from None
    return lock


def say(archive_folder: Path, standing: Standing) -> None:
    """Replace what is known of a connector or relay; the time is put in here.

    Raises ``Unwritable``, and what was known before stays.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    kept = asdict(replace(standing, said_at=now, running=False))
    path = archive_folder / FOLDER / f"{standing.name}.json"
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(orjson.dumps(kept))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def standings(archive_folder: Path) -> list[Standing]:
    """How each connector and relay of an archive did when it said so last, by name.

    >>> import tempfile
    >>> home = Path(tempfile.mkdtemp())
    >>> say(home, Standing("cms", "connect", "topic cms", {"cms, partition 0": 7}, 0))
    >>> [(each.name, each.position, each.running) for each in standings(home)]
    [('cms', '7', False)]
    """
    folder = archive_folder / FOLDER
    return [
        found
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(".") and (found := _read(path)) is not None
    ]


def standings_now(archive_folder: Path, log: EventLog) -> list[Standing]:
    """How each connector and relay does now, also those that do not run.

    Where one does not run its lag is measured: a relay's against the log's head, a connector's by
    asking its broker. If the broker does not answer within two seconds the lag is None.
    """
    return [
        each if each.running else replace(each, lag=_lag(each, log), rate=0.0, note="")
        for each in standings(archive_folder)
    ]


def _lag(standing: Standing, log: EventLog) -> int | None:
    if standing.direction == RELAY:
        return max(0, log.head - min(standing.positions.values(), default=0))
    if not standing.asking or find_spec("confluent_kafka") is None:
        return None
    from connectors.kafka.lag import ask_lag

    return ask_lag(standing.asking, log, ASK_SECONDS)


def _read(path: Path) -> Standing | None:
    """What one file says; None when it is none of ours."""
    try:
        said = orjson.loads(path.read_bytes())
        known = {each.name for each in fields(Standing)}
        standing = Standing(**{name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return replace(standing, running=lock_holder(path.with_suffix(".lock")) is not None)
