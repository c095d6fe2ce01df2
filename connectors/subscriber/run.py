"""One run of a subscriber: applies what comes, tries what waits, delivers what is in the outbox."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from connectors.subscriber.database import Database, Mended, outbox_lines
from connectors.subscriber.errors import OtherModel
from connectors.subscriber.message import Message, Outgoing, SideEffect
from connectors.subscriber.transport import Away, Delivered, Mark, Transport

Apply = Callable[[Message, sqlite3.Connection], Iterable[SideEffect] | None]
"""Changes the model by one event; may return, or yield, effects."""
Deliver = Callable[[Outgoing], None]
"""Does an effect. It may be asked twice after a kill, so it has to know the ids that it did."""
Tell = Callable[[str], None]

BATCH = 500
"""The most messages in one transaction."""
IDLE_SECONDS = 0.5
"""The longest that it waits for a message before it looks at what else there is to do."""
AGAIN_SECONDS = 1.0
"""After this long an effect that could not be delivered is tried again; then twice as long."""
LONGEST_AGAIN_SECONDS = 60.0
OF_THE_MACHINE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}
"""SQLite's errors that no event causes: for these nothing is set aside, the subscriber stops."""
OF_THE_SYSTEM = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}
"""The same of the operating system's errors."""


class Run:
    """A run on an open database, until it is stopped."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        apply: Apply,
        deliver: Deliver | None,
        tell: Tell,
        stopped: threading.Event,
    ) -> None:
        self._database, self._transport = database, transport
        self._apply, self._deliver, self._tell = apply, deliver, tell
        self._stopped = stopped
        self._new_effects = True
        self._refused: dict[str, tuple[float, float]] = {}
        self._away = ""

    def run(self, until_idle: bool) -> None:
        """Go on until it is stopped, or with ``until_idle`` until there is no more."""
        self._try_waiting()
        while not self._stopped.is_set():
            try:
                self._follow(until_idle)
                return
            except Away as away:
                if until_idle:
                    raise
                self._wait(str(away))

    def _follow(self, until_idle: bool) -> None:
        marks = dict(self._transport.open(self._database.marks()))
        self._tell_away("")
        while True:
            self._empty_outbox()
            if self._stopped.is_set():
                return
            if self._database.asked_again():
                self._try_waiting()
                continue
            delivered = self._transport.read(BATCH, 0.0 if until_idle else self._pause())
            if delivered:
                self._take(delivered, marks)
            elif until_idle:
                return

    def _wait(self, away: str) -> None:
        """Do what needs no events while none can come."""
        self._tell_away(away)
        if self._database.asked_again():
            self._try_waiting()
        self._empty_outbox()
        self._stopped.wait(self._pause())

    def _pause(self) -> float:
        """How long to wait for messages: until an effect is due again, at most ``IDLE_SECONDS``."""
        due = min((at for at, _ in self._refused.values()), default=float("inf"))
        return max(0.0, min(IDLE_SECONDS, due - time.monotonic()))

    def _tell_away(self, away: str) -> None:
        if away != self._away:
            self._tell(away or "events come again")
            self._away = away

    # applying

    def _take(
        self,
        delivered: Sequence[Delivered],
        marks: dict[int, Mark],
    ) -> None:
        """Apply the messages that are new, and move the position, in one transaction."""
        reached = dict(marks)
        with self._database.transaction():
            mended = self._database.mended()
            for each in delivered:
                before, mark = reached[each.partition], each.mark
                if each.unreadable is not None:
                    self._tell(each.unreadable)
                    self._database.leave_out(each.unreadable)
                elif mark.sequence == before.sequence and mark.event_id != before.event_id:
                    raise OtherModel(
                        f"{self._database.path}: sequence {mark.sequence} is another event than"
                        " the one that the model has: the log was restored, and has grown"
                        " differently since; call reset(), and the model is made anew"
                    )
                elif mark.sequence > before.sequence and each.message is not None:
                    self._apply_or_set_aside(each.message, mended)
                reached[each.partition] = _moved(before, mark)
            self._database.keep_marks(reached)
        marks.update(reached)

    def _apply_or_set_aside(self, message: Message, mended: Mended) -> None:
        first = self._database.first_waiting(message.stream)
        if first is not None:
            self._database.set_aside(message, f"waits for sequence {first} of its stream")
        elif (reason := self._attempt(message, mended)) is not None:
            self._database.set_aside(message, reason)
            self._tell(f"sequence {message.sequence} ({message.stream}) is set aside: {reason}")

    def _attempt(self, message: Message, mended: Mended) -> str | None:
        """Apply one message; returns why it cannot be applied."""
        if message.sequence in mended:
            data, version = mended[message.sequence]
            if data is None:
                return None
            message = replace(message, data=data, schema_version=version)
        message = self._transport.newest(message)
        try:
            with self._database.attempt() as model:
                effects = outbox_lines(message, self._apply(message, model) or ())
        except Exception as error:
            if not self._database.in_transaction or _is_of_the_machine(error):
                raise
            return _reason(error)
        self._database.put(effects)
        self._new_effects = self._new_effects or bool(effects)
        return None

    def _try_waiting(self) -> None:
        """Apply what waits, each stream in order until a message still cannot be applied."""
        with self._database.transaction():
            mended, blocked = self._database.mended(), dict[str, int]()
            for message, _ in self._database.waiting():
                if (first := blocked.get(message.stream)) is not None:
                    reason = f"waits for sequence {first} of its stream"
                elif (failed := self._attempt(message, mended)) is None:
                    self._database.done(message)
                    continue
                else:
                    reason, blocked[message.stream] = failed, message.sequence
                self._database.set_aside(message, reason)

    # effects

    def _empty_outbox(self) -> None:
        """Deliver what is in the outbox, each stream in order until one cannot be delivered."""
        now = time.monotonic()
        due_again = any(due <= now for due, _ in self._refused.values())
        if self._deliver is None or not (self._new_effects or due_again):
            return
        self._new_effects = False
        held_up: set[str] = set()
        for effect in self._database.outgoing():
            due, pause = self._refused.get(effect.id, (0.0, AGAIN_SECONDS))
            if effect.stream in held_up or due > now:
                held_up.add(effect.stream)
                continue
            if self._stopped.is_set():
                return
            try:
                self._deliver(effect)
            except Exception as error:  # noqa: BLE001 - whatever a team's function raises
                self._database.not_delivered(effect, _reason(error))
                self._tell(f"{effect.name} of sequence {effect.sequence}: {_reason(error)}")
                self._refused[effect.id] = (now + pause, min(2 * pause, LONGEST_AGAIN_SECONDS))
                held_up.add(effect.stream)
            else:
                self._refused.pop(effect.id, None)
                self._database.delivered(effect)


def _moved(before: Mark, mark: Mark) -> Mark:
    """The mark after a message; one that came before moves the offset alone, and never back.

    >>> _moved(Mark(7, "e-7", "t", 4), Mark(6, "e-6", "t", 9))
    Mark(sequence=7, event_id='e-7', topic_id='t', offset=9)
    """
    if mark.topic_id == before.topic_id and mark.offset < before.offset:
        mark = replace(mark, offset=before.offset)
    if mark.sequence > before.sequence:
        return mark
    return replace(before, topic_id=mark.topic_id, offset=mark.offset)


def _is_of_the_machine(error: Exception) -> bool:
    """Whether no event causes an error, so that setting one aside would help nobody."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # of which the rest says more
    of_the_system = isinstance(error, OSError) and error.errno in OF_THE_SYSTEM
    return isinstance(error, MemoryError) or of_the_system or code in OF_THE_MACHINE


def _reason(error: BaseException) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        return (
            "the function may not commit, roll back or attach, nor change the tables"
            " subscriber_..., which the library does"
        )
    told = f"{type(error).__name__}: {error}"
    return told.encode(errors="backslashreplace").decode()  # half a character cannot be kept
