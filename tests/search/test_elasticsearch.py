"""What only a cluster has: aliases, versions, dead letters, blocks, and other people's indexes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
import real_elasticsearch

from archive import Archive, Rebuild
from search import promotion
from search.comparison import compare_index
from search.connection import Connection
from search.elastic.cluster import LINES, Cluster
from search.elastic.engine import ElasticsearchEngine
from search.engine import Change, Loading
from search.errors import (
    ClusterRefused,
    DamagedIndex,
    NotIndexed,
    NotPromoted,
    SearchError,
)
from search.mapping import IndexMapping
from search.query import Query

pytestmark = pytest.mark.server

Story = Callable[..., dict[str, Any]]
TOO_LONG = "x" * 40_000
"""Longer than any value that Elasticsearch takes as a keyword."""


@pytest.fixture
def used() -> Iterator[Connection]:
    found = real_elasticsearch.fresh()
    yield found
    real_elasticsearch.remove(found)


@pytest.fixture
def cluster(used: Connection) -> Cluster:
    return Cluster(used)


class Newsroom:
    """An engine on the cluster, and documents to fill it with."""

    def __init__(self, home: Path, used: Connection, views: Any, write: Any) -> None:
        self.home = home
        self.prefix = used.prefix
        self.engine = ElasticsearchEngine(home, used, views)
        self.views = views
        self._write = write

    def documents(self, documents: list[dict[str, Any]]) -> Path:
        path: Path = self._write(self.home / "documents.parquet", documents)
        return path

    def build(
        self, documents: list[dict[str, Any]], generation: int = 1, sequence: int = 10
    ) -> Any:
        path = self.documents(documents)
        self.engine.create("articles", generation, sequence)
        self.engine.load("articles", generation, path)
        return self.engine.refresh("articles", generation)

    def differences(self, documents: list[dict[str, Any]], generation: int = 1) -> Any:
        rejected = self.engine.rejected("articles", generation)
        found = self.engine.digests("articles", generation)
        return compare_index(self.documents(documents), found, rejected)


@pytest.fixture
def newsroom(tmp_path: Path, used: Connection, views: Any, write: Any) -> Newsroom:
    return Newsroom(tmp_path, used, views, write)


def test_an_index_says_what_it_is_and_takes_no_field_it_does_not_know(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    newsroom.build([story("article/1")])
    name = f"{newsroom.prefix}-articles-000001"
    said = cluster.ask("GET", f"/{name}")[name]
    meta = said["mappings"]["_meta"]["stet"]
    about = meta["about"]
    assert meta["built_by"].startswith("stet ")
    assert about["mapping"].endswith(IndexMapping.of(newsroom.views["articles"]).digest)
    assert datetime.fromisoformat(about["built_at"]) <= datetime.now(UTC)
    assert (about["view"], about["code_version"], about["sequence"]) == ("articles", 1, 10)
    assert said["mappings"]["dynamic"] == "strict"
    assert said["settings"]["index"]["number_of_replicas"] == "0"
    assert said["settings"]["index"]["refresh_interval"] == "-1"
    newsroom.engine.promote({"articles": 1})
    settings = cluster.ask("GET", f"/{name}/_settings")[name]["settings"]["index"]
    assert (settings["auto_expand_replicas"], settings["refresh_interval"]) == ("0-1", "1s")


def test_what_is_sent_to_another_machine_is_compressed(
    newsroom: Newsroom, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, bytes]] = []
    perform = newsroom.engine._cluster._transport.perform_request

    def watched(method: str, path: str, **given: Any) -> Any:
        if given["body"]:
            sent.append((given["headers"].get("content-encoding", ""), given["body"][:2]))
        return perform(method, path, **given)

    monkeypatch.setattr(newsroom.engine._cluster._transport, "perform_request", watched)
    monkeypatch.setattr("search.connection.LOOPBACK", ())  # as if it were another one
    documents = [story(f"article/{n}", body="sea " * 500) for n in range(300)]
    newsroom.build(documents)
    assert not newsroom.differences(documents)
    assert sent
    assert set(sent) == {("gzip", b"\x1f\x8b")}


def test_a_generation_can_be_asked_for_in_one_piece(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    path = newsroom.documents([story(f"article/{n}") for n in range(50)])
    newsroom.engine.create("articles", 1, 10)
    newsroom.engine.load("articles", 1, path)
    newsroom.engine.refresh("articles", 1, merge=True)
    name = f"{newsroom.prefix}-articles-000001"
    segments = cluster.ask("GET", f"/{name}/_segments")["indices"][name]["shards"]["0"][0]
    assert len(segments["segments"]) == 1


def test_a_rejected_document_is_a_dead_letter_and_the_rest_is_indexed(
    newsroom: Newsroom, story: Story
) -> None:
    documents = [story(f"article/{n}") for n in range(100)]
    documents[7] = story("article/7", section=TOO_LONG)
    documents.append(story("article/" + "long" * 200))
    began = datetime.now(UTC)
    assert newsroom.build(documents).documents == 99
    letters = {letter.key: letter for letter in newsroom.engine.letters.letters("articles")}
    assert set(letters) == {"article/7", "article/" + "long" * 200}
    refused = letters["article/7"]
    assert (refused.generation, refused.sequence, refused.as_of) == (1, 1, 10)
    assert refused.at >= began
    assert "immense term" in refused.reason or "section.name" in refused.reason
    assert orjson.loads(refused.document)["section"]["name"] == TOO_LONG
    assert "id is too long" in letters["article/" + "long" * 200].reason or "512" in str(letters)
    assert not newsroom.differences(documents)


def test_a_dead_letter_is_replayed_when_what_stood_in_its_way_is_gone(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    documents = [story("article/1"), story("article/2", section=TOO_LONG)]
    newsroom.build(documents)
    name = f"{newsroom.prefix}-articles-000001"
    assert newsroom.engine.replay("articles", 1) == 0
    assert len(newsroom.engine.letters.letters()) == 1
    lenient = {"properties": {"section": {"properties": {"name": {"ignore_above": 100}}}}}
    lenient["properties"]["section"]["properties"]["name"]["type"] = "keyword"  # type: ignore[assignment]
    cluster.ask("PUT", f"/{name}/_mapping", lenient)
    assert newsroom.engine.replay("articles", 1, ["article/2"]) == 1
    assert newsroom.engine.letters.letters() == []
    assert not newsroom.differences(documents)
    assert [found.documents for found in newsroom.engine.generations()] == [2]


def test_a_generation_with_too_many_dead_letters_is_not_promoted(
    tmp_path: Path, used: Connection
) -> None:
    from event_log import NewEvent
    from newsroom import DOMAIN

    engine = ElasticsearchEngine(tmp_path, used, DOMAIN.views)
    archive = Archive(tmp_path, DOMAIN, engine=engine)
    log = archive.log
    log.append([NewEvent("section/s", "SectionOpened", {"name": TOO_LONG})])
    given = {"headline": "Whale", "published_at": "1912-04-15T00:00:00Z"}
    log.append([NewEvent("article/1", "ArticlePublished", {**given, "section_id": "section/s"})])
    log.append([NewEvent(f"article/{n}", "ArticlePublished", given) for n in range(2, 101)])

    def rebuilt(tolerated: float) -> Rebuild:
        rebuild = Rebuild.begin(archive, ["articles"], tolerated=tolerated)
        rebuild.write("articles")
        assert rebuild.index("articles").rejected == 1
        assert not rebuild.check("articles")
        return rebuild

    with pytest.raises(NotPromoted, match=r"1 of 100 documents were rejected, more than 0\.1 %"):
        rebuilt(0.001).promote()
    assert engine.serving() == {}
    rebuilt(0.01).promote()
    assert engine.serving()["articles"].documents == 99


def test_a_broken_document_is_found_among_a_hundred_thousand(
    newsroom: Newsroom, cluster: Cluster
) -> None:
    schema = pa.schema([("id", pa.string()), ("name", pa.string()), ("sequence", pa.int64())])
    keys = [f"byline/{n:06d}" for n in range(100_000)]
    table = pa.table({"id": keys, "name": ["Ana Ruiz"] * len(keys), "sequence": [1] * len(keys)})
    path = newsroom.home / "bylines.parquet"
    pa.parquet.write_table(table.cast(schema), path, row_group_size=20_000)
    engine = newsroom.engine
    engine.create("bylines", 1, 10)
    assert engine.load("bylines", 1, path) == 100_000
    engine.refresh("bylines", 1)
    assert not compare_index(path, engine.digests("bylines", 1))
    name = f"{newsroom.prefix}-bylines-000001"
    # Its digest stays as it was: only who looks at the document itself sees it.
    changed = {"doc": {"name": "Ana Ruis"}}
    cluster.ask("POST", f"/{name}/_update/byline%2F054321", changed, refresh="true")
    cluster.ask("DELETE", f"/{name}/_doc/byline%2F000007", refresh="true")
    found = compare_index(path, engine.digests("bylines", 1))
    assert (found.different, found.missing, found.extra) == (
        ["byline/054321"],
        ["byline/000007"],
        [],
    )


def bulk(cluster: Cluster, target: str, action: dict[str, Any], *document: Any) -> dict[str, Any]:
    lines = b"\n".join([orjson.dumps(action), *map(orjson.dumps, document), b""])
    reply = cluster.send("POST", f"/{target}/_bulk?require_alias=true", lines, kind=LINES)
    ((_, told),) = orjson.loads(reply.body)["items"][0].items()
    return dict(told)


def written_by(cluster: Cluster, name: str) -> str:
    """The alias through which an index is written now."""
    aliases = cluster.ask("GET", f"/{name}/_alias")[name]["aliases"]
    (fence,) = (alias for alias in aliases if alias.startswith(f"{name}-by-"))
    return str(fence)


def test_a_late_write_never_overwrites_a_newer_one(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    documents = [story("article/1", "Newer", sequence=8)]
    newsroom.build(documents)
    target = written_by(cluster, f"{newsroom.prefix}-articles-000001")
    late = {"index": {"_id": "article/1", "version": 7, "version_type": "external"}}
    assert bulk(cluster, target, late, {"id": "article/1", "headline": "Older"})["status"] == 409
    repeated = {"index": {"_id": "article/1", "version": 8, "version_type": "external"}}
    assert bulk(cluster, target, repeated, {"id": "article/1"})["status"] == 409
    assert not newsroom.differences(documents)


def test_a_replay_later_than_versions_are_remembered_resurrects_nothing(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    """Elasticsearch forgets a deleted document's version; the name to write by is gone by then."""
    newsroom.build([story("article/1", sequence=5), story("article/2", section=TOO_LONG)])
    name = f"{newsroom.prefix}-articles-000001"
    cluster.ask("PUT", f"/{name}/_settings", {"index": {"gc_deletes": "1s"}})
    before = written_by(cluster, name)
    newsroom.engine.advance(20, {"articles": 1}, [Change("articles", 1, gone=["article/1"])])
    late = {"index": {"_id": "article/1", "version": 5, "version_type": "external"}}
    was = {"id": "article/1", "headline": "Back from the dead"}
    at_once = bulk(cluster, written_by(cluster, name), late, was)
    assert at_once["status"] == 409  # for now it is remembered
    time.sleep(2.5)
    refused = bulk(cluster, before, late, was)
    assert refused["error"]["type"] == "index_not_found_exception"
    with pytest.raises(NotIndexed, match="at a later sequence than its dead letters"):
        newsroom.engine.replay("articles", 1)
    cluster.ask("POST", f"/{name}/_refresh")
    assert cluster.ask("GET", f"/{name}/_count")["count"] == 0
    # What would be, without the fence: the very same write, to where it can be written now.
    assert bulk(cluster, written_by(cluster, name), late, was)["status"] == 201


def test_an_index_that_is_deleted_while_it_is_loaded_is_not_made_anew(
    newsroom: Newsroom, cluster: Cluster, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{newsroom.prefix}-articles-000001"
    path = newsroom.documents([story(f"article/{n}", body="sea " * 2000) for n in range(500)])
    newsroom.engine.create("articles", 1, 10)

    def delete(_: Loading) -> None:
        cluster.ask("DELETE", f"/{name}", missing=None)

    monkeypatch.setattr("search.pace.EVERY", 0.0)
    with pytest.raises(ClusterRefused, match=r"the index .* is gone; run: stet rebuild"):
        newsroom.engine.load("articles", 1, path, delete)
    assert cluster.ask("GET", f"/{name}", missing="gone") == "gone"


def test_a_full_disk_is_told_in_a_line_and_not_waited_for(
    newsroom: Newsroom, cluster: Cluster, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{newsroom.prefix}-articles-000001"
    path = newsroom.documents([story(f"article/{n}", body="sea " * 2000) for n in range(500)])
    newsroom.engine.create("articles", 1, 10)

    def fill(_: Loading) -> None:  # what a node does when its disk reaches the flood stage
        block = {"index.blocks.read_only_allow_delete": True}
        cluster.ask("PUT", f"/{name}/_settings", block)

    monkeypatch.setattr("search.pace.EVERY", 0.0)
    with pytest.raises(
        ClusterRefused, match=r"a disk of .* is full.* make room or add a node"
    ) as told:
        newsroom.engine.load("articles", 1, path, fill)
    assert "\n" not in str(told.value)


def test_a_closed_index_is_told_with_how_to_open_it(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    newsroom.build([story("article/1")])
    newsroom.engine.promote({"articles": 1})
    name = f"{newsroom.prefix}-articles-000001"
    cluster.ask("POST", f"/{name}/_close")
    with pytest.raises(ClusterRefused, match=f"{name} .* is closed; open it: POST /{name}/_open"):
        newsroom.engine.search(Query("story"))


def test_an_alias_that_is_somebodys_index_is_left_alone_and_told(
    newsroom: Newsroom, cluster: Cluster, story: Story
) -> None:
    cluster.ask("PUT", f"/{newsroom.prefix}-articles")
    with pytest.raises(ClusterRefused, match="is an index that is not Stet's; delete or rename it"):
        newsroom.build([story("article/1")])
    with pytest.raises(ClusterRefused, match="is not Stet's"):
        newsroom.engine.search(Query())
    assert list(cluster.ask("GET", f"/{newsroom.prefix}-*")) == [f"{newsroom.prefix}-articles"]


def test_only_what_no_alias_names_is_removed(newsroom: Newsroom, story: Story) -> None:
    for generation in range(1, 6):
        newsroom.build([story(f"article/{generation}")], generation)
        newsroom.engine.promote({"articles": generation})
    newsroom.build([story("article/left")], generation=6)  # whoever built it was killed
    assert newsroom.engine.clear() == [1, 2, 6]
    assert newsroom.engine.numbers() == {3, 4, 5}
    for serves in (5, 4, 3):
        with pytest.raises(SearchError, match="is live, or kept for roll-back"):
            newsroom.engine.drop("articles", serves)
    assert newsroom.engine.roll_back(3)["articles"].generation == 3
    assert newsroom.engine.search(Query()).hits[0].id == "article/3"


def test_what_another_archive_builds_in_the_same_cluster_is_left_alone(
    newsroom: Newsroom, used: Connection, views: Any, write: Any, tmp_path: Path, story: Story
) -> None:
    other = Newsroom(tmp_path / "other", used, views, write)
    other.build([story("article/1")])
    assert newsroom.engine.clear() == []
    assert newsroom.engine.numbers() == {1}
    with pytest.raises(ClusterRefused, match=r"being built from .*/other; .* STET_SEARCH_PREFIX"):
        newsroom.build([story("article/2")])
    other.engine.promote({"articles": 1})
    assert newsroom.engine.search(Query()).total == 1


def test_a_promotion_that_comes_too_late_is_made_on_what_serves_by_then(
    newsroom: Newsroom, story: Story
) -> None:
    for generation in (1, 2, 3):
        newsroom.build([story("article/1")], generation)
    indexes = newsroom.engine._indexes
    indexes.change_pointer(lambda now: now.promoted({"articles": 1}))
    looked = indexes.pointer

    def slowly(*given: Any) -> Any:
        found = looked(*given)
        indexes.pointer = looked  # type: ignore[method-assign]
        # another process promotes, just then
        indexes.change_pointer(lambda now: now.promoted({"articles": 2}))
        return found

    indexes.pointer = slowly  # type: ignore[method-assign]
    indexes.change_pointer(lambda now: now.promoted({"articles": 3}))
    pointer = indexes.pointer()
    assert (pointer.live, pointer.before) == (
        {"articles": 3},
        ({"articles": 2}, {"articles": 1}),
    )


def test_what_was_not_built_or_not_checked_is_not_promoted(
    newsroom: Newsroom, story: Story
) -> None:
    with pytest.raises(NotPromoted, match="there is no generation 9"):
        promotion.promote(newsroom.engine, 9)
    newsroom.build([story("article/1")])
    with pytest.raises(NotPromoted, match="index and check it first"):
        promotion.promote(newsroom.engine, 1)
    with pytest.raises(DamagedIndex, match="gone or unfinished"):
        newsroom.engine.promote({"articles": 7})


def test_copies_that_no_node_has_room_for_are_told(
    newsroom: Newsroom, cluster: Cluster, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.build([story("article/1")])
    monkeypatch.setattr("search.elastic.generations.SECONDS_TO_GREEN", 1.0)
    index = newsroom.engine._indexes.index("articles", 1)
    nodes = len(cluster.ask("GET", "/_nodes")["nodes"])
    with pytest.raises(ClusterRefused, match=r"copies of .* are not there after 1 s"):
        newsroom.engine._indexes.make_ready(index, copies=nodes)
    assert newsroom.engine.serving() == {}
