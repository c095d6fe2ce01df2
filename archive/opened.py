"""``Opened``: an archive with its domain, its log and its search engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from archive import domains
from archive.errors import UnknownView
from archive.place import is_url, open_log
from archive.places import Places
from event_log import settings

if TYPE_CHECKING:
    from event_log import EventLog
    from replay import Domain, View
    from search import Connection, Engine

HOME = "stet-home"


class Opened(Places):
    """The archive at ``home``: what it consists of. ``Archive`` says what it can do."""

    def __init__(
        self,
        home: Path | str = HOME,
        domain: Domain | str | None = None,
        connection: Connection | str | None = None,
        *,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(home)
        self._domain, self._connection = domain, connection
        if engine is not None:
            self.engine = engine
        if not is_url(home):
            _ = self.domain  # a folder of another domain is refused at once

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.home!r})"

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
    def uses_cluster(self) -> bool:
        """Whether the engine is an Elasticsearch cluster; it is not connected to."""
        from search import names_cluster

        given = self._connection
        return names_cluster(settings.text("STET_SEARCH") if given is None else given)

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

        >>> import tempfile
        >>> list(Opened(tempfile.mkdtemp()).chosen_views("articles"))
        ['articles']
        """
        from search import UnknownName

        names = (names,) if isinstance(names, str) else names
        for name in names or ():
            if name not in self.views:
                raise UnknownName("view", name, self.views)
        return {name: self.views[name] for name in self.views if not names or name in names}

    def view_of(self, document: str, view: str | View | None = None) -> View:
        """The view that is given, else the one that the form of a document's id names.

        Raises ``UnknownView`` when the id names none.
        """
        named = view or self.domain.view_of(document)
        if named is None:
            names = ", ".join(self.views)
            raise UnknownView(f"the id {document!r} does not tell the view; name one of: {names}")
        return self.view(named)
