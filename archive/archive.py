"""``Archive``, the Python interface of Stet: a log, its documents and its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive import domains
from archive.place import is_url, local_folder, open_log
from event_log import settings

if TYPE_CHECKING:
    import pandas as pd

    from archive.catch_up import CatchUpResult
    from archive.clear import Cleared
    from archive.compare import Compared
    from archive.diff import Difference
    from archive.explain import Explanation
    from archive.follow import Follow
    from archive.growth import Counted
    from archive.preview import Preview
    from archive.progress import Tell
    from archive.rebuild import RebuildResult
    from archive.status import Status
    from event_log import EventLog, NewEvent, Point, Receipt
    from replay import Domain, View
    from search import Answer, Connection, DeadLetters, Engine, Generation, Query

HOME = "stet-home"


class Archive:
    """A log, the documents computed from it, their indexes, and the kept state.

    ``home`` is a folder, which the first append creates, or ``s3://bucket/prefix`` (``gs://``,
    ``az://``). ``domain`` is a ``Domain`` or the name of one: by default ``STET_DOMAIN``, else the
    one that the archive remembers, else the newsroom. ``connection`` is an Elasticsearch cluster,
    or its URL: by default ``STET_SEARCH``, else the embedded engine is used.

    From then on this process reads its settings from the file in ``home``, unless ``STET_CONFIG``
    names another file.

    Raises ``WrongDomain`` when the archive belongs to another domain.

    >>> import tempfile
    >>> archive = Archive(tempfile.mkdtemp())
    >>> archive.append("tag/whales", "TagDefined", {"name": "Whales"}).version
    1
    >>> archive.rebuild().sequence
    1
    >>> archive.search("whales", view="topics").hits[0].title
    '<mark>Whales</mark>'
    >>> archive.read("topics").name.to_list()
    ['Whales']
    """

    def __init__(
        self,
        home: Path | str = HOME,
        domain: Domain | str | None = None,
        connection: Connection | str | None = None,
        *,
        engine: Engine | None = None,
    ) -> None:
        self.home = str(home)
        settings.open_home(self.home)
        self._domain, self._connection = domain, connection
        self.folder = local_folder(home)
        """The folder on this machine for all that is computed from the log."""
        if engine is not None:
            self.engine = engine
        if not is_url(home):
            _ = self.domain  # a folder of another domain is refused at once

    def __repr__(self) -> str:
        return f"Archive({self.home!r})"

    @cached_property
    def domain(self) -> Domain:
        """The domain that the archive was opened with."""
        return domains.chosen(self._domain, self.home)

    @property
    def views(self) -> Mapping[str, View]:
        """The domain's views, by name."""
        return self.domain.views

    @cached_property
    def log(self) -> EventLog:
        """The event log, with the domain's categories."""
        return open_log(self.home, self.domain.categories)

    @cached_property
    def engine(self) -> Engine:
        """The search engine."""
        from search import Connection, configured_connection, open_engine

        given = self._connection
        cluster = given if isinstance(given, Connection) else configured_connection(given)
        return open_engine(self.folder.absolute(), self.views, cluster)

    @property
    def dead_letters(self) -> DeadLetters:
        """The documents that an engine refused to index, with its reasons."""
        from search import DeadLetters

        return DeadLetters(self.folder)

    @property
    def builds(self) -> Path:
        """The folder of the builds (documents as Parquet files) and of the kept state."""
        return self.folder / "views"

    @property
    def state_path(self) -> Path:
        """The file of the kept state."""
        return self.builds / "state.duckdb"

    def view(self, view: str | View) -> View:
        """The view of this name, the first one if it is empty; raises ``UnknownName``."""
        if not isinstance(view, str):
            return view
        return next(iter(self.chosen_views([view or self.first_view]).values()))

    @property
    def first_view(self) -> str:
        """The name of the domain's first view, which is searched by default."""
        return next(iter(self.views))

    def chosen_views(self, names: Sequence[str] | None = None) -> dict[str, View]:
        """The views of these names, or all views, in the domain's order.

        Raises ``UnknownName`` for a name that no view has.
        """
        from search import UnknownName

        for name in names or ():
            if name not in self.views:
                raise UnknownName("view", name, self.views)
        return {name: self.views[name] for name in self.views if not names or name in names}

    # editing

    def append(
        self,
        stream: str,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        expected_version: int | None = None,
        event_id: str | None = None,
        occurred_at: Any = None,
        actor: str | None = None,
    ) -> Receipt:
        """Append an editor's event, after validating it against its entity's current state.

        With ``expected_version`` the event is refused if its stream is at another version, so that
        no other editor's event comes between. If the log has the ``event_id`` already, nothing is
        appended, and the receipt of the first append is returned.

        Raises ``Refused`` for an event that contradicts the current state (it revises what does
        not exist), ``WrongExpectedVersion``, and the errors of ``EventLog.append``. In each case
        nothing was appended.

        >>> import tempfile
        >>> archive = Archive(tempfile.mkdtemp())
        >>> archive.append("tag/sea", "TagRevised", {"name": "Sea"})
        Traceback (most recent call last):
        replay.errors.Refused: tag/sea does not exist; TagDefined comes first
        """
        from archive.edit import append
        from event_log import NewEvent

        event = NewEvent(stream, type, dict(data or {}), event_id, occurred_at, actor)
        return append(self, event, expected_version)

    def remember_domain(self) -> None:
        """Write the domain's name into the archive.

        ``append`` calls it. A program that writes to ``log`` directly, as an import does, calls it
        before. Raises ``WrongDomain`` when the archive belongs to another domain.
        """
        domains.remember(self.home, self.domain)

    def preview(self, event: NewEvent, tell: Tell | None = None) -> Preview:
        """Count the documents of each view that an event would change; nothing is appended.

        ``tell`` is called with a line when that takes long. Raises the errors of ``append``.
        """
        from archive.edit import check
        from archive.preview import preview

        check(self, event)
        return preview(self, event, tell)

    # keeping documents and indexes true to the log

    def rebuild(
        self, views: Sequence[str] | None = None, at: Point = None, **options: Any
    ) -> RebuildResult:
        """Compute views from the log, index them beside the live ones, compare, and promote.

        ``at`` is a sequence or an instant, by default the log's head. ``options`` are those of
        ``archive.rebuild.run``: ``progress``, ``loading``, ``tolerated`` and ``merge``.
        """
        from archive.rebuild import run

        return run(self, views, at, **options)

    def catch_up(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> CatchUpResult:
        """Bring the live indexes to the log's head, by writing only the documents that changed.

        ``tell`` is called with a line after each step. Raises ``NothingServes`` when no view can
        be caught up: rebuild first.
        """
        from archive.catch_up import run

        return run(self, views, tell)

    def follow(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> AbstractContextManager[Follow]:
        """Catch up again and again as events come; iterate over the steps inside of ``with``.

        Raises ``StateHeld`` while another process catches up, ``SubscriptionHeld`` while another
        follows.
        """
        from archive.follow import Follow

        return Follow.open(self, views, tell)

    def wait(self, sequence: int, timeout: float = 30.0) -> dict[str, float]:
        """Wait until each view's live index has reached a sequence; returns the seconds by view.

        Raises ``NotVisible`` when some view has not reached it after ``timeout`` seconds.
        """
        from archive.wait import wait

        return wait(self, sequence, timeout)

    def needs_rebuild(self) -> dict[str, str]:
        """The views that cannot be caught up, and why."""
        from archive.standing import needs_rebuild

        return needs_rebuild(self.engine, self.views, self.engine.serving())

    def compare(self, views: Sequence[str] | None = None) -> Iterator[Compared]:
        """Compare each live index with its view, computed anew, document by document."""
        from archive.compare import compare

        return compare(self, views)

    def clear(self) -> Cleared:
        """Delete generations and builds that are not live and not kept for roll-back."""
        from archive.clear import clear

        return clear(self)

    def growth(self, first: str, last: str) -> list[Counted]:
        """Count the documents of each view at the end of each month, such as ``2026-01``.

        Raises ``InvalidMonth``.
        """
        from archive.growth import count_month, months

        return [count_month(self, month) for month in months(first, last)]

    def status(self) -> Status:
        """The log's head, and for each view its checkpoint, its lag, and its live generation."""
        from archive.status import status

        return status(self)

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self.engine.generations()

    def promote(self, generation: int) -> Sequence[str]:
        """Make a generation live, in all its views at the same moment, if it passed its check."""
        from search import promote

        return promote(self.engine, generation)

    def roll_back(self, to: int | None = None) -> Mapping[str, Generation]:
        """Make the generation before the last promotion live again, or the earlier one ``to``."""
        return self.engine.roll_back(to)

    # reading

    def search(
        self,
        query: str | Query,
        view: str = "",
        *,
        at: Point = None,
        tell: Tell | None = None,
        **options: Any,
    ) -> Answer:
        """Search a view, the domain's first unless one is named.

        ``options`` are those of ``search.Query``: ``filters``, ``date_from``, ``date_to``,
        ``sort``, ``facets``, ``page``, ``size``. With ``at`` the answer is as of a sequence or an
        instant. The first such search builds an index, and calls ``tell`` with its progress.
        """
        from search import Query

        if isinstance(query, str):
            query = Query(query, view, **options)
        if at is None:
            return self.engine.search(query)
        from archive.look_back import search

        return search(self, query, at, tell)

    def read(self, view: str | View, at: Point = None) -> pd.DataFrame:
        """Read the documents of a view as of a sequence, an instant, or now, sorted by id.

        >>> import tempfile
        >>> len(Archive(tempfile.mkdtemp()).read("articles"))
        0
        """
        from archive.export import read

        return read(self, view, at)

    def export(
        self, view: str | View, at: Point = None, keys: Sequence[str] | None = None
    ) -> Iterator[bytes]:
        """Yield a view's documents as JSON Lines, sorted by id; only the ids ``keys`` if given."""
        from archive.export import export

        return export(self, view, at, keys)

    def history(self, stream: str) -> list[dict[str, Any]]:
        """List what each event of an entity changed, from what to what, oldest first.

        >>> import tempfile
        >>> archive = Archive(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"}, actor="ana")
        >>> [event["summary"] for event in archive.history("tag/sea")]
        ['ana defined “Sea”']
        """
        from archive.export import history

        return history(self, stream)

    def explain(
        self,
        document: str,
        view: str | View,
        at: Point = None,
        most: int | None = 20,
        tell: Tell | None = None,
    ) -> Explanation:
        """List the events that a document was made from, and why its entities are part of it.

        ``most`` limits the list to the latest events. Raises ``NoDocument``.
        """
        from archive.explain import explain

        return explain(self, document, view, at, most, tell)

    def diff(self, document: str, view: str | View, old: Point, new: Point = None) -> Difference:
        """List how a document changed between two points of the log."""
        from archive.diff import difference

        return difference(self, document, view, old, new)
