"""What can go wrong with search, said for people in one line: what, and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class SearchError(Exception):
    """The base of every error of search."""


class UnknownName(SearchError, LookupError):
    """A view, filter or facet of that name does not exist; the message lists those that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no {kind} {name!r}; there are: {', '.join(known) or 'none'}")
        self.name = name


class InvalidQuery(SearchError, ValueError):
    """A date, sort, page or size that cannot be searched with."""


class InvalidConnection(SearchError, ValueError):
    """What was given cannot name a cluster, or a way to reach it."""


class InvalidFile(SearchError, ValueError):
    """A file of queries or judgements that does not read as one; the message says which line."""


class NotInstalled(SearchError):
    """Something needs a library that is an optional extra; the message says which."""


class NothingServes(SearchError):
    """The view has no generation to search yet, or there is none to go back to."""


class DamagedIndex(SearchError):
    """The files of a generation cannot be read, or are gone."""


class NotPromoted(SearchError):
    """A rebuild's generation may not serve: it is unfinished, unchecked, or differs."""


class NotIndexed(SearchError):
    """An index could not be written; what served before still serves."""


class ClusterAway(SearchError):
    """A cluster does not answer, or is too busy: it may do so later."""


class ClusterCrowded(ClusterAway):
    """A cluster has no room for so much at once (429)."""


class ClusterRefused(SearchError):
    """A cluster answers, and will not do what was asked until somebody changes something."""
