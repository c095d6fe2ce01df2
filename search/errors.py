"""The errors of search. Each message is one line: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class SearchError(Exception):
    """The base of every error of search."""


class UnknownName(SearchError, LookupError):
    """A view, filter or facet of that name does not exist; the message lists those that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        view, _, of_view = kind.rpartition(" ")
        names = ", ".join(known) or "none"
        super().__init__(
            f"{view} has no {of_view} {name!r}; it has: {names}"
            if view
            else f"there is no {kind} {name!r}; there are: {names}"
        )
        self.name = name


class InvalidQuery(SearchError, ValueError):
    """A date, sort, page or size that cannot be searched with."""


class InvalidConnection(SearchError, ValueError):
    """A cluster's address or an option of its connection is invalid."""


class InvalidFile(SearchError, ValueError):
    """A file of queries or judgements cannot be read; the message names the line."""


class NotInstalled(SearchError):
    """A library of an optional extra is missing; the message names it."""


class NothingServes(SearchError):
    """The view has no live generation yet, or there is none to roll back to."""


class DamagedIndex(SearchError):
    """The files of a generation cannot be read, or are gone."""


class NotPromoted(SearchError):
    """A generation cannot be made live: it is unfinished, unchecked, or differs from its view."""


class NotIndexed(SearchError):
    """An index could not be written; the live index is as it was."""


class ClusterAway(SearchError):
    """A cluster does not answer, or is too busy; trying again may succeed."""


class ClusterCrowded(ClusterAway):
    """A cluster's queue is full (429): the request is too large for it now."""


class ClusterRefused(SearchError):
    """A cluster refuses a request; it will refuse it again until somebody changes something."""
