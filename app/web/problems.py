"""Errors as answers: the problem details of RFC 9457, and which error of a room is which.

The API answers them as JSON, the pages as a page with the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from app.options import Failure

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class WrongField:
    """A field of a request that is wrong: where it is (``data.headline``, ``size``), and why."""

    field: str
    reason: str


@dataclass
class Problem(Exception):
    """An answer that is an error: its status, what happened, and what to do.

    >>> Problem(404, "There is no such page.").body()["title"]
    'Not Found'
    """

    status: int
    detail: str
    errors: Sequence[WrongField] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """More members of the answer, such as the actual version of a stream."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail

    @property
    def title(self) -> str:
        """The name of the status."""
        return HTTPStatus(self.status).phrase

    def body(self) -> dict[str, Any]:
        """The members of the answer; ``type`` is left out, which means ``about:blank``."""
        body: dict[str, Any] = {"title": self.title, "status": self.status, "detail": self.detail}
        if self.errors:
            body["errors"] = [{"field": e.field, "reason": e.reason} for e in self.errors]
        return {**body, **self.more}


def problem_of(error: Exception) -> Problem | None:
    """The problem that an expected error of a room is; ``None`` for any other error."""
    from archive import ArchiveError, RefusedInBatch
    from event_log import EventLogError, InvalidEvent, WrongExpectedVersion
    from replay import OF_A_FIELD, Refused, ReplayError
    from search import SearchError

    if isinstance(error, Problem):
        return error
    if isinstance(error, RefusedInBatch):
        return _in_batch(error)
    if isinstance(error, InvalidEvent):
        return Problem(422, str(error), [WrongField(error.field, error.reason)])
    if isinstance(error, WrongExpectedVersion):
        return Problem(412, str(error), more={"actual_version": error.actual})
    if isinstance(error, Refused) and (named := OF_A_FIELD.fullmatch(str(error))):
        # what the event says is wrong; another refusal is a conflict with the entity's state
        return Problem(422, str(error), [WrongField(f"data.{named[1]}", named[2])])
    for kind, status in _statuses().items():
        if isinstance(error, kind):
            return Problem(status, str(error))
    if isinstance(error, ArchiveError | EventLogError | ReplayError | SearchError | Failure):
        return Problem(500, str(error))
    return None


def _statuses() -> dict[type[Exception], int]:
    """The status of each error that is not the server's fault."""
    from archive import NoSuchDocument, NotVisible, UnknownView
    from event_log import InvalidPoint
    from replay import NoDocument, Refused
    from search import ClusterAway, InvalidQuery, NothingServes, NotPromoted, UnknownName

    return {
        Refused: 409,
        NotPromoted: 409,
        InvalidQuery: 422,
        InvalidPoint: 422,
        UnknownName: 404,
        UnknownView: 404,
        NoDocument: 404,
        NoSuchDocument: 404,
        NothingServes: 503,
        ClusterAway: 503,
        NotVisible: 504,
    }


def _in_batch(error: Any) -> Problem:
    """The problem of one of several events; the fields that are wrong have its number."""
    cause = problem_of(error.cause) or Problem(409, str(error.cause))
    errors = [WrongField(f"events[{error.number - 1}].{e.field}", e.reason) for e in cause.errors]
    return Problem(cause.status, str(error), errors, cause.more)
