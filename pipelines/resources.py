"""What a run is told: where the archive lies, which views to rebuild, and as of when."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from dagster import ConfigurableResource

from views.log import open_log

if TYPE_CHECKING:
    from event_log import EventLog
    from search.rebuild import Rebuild


class Archive(ConfigurableResource):  # type: ignore[type-arg]
    """The archive of a run, and what of it is rebuilt.

    ``home`` is the folder (``STET_HOME``, else ``archive``). ``views`` names the views to rebuild,
    all of them when it is empty. ``at`` is a sequence or an instant; the head when it is empty.
    """

    home: str = ""
    views: list[str] = []  # noqa: RUF012 - the base class is pydantic, which copies it
    at: str = ""

    def folder(self) -> str:
        """Where the archive lies."""
        return self.home or os.environ.get("STET_HOME", "archive")

    def wants(self, view: str) -> bool:
        """Is this view to be rebuilt?"""
        return not self.views or view in self.views

    def log(self) -> EventLog:
        """The newsroom's log of this archive."""
        return open_log(self.folder())

    def rebuild(self, run_id: str) -> Rebuild:
        """The rebuild of a run: the first of its steps fixes the sequence for all of them.

        Steps of one process share it, and hold its generation until the process ends or begins
        another run; a step in another process finds it by the run's id.
        """
        return _begun(self.folder(), tuple(self.views), self.at, run_id)


@lru_cache(maxsize=1)
def _begun(home: str, views: tuple[str, ...], at: str, run_id: str) -> Rebuild:
    from search.rebuild import Rebuild

    return Rebuild.begin(home, views=views or None, at=at or None, build_id=run_id)
