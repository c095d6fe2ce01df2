"""The configuration of a run: the archive, its search engine, the views, and the point in time."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from dagster import ConfigurableResource, Failure

from event_log import InvalidSetting, settings

if TYPE_CHECKING:
    from archive import Archive, Rebuild
    from replay import Domain

DOMAINS: dict[str, Domain] = {}
"""By name, the domains that definitions were made for; a run's configuration has only the name."""


def archive_resource(domain: Domain) -> ArchiveResource:
    """The resource of runs over archives of a domain; its views are an enumeration.

    The domain's name is a default of the class: Dagster makes the resource anew from a run's
    config, and a value given to the resource is lost there.
    """
    DOMAINS[domain.name] = domain
    view_name = StrEnum("View", {view: view for view in domain.views})  # type: ignore[misc]
    fields = {"domain": str, "views": list[view_name] | None}
    # Dagster reads the annotations, which in this module are text that cannot name a local type.
    of_domain = type(
        "OfDomain",
        (ArchiveResource,),
        {
            "__module__": __name__,
            "__annotations__": fields,
            "domain": domain.name,
            "views": None,
        },
    )
    resource: ArchiveResource = of_domain()
    return resource


class ArchiveResource(ConfigurableResource):  # type: ignore[type-arg]
    """The archive of a run, and which of its views are rebuilt.

    ``home`` is the folder. ``domain`` is the name of the domain that these definitions are for.
    ``views`` names the views to rebuild; all if it is not given. ``at`` is a sequence or an
    instant; the log's head if it is empty. ``search`` is the URL of the Elasticsearch to index
    into; its passwords and keys stay in the settings (``STET_SEARCH_API_KEY`` and so on).
    ``dead_letters`` is the percentage of a view's documents that the engine may refuse. A value
    that is not given is taken from the settings ``STET_HOME``, ``STET_SEARCH`` and
    ``STET_DEAD_LETTERS``, from the environment or the settings file in the home.
    """

    home: str = ""
    domain: str = ""
    views: list[str] | None = None
    at: str = ""
    search: str = ""
    dead_letters: float | None = None

    @property
    def chosen(self) -> list[str] | None:
        """The names of the views to rebuild; None for all. Raises ``Failure`` for an empty list."""
        if self.views is None:
            return None
        if not self.views:
            raise Failure("views: the list is empty; name a view, or leave it out for all")
        return list(map(str, self.views))

    def wants(self, view: str) -> bool:
        """Whether this view is to be rebuilt."""
        return self.chosen is None or view in self.chosen

    @property
    def tolerated(self) -> float:
        """The share of a view's documents that may be dead letters."""
        percent = self.dead_letters
        return (settings.number("STET_DEAD_LETTERS") if percent is None else percent) / 100

    def archive(self) -> Archive:
        """The archive, with its log and its engine; raises ``NoArchive`` if it does not exist."""
        home = home_of(self.home)
        settings.open_home(home)
        return _archive(home, self.domain, self.search).existing()

    def rebuild(self, run_id: str) -> Rebuild:
        """The rebuild of a run; its first step sets the sequence for all its steps.

        Steps of one process share the rebuild, and hold its generation until the process ends or
        begins another run. A step in another process finds the rebuild by the run's id.
        """
        views = tuple(self.chosen or ())
        return _rebuild(self.archive(), views, self.at, run_id, self.tolerated)


def home_of(home: str) -> str:
    """The home that is given, else the setting ``STET_HOME``."""
    return home or settings.home()


def whole(name: str) -> int:
    """A setting that is a whole number; raises ``Failure`` if it is not valid."""
    try:
        return settings.whole(name)
    except InvalidSetting as error:
        raise Failure(str(error)) from None


@lru_cache(maxsize=4)
def _archive(home: str, domain: str, search: str) -> Archive:
    from archive import Archive
    from search import configured_connection

    return Archive(
        home, DOMAINS.get(domain, domain), configured_connection(search or None) or "embedded"
    )


@lru_cache(maxsize=1)
def _rebuild(
    archive: Archive, views: tuple[str, ...], at: str, run_id: str, tolerated: float
) -> Rebuild:
    from archive import Rebuild

    return Rebuild.begin(archive, views or None, at or None, build_id=run_id, tolerated=tolerated)
