"""The state that Stet folds from a log, as PostgreSQL tables: what PGSync starts from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import ibis
import ibis.expr.types as ir

from archive import Archive
from benchmarks.pgsync.servers import Servers
from replay.entities import live, visible
from replay.state import State
from views.articles import words
from views.denormalize import mentions

HERE = Path(__file__).parent
NULL = r"\N"
LISTS = {"byline": "byline_ids", "image": "image_ids", "tag": "tag_ids"}


def fill(home: Path, servers: Servers) -> None:
    """Make the tables, copy the state into them, and index and analyze them.

    They hold what an article's document may show: articles that are live, images and tags that
    were not withdrawn, and every byline, also of who has left.
    """
    servers.sql("-f", str(HERE / "tables.sql"))
    with State(Archive(home).log.at(None)) as state, tempfile.TemporaryDirectory() as folder:
        for name, table in _tables(state):
            path = Path(folder) / f"{name}.csv"
            state.backend.raw_sql(
                f"COPY ({state.backend.compile(table)}) TO '{path}'"
                f" (FORMAT csv, HEADER true, NULLSTR '{NULL}')"
            )
            columns = ", ".join(table.columns)
            servers.sql(
                *("-c", f"COPY {name} ({columns}) FROM STDIN (FORMAT csv, HEADER, NULL '{NULL}')"),
                stdin=path,
            )
            path.unlink()
    servers.sql("-f", str(HERE / "indexes.sql"))


def _tables(state: State) -> Iterator[tuple[str, ir.Table]]:
    """Each table's name and content; what refers to another table comes after it."""
    section, byline = state.entities("section"), state.entities("byline")
    tag, image = visible(state, "tag"), visible(state, "image")
    articles = visible(state, "article")
    yield "section", section.select("id", "name", "parent_id").order_by("id")
    yield "byline", byline.select("id", "name", "title").order_by("id")
    yield "tag", tag.select("id", "name", "kind").order_by("id")
    shown = ("url", "caption", "credit", "alt_text", "width", "height", "photographer_id")
    yield "image", image.select("id", *shown).order_by("id")
    yield "article", _articles(state, articles).order_by("id")
    for name, field in LISTS.items():
        mentioned = mentions(articles, field).rename({"article_id": "id", f"{name}_id": "other"})
        if name != "byline":
            there = live(state.entities(name)).select(**{f"{name}_id": "id"})
            mentioned = mentioned.semi_join(there, f"{name}_id")
        yield f"article_{name}", mentioned.order_by("article_id", "position")


def _articles(state: State, articles: ir.Table) -> ir.Table:
    texts = state.text("article", "body")
    whole = articles.left_join(texts, articles.body_sequence == texts.sequence, rname="text_{name}")
    said = ("id", "headline", "kicker", "abstract", "body", "url", "published_at", "updated_at")
    return whole.select(
        *(*said, "section_id", "language", "source"),
        word_count=ibis.coalesce(whole.word_count, words(whole.body)),
        version=whole.version,
    )
