"""The errors of the log. Each message says what happened, where, and what to do."""

from __future__ import annotations


class EventLogError(Exception):
    """The base class of every error of the log."""


class InvalidEvent(EventLogError, ValueError):
    """An event is not valid for its category; no event of its append was written.

    ``field`` names the offending field (``data.headline``, ``stream``), ``reason`` says what is
    wrong with it, and ``position`` is the event's place in its append, from 0.
    """

    def __init__(self, field: str, reason: str, position: int = 0) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.position = position


class WrongExpectedVersion(EventLogError):
    """The stream is not at the version that the append expected.

    ``actual`` is the stream's version now; 0 means that it has no events.
    """

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        wanted = "no stream" if expected == 0 else f"version {expected}"
        state = "it has no events" if actual == 0 else f"it is at version {actual}"
        super().__init__(
            f"{stream}: expected {wanted}, but {state}. Read the stream again, then repeat."
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class WrongPosition(EventLogError):
    """A producer is not at the position that the append expected; nothing was appended.

    ``actual`` is the position that it has reached; 0 when it has none. ``expected`` is the one that
    the append gave, or the last from which it could have gone on.
    """

    def __init__(self, producer: str, expected: int, actual: int) -> None:
        super().__init__(
            f"producer {producer!r} is at position {actual}, not at {expected}: someone else "
            f"appends under this name. Go on after position {actual}."
        )
        self.producer = producer
        self.expected = expected
        self.actual = actual


class WrongClock(EventLogError):
    """The log's last event is further ahead of the clock than is allowed; nothing was appended."""


class DamagedLog(EventLogError):
    """The files of the log are damaged or incomplete.

    ``sequence`` is the first damaged sequence; 0 when it is not known.
    """

    def __init__(self, reason: str, sequence: int = 0) -> None:
        line = reason.replace("\n", " ")  # messages of other libraries may have several
        super().__init__(f"sequence {sequence}: {line}" if sequence else line)
        self.sequence = sequence


class InvalidCategory(EventLogError, ValueError):
    """A category's declaration is not valid."""


class IncompatibleSchema(EventLogError):
    """A category's schema, or one of its upcasters, is not compatible with the log's events.

    The message names the difference, and what to declare instead.
    """


class InvalidPoint(EventLogError, ValueError):
    """A point in time that is neither a sequence of the log nor an instant."""
