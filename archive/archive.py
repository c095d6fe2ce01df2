"""The archive: one object for a log and all that is made from it. The Python interface of Stet."""

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
    """An archive: its log, the documents made from it, their indexes, and the kept state.

    ``home`` is a folder, which the first append makes, or ``s3://bucket/prefix`` (``gs://``,
    ``az://``). ``domain`` is a ``Domain`` or the name of one: by default ``STET_DOMAIN``, else the
    one that the archive remembers, else the newsroom. ``connection`` is the Elasticsearch to
    search with, or its URL: by default ``STET_SEARCH``, else the embedded engine.

    The settings file in ``home`` is the one of this process from then on, unless ``STET_CONFIG``
    names another.

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
        """Where on this machine lies what is made from the log."""
        if engine is not None:
            self.engine = engine
        if not is_url(home):
            _ = self.domain  # a folder says at once to which domain it belongs

    def __repr__(self) -> str:
        return f"Archive({self.home!r})"

    @cached_property
    def domain(self) -> Domain:
        """The domain that the archive was opened with."""
        return domains.chosen(self._domain, self.home)

    @property
    def views(self) -> Mapping[str, View]:
        """The views of the domain by name."""
        return self.domain.views

    @cached_property
    def log(self) -> EventLog:
        """The log, with the domain's categories."""
        return open_log(self.home, self.domain.categories)

    @cached_property
    def engine(self) -> Engine:
        """The engine that the archive is searched with."""
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
        """The folder of builds: documents as Parquet files, and the kept state."""
        return self.folder / "views"

    @property
    def state_path(self) -> Path:
        """The file of the kept state."""
        return self.builds / "state.duckdb"

    def view(self, view: str | View) -> View:
        """The view of a name, the first when it is empty; raises ``UnknownName`` for no view."""
        if not isinstance(view, str):
            return view
        return next(iter(self.chosen_views([view or self.first_view]).values()))

    @property
    def first_view(self) -> str:
        """The name of the view that is searched when none is named."""
        return next(iter(self.views))

    def chosen_views(self, names: Sequence[str] | None = None) -> dict[str, View]:
        """The views of these names, all when there are none, in the order of the domain.

        Raises ``UnknownName`` for what is no view.
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
        """Append an editor's event, validated against the current state of its entity.

        ``expected_version`` refuses the event if the stream is at another version, so that no other
        editor comes between. An event whose ``event_id`` the log has is answered with its receipt.

        Raises ``Refused`` for what contradicts the current state (revising what does not exist),
        ``WrongExpectedVersion``, and what ``EventLog.append`` raises. Nothing is appended then.

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
        """Note in the archive to which domain it belongs, before events are appended to its log.

        ``append`` does it; who writes to ``log`` directly, as an import does, calls it first.
        Raises ``WrongDomain`` when it belongs to another.
        """
        domains.remember(self.home, self.domain)

    def preview(self, event: NewEvent, tell: Tell | None = None) -> Preview:
        """How many documents of which views an event would rewrite; nothing is appended.

        ``tell`` is called with a line when that takes longer. Raises what ``append`` raises.
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

        ``at`` is a sequence or an instant; the log's head when not given. ``options`` are those of
        ``archive.rebuild.run``: ``progress``, ``loading``, ``tolerated`` and ``merge``.
        """
        from archive.rebuild import run

        return run(self, views, at, **options)

    def catch_up(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> CatchUpResult:
        """Bring the live indexes to the log's head; only documents that events changed are written.

        ``tell`` is called with a line after each step. Raises ``NothingServes`` when there is no
        index yet: rebuild first.
        """
        from archive.catch_up import run

        return run(self, views, tell)

    def follow(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> AbstractContextManager[Follow]:
        """Catch up again and again as events come: iterate over the steps within a ``with``.

        Raises ``StateHeld`` while another process catches up.
        """
        from archive.follow import Follow

        return Follow.open(self, views, tell)

    def wait(self, sequence: int, timeout: float = 30.0) -> dict[str, float]:
        """Wait until each view's live index has this sequence; by view, the seconds it took.

        Raises ``NotVisible`` when some view is not there after ``timeout`` seconds.
        """
        from archive.wait import wait

        return wait(self, sequence, timeout)

    def needs_rebuild(self) -> dict[str, str]:
        """The views that catching up cannot bring forward, and why."""
        from archive.standing import needs_rebuild

        return needs_rebuild(self.engine, self.views, self.engine.serving())

    def compare(self, views: Sequence[str] | None = None) -> Iterator[Compared]:
        """Compare live indexes with their views, computed anew, document by document."""
        from archive.compare import compare

        return compare(self, views)

    def clear(self) -> Cleared:
        """Delete generations and builds that are not live and not kept for roll-back."""
        from archive.clear import clear

        return clear(self)

    def growth(self, first: str, last: str) -> list[Counted]:
        """How many documents each view had at the end of each month, such as ``2026-01``.

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
        """Make a generation live in all its views at the same moment, if it passed its check."""
        from search import promote

        return promote(self.engine, generation)

    def roll_back(self, to: int | None = None) -> Mapping[str, Generation]:
        """Make live what was live before the last promotion, or before that, until ``to`` is."""
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
        ``sort``, ``facets``, ``page``, ``size``. ``at`` answers as of a sequence or an instant; the
        index of then is built when it is first asked for: ``tell`` is called with how far that is.
        """
        from search import Query

        if isinstance(query, str):
            query = Query(query, view, **options)
        if at is None:
            return self.engine.search(query)
        from archive.look_back import search

        return search(self, query, at, tell)

    def read(self, view: str | View, at: Point = None) -> pd.DataFrame:
        """The documents of a view as of a sequence, an instant, or now, sorted by id.

        >>> import tempfile
        >>> len(Archive(tempfile.mkdtemp()).read("articles"))
        0
        """
        from archive.export import read

        return read(self, view, at)

    def export(
        self, view: str | View, at: Point = None, keys: Sequence[str] | None = None
    ) -> Iterator[bytes]:
        """The documents of a view as JSON Lines, sorted by id; only those of ``keys`` if given."""
        from archive.export import export

        return export(self, view, at, keys)

    def history(self, stream: str) -> list[dict[str, Any]]:
        """The life of an entity: what each of its events changed, from what to what, oldest first.

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
        """Which events made a document, and how their entities are part of it.

        ``most`` limits the events to the latest so many. Raises ``NoDocument``.
        """
        from archive.explain import explain

        return explain(self, document, view, at, most, tell)

    def diff(self, document: str, view: str | View, old: Point, new: Point = None) -> Difference:
        """How a document changed between two points of the log."""
        from archive.diff import difference

        return difference(self, document, view, old, new)
