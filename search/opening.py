"""Opening an engine: the one place where it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay import View
    from search.connection import Connection
    from search.engine import Engine


def open_engine(
    folder: Path | str, views: Mapping[str, View], connection: Connection | None = None
) -> Engine:
    """The engine for some views: the cluster of the connection, else the embedded one.

    ``folder`` is where the embedded engine keeps its indexes, and the other its locks and dead
    letters.

    >>> import tempfile
    >>> open_engine(tempfile.mkdtemp(), {}).serving()
    {}
    """
    if connection is None:
        from search.embedded.engine import EmbeddedEngine

        return EmbeddedEngine(folder, views)
    from search.elastic.engine import ElasticsearchEngine

    return ElasticsearchEngine(folder, connection, views)
