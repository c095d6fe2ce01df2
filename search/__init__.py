"""Search: how documents are found. Engines, index generations and queries.

Here live the engine protocol, the embedded engine, and the rebuild of views and indexes
together. How a document is computed lives in ``views``; the log is not known here.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from views.log import derived

if TYPE_CHECKING:
    from search.connection import Connection
    from search.engine import Answer, Engine, Generation, Hit
    from search.errors import SearchError
    from search.query import Query

__all__ = [
    "Answer",
    "Engine",
    "Generation",
    "Hit",
    "Query",
    "SearchError",
    "open_engine",
    "roll_back",
    "search",
    "serving",
]

_WHERE = {
    "Answer": "search.engine",
    "Engine": "search.engine",
    "Generation": "search.engine",
    "Hit": "search.engine",
    "Query": "search.query",
    "SearchError": "search.errors",
}


def open_engine(home: Path | str, connection: Connection | None = None) -> Engine:
    """The engine of an archive: the one place where it is chosen. Opened once per process.

    It is the cluster of the connection, else the one that ``STET_SEARCH`` names, else the embedded
    one.
    """
    if connection is None:
        from search.connection import connection as named

        connection = named()
    return _opened(str(derived(home).absolute()), connection)


@lru_cache(maxsize=8)
def _opened(home: str, connection: Connection | None) -> Engine:
    if connection is None:
        from search.local import EmbeddedEngine

        return EmbeddedEngine(home)
    try:
        from search.elastic_engine import ElasticsearchEngine
    except ModuleNotFoundError as missing:
        from search.errors import SearchError

        if missing.name not in ("elasticsearch", "elastic_transport"):
            raise
        raise SearchError(
            "the client for Elasticsearch is not installed; run: pip install 'stet[elasticsearch]'"
        ) from None
    return ElasticsearchEngine(home, connection)


def search(home: Path | str, query: Query) -> Answer:
    """Answer a query from what serves in an archive now."""
    return open_engine(home).search(query)


def serving(home: Path | str) -> dict[str, Generation]:
    """By view, the generation that serves; views without one are not in it.

    >>> import tempfile
    >>> serving(tempfile.mkdtemp())
    {}
    """
    return open_engine(home).serving()


def roll_back(home: Path | str, to: int | None = None) -> dict[str, Generation]:
    """Let serve what served before the last promotion, or before that, until ``to`` serves."""
    return open_engine(home).roll_back(to)


def __getattr__(name: str) -> Any:
    """Import a module of this room when something of it is first used: some are slow to load."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'search' has no attribute {name!r}")
