"""One index of a cluster, as a query asks it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search.elastic.cluster import Cluster
from search.errors import SearchError


@dataclass(frozen=True)
class Asked:
    """One index, as queries ask it."""

    cluster: Cluster
    name: str

    def search(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What ``_search`` answers; a body with ``pit`` is sent without the index's name."""
        path = "/_search" if "pit" in body else f"/{self.name}/_search"
        found: Mapping[str, Any] = self.cluster.ask("POST", path, body)
        return found

    @contextlib.contextmanager
    def point_in_time(self) -> Iterator[str]:
        """The id of a point in time, kept open for a minute after each use, closed in the end."""
        opened = self.cluster.ask("POST", f"/{self.name}/_pit", keep_alive="1m")["id"]
        try:
            yield opened
        finally:
            # Where that fails it closes by itself in a minute: what was found is what matters.
            with contextlib.suppress(SearchError):
                self.cluster.ask("DELETE", "/_pit", {"id": opened}, missing=None)
