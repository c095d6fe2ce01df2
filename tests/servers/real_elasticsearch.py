"""Where the tests' Elasticsearch listens; without one, tests are skipped, or fail where it must be.

``ELASTICSEARCH_URL`` names one; else it is looked for where `make elasticsearch` starts it. Where
``STET_REQUIRE_ELASTICSEARCH=1``, as in CI, a test that would be skipped fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache

import elasticsearch_server
import pytest

from search.connection import Connection, configured_connection
from search.elastic.cluster import Cluster

HINT = "no Elasticsearch runs here; start one with: make elasticsearch"


@lru_cache(maxsize=1)
def _running() -> str | None:
    if given := os.environ.get("ELASTICSEARCH_URL"):
        return given
    server = elasticsearch_server.Server()
    return server.url if server.answers() else None


def missing(why: str) -> None:
    """Skip the test, or let it fail where an Elasticsearch is required."""
    if os.environ.get("STET_REQUIRE_ELASTICSEARCH") == "1":
        pytest.fail(why)
    pytest.skip(why)


@contextlib.contextmanager
def own_server(
    port: int, files: Mapping[str, bytes] | None = None, **settings: str
) -> Iterator[elasticsearch_server.Server]:
    """An empty server that a test may kill, fill or close.

    Of several test runs on one machine, one has it at a time; the others wait.
    """
    if _running() is None:
        missing(HINT)  # who has no Elasticsearch here is not made to fetch one by a test
    server = elasticsearch_server.Server(
        port, heap_mb=512, settings=tuple(settings.items()), short_lived=True
    )
    try:
        elasticsearch_server.program()
        elasticsearch_server.java()
    except elasticsearch_server.NoServer as reason:
        missing(str(reason))
    with server.folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.kill()  # what an earlier run may have left
        shutil.rmtree(server.folder, ignore_errors=True)
        try:
            server.start(files)
            yield server
        finally:
            server.kill()


def fresh() -> Connection:
    """A connection to the running server, under a prefix that nobody else has."""
    url = _running()
    if url is None:
        missing(HINT)
    found = configured_connection(url, prefix=f"test-{uuid.uuid4().hex[:12]}")
    assert found is not None
    return found


def remove(used: Connection) -> None:
    """Remove what a test has left in the cluster."""
    cluster = Cluster(used)
    for name in cluster.ask("GET", f"/{used.prefix}-*", missing={}, expand_wildcards="open,closed"):
        cluster.ask("DELETE", f"/{name}", missing=None)
