"""The documents of an archive for what Stet is measured beside: as SQLite, and in Elasticsearch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from elasticsearch import Elasticsearch, helpers

from archive import Archive
from replay import list_builds

MAPPING = {
    "properties": {
        "headline": {"type": "text"},
        "abstract": {"type": "text"},
        "body": {"type": "text"},
        "section": {"type": "keyword"},
        "tags": {"type": "keyword"},
        "bylines": {"type": "keyword"},
        "published_at": {"type": "date"},
    }
}
TABLE = """
CREATE TABLE articles (
  id TEXT PRIMARY KEY, headline TEXT, abstract TEXT, body TEXT, section TEXT, tags TEXT,
  bylines TEXT, published_at TEXT, year INTEGER
);
"""
INDEXES = """
CREATE INDEX articles_section ON articles (section);
CREATE INDEX articles_year ON articles (year);
CREATE VIRTUAL TABLE articles_fts USING fts5 (headline, abstract, body, content='articles');
INSERT INTO articles_fts (rowid, headline, abstract, body)
  SELECT rowid, headline, abstract, body FROM articles;
"""
COLUMNS = ("id", "headline", "abstract", "body", "section", "tags", "bylines", "published_at")


def documents(archive: Archive) -> Iterator[dict[str, Any]]:
    """The articles of an archive's last build, with what both others are given of them."""
    path = list_builds(archive.builds)[-1] / "articles.parquet"
    for batch in pq.ParquetFile(path).iter_batches(2_000, columns=[*COLUMNS]):
        for row in batch.to_pylist():
            published = row["published_at"]
            yield {
                **row,
                "section": (row["section"] or {}).get("name"),
                "tags": [each["name"] for each in row["tags"] or () if each["name"]],
                "bylines": [each["name"] for each in row["bylines"] or () if each["name"]],
                "published_at": published.isoformat() if published else None,
            }


def into_sqlite(archive: Archive, file: Path) -> None:
    """Write them into a table with full-text search and indexes for its facets."""
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(TABLE)
        database.executemany(
            f"INSERT INTO articles VALUES ({', '.join('?' * 9)})",
            (
                (
                    *(each[name] for name in COLUMNS[:5]),
                    json.dumps(each["tags"]),
                    json.dumps(each["bylines"]),
                    each["published_at"],
                    int(each["published_at"][:4]) if each["published_at"] else None,
                )
                for each in documents(archive)
            ),
        )
        database.executescript(INDEXES)


def into_elasticsearch(archive: Archive, url: str, index: str) -> None:
    """Index them, one shard, as the client's helper does."""
    client = Elasticsearch(url, request_timeout=120)
    client.options(ignore_status=404).indices.delete(index=index)
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}
    client.indices.create(index=index, mappings=MAPPING, settings=settings)
    actions = ({"_index": index, "_id": each.pop("id"), **each} for each in documents(archive))
    for _ in helpers.parallel_bulk(client, actions, thread_count=2, chunk_size=1_000):
        pass
    client.indices.refresh(index=index)


def remove(url: str, index: str) -> None:
    """Delete the index again."""
    Elasticsearch(url).options(ignore_status=404).indices.delete(index=index)
