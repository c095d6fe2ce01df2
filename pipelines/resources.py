"""What a run is told: where the archive lies, how it is searched, what to rebuild, as of when."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from dagster import ConfigurableResource

from views.log import open_log

if TYPE_CHECKING:
    from event_log import EventLog
    from search.connection import Connection
    from search.engine import Engine
    from search.rebuild import Rebuild


class Archive(ConfigurableResource):  # type: ignore[type-arg]
    """The archive of a run, and what of it is rebuilt.

    ``home`` is the folder (``STET_HOME``, else ``archive``). ``views`` names the views to rebuild,
    all of them when it is empty. ``at`` is a sequence or an instant; the head when it is empty.
    ``search`` is the URL of the Elasticsearch to index into (``STET_SEARCH``, else the embedded
    engine); whatever is secret about it stays in the environment (``STET_SEARCH_API_KEY`` and so
    on). ``dead_letters`` is the percentage of a view's documents that an engine may refuse.
    """

    home: str = ""
    views: list[str] = []  # noqa: RUF012 - the base class is pydantic, which copies it
    at: str = ""
    search: str = ""
    dead_letters: float = 0.1

    def folder(self) -> str:
        """Where the archive lies."""
        return self.home or os.environ.get("STET_HOME", "archive")

    def wants(self, view: str) -> bool:
        """Is this view to be rebuilt?"""
        return not self.views or view in self.views

    @property
    def tolerated(self) -> float:
        """The share of a view's documents that may be dead letters."""
        return self.dead_letters / 100

    def engine(self) -> Engine:
        """The engine that this archive is searched with."""
        return _opened(self.folder(), self._cluster())

    def _cluster(self) -> Connection | None:
        from search.connection import connection

        return connection(self.search or None)

    def log(self) -> EventLog:
        """The newsroom's log of this archive."""
        return open_log(self.folder())

    def rebuild(self, run_id: str) -> Rebuild:
        """The rebuild of a run: the first of its steps fixes the sequence for all of them.

        Steps of one process share it, and hold its generation until the process ends or begins
        another run; a step in another process finds it by the run's id.
        """
        views = tuple(self.views)
        return _begun(self.folder(), views, self.at, run_id, self._cluster(), self.tolerated)


def _opened(home: str, cluster: Connection | None) -> Engine:
    from search import open_engine

    return open_engine(home, cluster)


@lru_cache(maxsize=1)
def _begun(
    home: str,
    views: tuple[str, ...],
    at: str,
    run_id: str,
    cluster: Connection | None,
    tolerated: float,
) -> Rebuild:
    from search.rebuild import Rebuild

    return Rebuild.begin(
        home,
        views=views or None,
        at=at or None,
        build_id=run_id,
        engine=_opened(home, cluster),
        tolerated=tolerated,
    )
