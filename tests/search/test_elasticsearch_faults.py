"""Servers that are killed, crowded and cut off in the middle of a load; and loads that go on."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch
from elasticsearch_server import Server

from search.comparison import compare_index
from search.connection import configured_connection
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.engine import Loading
from search.errors import ClusterAway

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("own server")]  # one process has it
KILLED, CROWDED = 9211, 9212
Story = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def killed() -> Iterator[Server]:
    """A server of these tests' own, which they kill."""
    with real_elasticsearch.own_server(KILLED) as server:
        yield server


@pytest.fixture
def stories(story: Story, write: Any, tmp_path: Path) -> Path:
    """Twelve thousand articles, some 25 MB: enough requests to be in the middle of."""
    chance = random.Random(3)
    words = ["sea", "ship", "ice", "whale", "harbor", "captain", "storm", "north", "light"]
    documents = [
        story(f"article/{n:05d}", f"Whale {n}", body=" ".join(chance.choices(words, k=350)))
        for n in range(12_000)
    ]
    path: Path = write(tmp_path / "stories.parquet", documents)
    return path


def engine_at(url: str, home: Path, views: Any, patience: str = "120") -> ElasticsearchEngine:
    found = configured_connection(url, prefix=f"faults-{uuid.uuid4().hex[:8]}", patience=patience)
    assert found is not None
    return ElasticsearchEngine(home, found, views)


def loaded_whole(engine: ElasticsearchEngine, stories: Path) -> None:
    """Nothing is lost, nothing doubled, nothing set aside: document by document."""
    about = engine.refresh("articles", 1)
    assert about.documents == 12_000
    assert engine.rejected("articles", 1) == set()
    assert not compare_index(stories, engine.digests("articles", 1))


def test_a_server_that_is_killed_in_the_middle_of_a_load_and_comes_back_has_everything(
    killed: Server, stories: Path, views: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.pace.EVERY", 0.0)
    engine = engine_at(killed.url, tmp_path, views)
    engine.create("articles", 1, 10)
    told: list[Loading] = []
    again: list[threading.Thread] = []
    once = threading.Lock()  # the threads of a load tell at the same time

    def watch(loading: Loading) -> None:
        told.append(loading)
        if 1_000 < loading.documents < 11_000 and once.acquire(blocking=False):
            killed.kill()
            again.append(threading.Thread(target=killed.start))
            again[0].start()

    assert engine.load("articles", 1, stories, watch) == 12_000
    again[0].join()
    assert any("does not answer" in loading.note for loading in told)
    loaded_whole(engine, stories)


def test_a_load_is_given_up_when_the_cluster_stays_away(
    killed: Server, stories: Path, views: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.pace.EVERY", 0.0)
    engine = engine_at(killed.url, tmp_path, views, patience="2")
    engine.create("articles", 1, 10)
    once = threading.Lock()

    def kill(_: Loading) -> None:
        if once.acquire(blocking=False):
            killed.kill()

    try:
        began = time.monotonic()
        with pytest.raises(ClusterAway, match="does not answer"):
            engine.load("articles", 1, stories, kill)
        assert time.monotonic() - began < 60
    finally:
        killed.start()


def test_a_loader_that_is_killed_leaves_what_serves_and_the_next_one_clears_up(
    killed: Server, tmp_path: Path
) -> None:
    """The whole job as a process, killed while it loads; then run again."""
    from archive import Archive
    from event_log import NewEvent
    from newsroom import DOMAIN
    from search.query import Query

    given = {"headline": "Whale", "published_at": "1912-04-15T00:00:00Z"}
    used = configured_connection(killed.url, prefix=f"killed-{os.getpid()}")
    assert used is not None
    engine = ElasticsearchEngine(tmp_path, used, DOMAIN.views)
    archive = Archive(tmp_path, DOMAIN, engine=engine)
    log = archive.log
    log.append([NewEvent(f"article/{n}", "ArticlePublished", given) for n in range(50)])
    archive.rebuild(["articles"])
    log.append([NewEvent("article/new", "ArticlePublished", given)])
    code = f"""
        import sys, time
        from archive import Archive
        from search import configured_connection
        from search.elastic import load
        send = load.Loader._send_once
        def slowly(self, body):
            found = send(self, body)
            print("loading", flush=True)
            time.sleep(60)
            return found
        load.Loader._send_once = slowly
        used = configured_connection({killed.url!r}, prefix={used.prefix!r})
        Archive(sys.argv[1], connection=used).rebuild(["articles"])
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"loading\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert engine.search(Query()).total == 50
    assert engine.numbers() == {1, 2}
    assert archive.rebuild(["articles"]).generation == 3
    assert engine.search(Query()).total == 51
    assert engine.numbers() == {1, 3}


class Cutting:
    """Stands between a client and a server, and cuts every third connection in mid-request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            for number in range(1_000_000):
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                # The first is let through up to the middle of a request; the answer is cut, too.
                limit = 1_300_000 if number % 3 == 0 else None
                for pair in ((client, server, limit), (server, client, None)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                passed += len(data)
                target.sendall(data)
                if limit is not None and passed > limit:
                    self.cut += 1
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listening.close()


def test_connections_that_drop_in_mid_request_lose_and_double_nothing(
    killed: Server, stories: Path, views: Any, tmp_path: Path
) -> None:
    between = Cutting(killed.port)
    try:
        engine = engine_at(between.url, tmp_path, views)
        engine.create("articles", 1, 10)
        assert engine.load("articles", 1, stories) == 12_000
        assert between.cut > 0
        loaded_whole(engine, stories)
    finally:
        between.close()


def test_a_node_without_room_for_so_much_at_once_gets_it_in_smaller_pieces(
    stories: Path, views: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real 429s: the node takes a megabyte at a time for all of its requests together."""
    monkeypatch.setattr("search.pace.EVERY", 0.0)
    little = {"indexing_pressure.memory.limit": "1mb"}
    with real_elasticsearch.own_server(CROWDED, **little) as server:
        engine = engine_at(server.url, tmp_path, views)
        engine.create("articles", 1, 10)
        told: list[Loading] = []
        assert engine.load("articles", 1, stories, told.append) == 12_000
        assert any("is too busy (429" in loading.note for loading in told)
        loaded_whole(engine, stories)


def test_an_interrupted_load_ends_within_seconds_and_sends_nothing_more(
    killed: Server, stories: Path, views: Any, tmp_path: Path
) -> None:
    engine = engine_at(killed.url, tmp_path, views)
    engine.create("articles", 1, 10)
    timer = threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            engine.load("articles", 1, stories)
    finally:
        timer.cancel()
    time.sleep(3)  # what was under way is through by now
    cluster = Cluster(engine._connection)
    name = engine._indexes.name("articles", 1)

    def there() -> int:
        cluster.ask("POST", f"/{name}/_refresh")
        return int(cluster.ask("GET", f"/{name}/_count")["count"])

    before = there()
    time.sleep(1)
    assert there() == before < 12_000
