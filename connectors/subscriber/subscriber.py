"""``Subscriber``: keeps a model true to the log's events, in one SQLite file of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.subscriber.database import Database
from connectors.subscriber.errors import NotWaiting, SubscriberError, SubscriberHeld
from connectors.subscriber.run import Apply, Deliver, Run, Tell
from connectors.subscriber.transport import Transport
from event_log import Lock, LockHeld


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that was set aside, and why."""

    sequence: int
    stream: str
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubscriberStatus:
    """Where a subscriber stands: the last sequence that it handled, and what is left to do."""

    sequence: int
    waiting: int
    undelivered: int


class Subscriber:
    """A model in the SQLite file ``path``, which every event changes once, and a box of effects.

    ``tables`` is the SQL that makes the model's tables. ``apply(message, model)`` is called for
    every event, in the log's order for each stream, and changes the model through the connection.
    The position moves in the same transaction, so an event that comes twice, or was being applied
    when the process was killed, counts once. ``apply`` must depend on nothing but the message and
    the model: the model can then be made again from the first event.

    What ``apply`` returns or yields is put into an outbox in the same transaction, and given to
    ``deliver`` afterwards, until that returns without an error.

    If ``apply`` raises, the event is set aside with the reason. Later events of its stream wait for
    it; other streams go on. ``waiting``, ``mend`` and ``retry`` deal with what waits; it is also
    tried whenever the subscriber starts.

    Events come from a transport: ``FromLog`` or ``FromKafka``.

    >>> import tempfile, pyarrow as pa
    >>> from connectors import FromLog, Subscriber
    >>> from event_log import Category, Effect, EventLog, EventType, NewEvent
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> _ = log.append([NewEvent("tag/whales", "TagDefined", {"name": "Whales"})])
    >>> def apply(message, model):
    ...     model.execute("INSERT INTO names VALUES (?)", (message.data["name"],))
    >>> names = Subscriber(tempfile.mkdtemp() + "/names.sqlite", apply, "CREATE TABLE names (name)")
    >>> names.run(FromLog(log, "names"), until_idle=True)
    >>> names.query("SELECT name FROM names")
    [('Whales',)]
    """

    def __init__(
        self,
        path: Path | str,
        apply: Apply,
        tables: str,
        deliver: Deliver | None = None,
        tell: Tell | None = None,
    ) -> None:
        self.path = Path(path)
        self._apply, self._tables, self._deliver = apply, tables, deliver
        self._tell: Tell = tell or (lambda _: None)
        self._stopped = threading.Event()
        self._transport: Transport | None = None

    # running

    def run(self, transport: Transport, until_idle: bool = False) -> None:
        """Apply what comes until ``stop``, SIGTERM or SIGINT, or with ``until_idle`` until no more.

        Raises ``SubscriberHeld`` while another process works on the same file, ``OtherModel`` when
        the file is of other tables, another log or another program, and ``IncompatibleSchema`` at
        an event of a newer schema version than the program knows: install the newer one, and it
        goes on there.
        """
        with self._held() as database, closing(transport), _stopped_by_signals(self.stop):
            database.make_model(self._tables)
            self._transport = transport
            try:
                Run(database, transport, self._apply, self._deliver, self._tell, self._stopped).run(
                    until_idle
                )
            finally:
                self._transport = None
                self._stopped.clear()

    def stop(self) -> None:
        """End ``run`` after the current batch; from a signal handler or any thread.

        It ends one run: the one that goes on, or, if none does, the next as soon as that begins.
        The one after that runs as if nothing had been.
        """
        self._stopped.set()
        if self._transport is not None:
            self._transport.stop()

    # what people do

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The lines that a query of the model gives; also while the subscriber runs elsewhere."""
        with closing(Database(self.path)) as database:
            return database.connection.execute(sql, parameters).fetchall()

    def status(self) -> SubscriberStatus:
        """Where it stands; also while it runs in another process."""
        with closing(Database(self.path)) as database:
            sequences = [mark.sequence for mark in database.marks().values()]
            waiting = len(database.waiting())
            return SubscriberStatus(max(sequences, default=0), waiting, database.undelivered())

    def waiting(self) -> list[Waiting]:
        """What was set aside, oldest first."""
        with closing(Database(self.path)) as database:
            found = database.waiting()
        return [Waiting(told.sequence, told.stream, told.type, why) for told, why in found]

    def mend(self, sequence: int, data: Mapping[str, Any] | None, why: str) -> None:
        """Give what waits other data for this model, or leave it out (``None``); then try it again.

        The log is not changed. What was mended is remembered, and holds for a reset too. Raises
        ``NotWaiting`` for another sequence, and ``TypeError`` for data without names.
        """
        if data is not None and not isinstance(data, Mapping):
            raise TypeError(f"data must be a mapping of names to values, or None, not {data!r}")
        with closing(Database(self.path)) as database, database.transaction():
            found = {message.sequence: message for message, _ in database.waiting()}
            if sequence not in found:
                raise NotWaiting(f"{self.path}: sequence {sequence} does not wait; see waiting()")
            database.mend(found[sequence], data, why)
            database.ask_again()

    def retry(self) -> None:
        """Try what waits again: at once if the subscriber runs, else when it starts."""
        with closing(Database(self.path)) as database, database.transaction():
            database.ask_again()

    def reset(self) -> None:
        """Forget the model and the position: the next run makes it from the first event.

        The outbox is kept, so effects that were delivered are not delivered again. Raises
        ``SubscriberHeld`` while the subscriber runs.
        """
        with self._held() as database:
            database.forget_model()

    @contextmanager
    def _held(self) -> Iterator[Database]:
        lock = Lock(self.path.with_name(f"{self.path.name}.lock"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.take()
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            reason = f"{error.filename}: {error.strerror}"
            raise SubscriberError(f"{self.path} cannot be kept there ({reason})") from None
        except LockHeld as held:
            raise SubscriberHeld(
                f"{self.path} is held by {held.who}; stop that one, or take another file"
            ) from None
        try:
            with closing(Database(self.path)) as database:
                yield database
        finally:
            lock.release()


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop it; only the main thread may say what a signal does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, lambda *_: stop()) for each in signals}
    try:
        yield
    finally:
        for each, was in before.items():
            signal.signal(each, was)
