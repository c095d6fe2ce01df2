"""The archive of a code location, and what a run may choose: views, the point in time, promotion.

Annotations are not postponed in this module: Dagster reads those of the resource.
"""

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Optional

from dagster import ConfigurableResource, Failure
from pydantic import Field

from event_log import InvalidSetting, settings

if TYPE_CHECKING:
    from archive import Archive, Rebuild
    from pipelines.selection import Selection
    from replay import Build

VIEWS = "The views to rebuild or to catch up, of those that the run selects; all of them if empty."


class ArchiveResource(ConfigurableResource):  # type: ignore[type-arg]
    """What a run may choose. The archive itself is that of the code location, and no choice.

    ``archive_resource`` makes the resource of an archive. A share of dead letters that is not given
    is taken from the setting ``STET_DEAD_LETTERS``.
    """

    opened: ClassVar[Optional["Archive"]] = None
    views: list[str] | None = Field(default=None, description=VIEWS)
    at: str = Field(
        default="",
        description="Rebuild as of this sequence or instant, such as 1200 or 2026-01-31T12:00:00Z;"
        " the log's head if it is empty.",
    )
    promote: bool | None = Field(
        default=None,
        description="Whether what is rebuilt becomes live. If it is not given, a rebuild of the"
        " present does, and one as of a point (at) does not.",
    )
    dead_letters: float | None = Field(
        default=None,
        description="The percentage of a view's documents that the engine may refuse;"
        " STET_DEAD_LETTERS if it is not given.",
    )

    @property
    def chosen(self) -> list[str] | None:
        """The names of the views to rebuild; None for all. Raises ``Failure`` for an empty list."""
        if self.views is None:
            return None
        if not self.views:
            raise Failure("views: the list is empty; name a view, or leave it out for all")
        return list(map(str, self.views))

    def wants(self, view: str) -> bool:
        """Whether this view is to be rebuilt or caught up."""
        return self.chosen is None or view in self.chosen

    @property
    def promotes(self) -> bool:
        """Whether what is rebuilt becomes live."""
        return not self.at if self.promote is None else self.promote

    @property
    def tolerated(self) -> float:
        """The share of a view's documents that may be dead letters."""
        percent = self.dead_letters
        return (settings.number("STET_DEAD_LETTERS") if percent is None else percent) / 100

    def archive(self) -> "Archive":
        """The archive, with its log and its engine; raises ``NoArchive`` if it does not exist."""
        if self.opened is None:
            raise Failure("this resource has no archive; make it with archive_resource(archive)")
        settings.open_home(str(self.opened.home))
        return self.opened.existing()

    def build(self, selection: "Selection") -> "Build":
        """The build of a run's documents, which needs no engine.

        The first step sets its sequence for all steps. Those of one process share it. Raises
        ``Failure`` when the run goes on with a build that was deleted.
        """
        return _build(self.archive(), self.at, selection.rebuild_id, selection.goes_on)

    def rebuild(self, selection: "Selection") -> "Rebuild":
        """The rebuild of a run, with its generation in the engine.

        Steps of one process share it, and hold its generation until the process ends or begins
        another run. A step in another process finds it by the run's id. Raises ``Failure`` when the
        run goes on with a rebuild that was promoted.
        """
        if selection.goes_on:
            self.build(selection)
        return _rebuild(self.archive(), self.at, self.tolerated, selection)


def archive_resource(archive: "Archive") -> ArchiveResource:
    """The resource of the runs over an archive; its views are an enumeration.

    The archive is a value of the class: Dagster makes the resource anew from a run's config, and a
    value given to the resource is lost there.
    """
    view_name = StrEnum("View", {view: view for view in archive.views})  # type: ignore[misc]
    of_archive = type(
        "OfArchive",
        (ArchiveResource,),
        {
            "__module__": __name__,
            "__annotations__": {"opened": ClassVar, "views": list[view_name] | None},
            "opened": archive,
            "views": Field(default=None, description=VIEWS),
        },
    )
    resource: ArchiveResource = of_archive()
    return resource


def whole(name: str) -> int:
    """A setting that is a whole number; raises ``Failure`` if it is not valid."""
    try:
        return settings.whole(name)
    except InvalidSetting as error:
        raise Failure(str(error)) from None


GONE = "what the failed run has rebuilt was {} meanwhile; launch the rebuild again"


@lru_cache(maxsize=1)
def _build(archive: "Archive", at: str, rebuild_id: str, goes_on: bool) -> "Build":
    from replay import begin_build, has_build

    if goes_on and not has_build(archive.builds, rebuild_id):
        raise Failure(GONE.format("deleted"))
    return begin_build(archive.log, archive.builds, at=at or None, build_id=rebuild_id)


@lru_cache(maxsize=1)
def _rebuild(archive: "Archive", at: str, tolerated: float, selection: "Selection") -> "Rebuild":
    from archive import Rebuild

    rebuild = Rebuild.begin(
        archive,
        selection.indexes,
        at or None,
        rebuild_id=selection.rebuild_id,
        tolerated=tolerated,
        written=not selection.documents,
    )
    if selection.goes_on and rebuild.is_promoted:
        raise Failure(GONE.format("promoted"))
    return rebuild
