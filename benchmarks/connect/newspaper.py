"""The source of the measurement: the tables of ``examples/cms``, filled with generated articles."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from benchmarks.measuring import ROOT

EXAMPLE = ROOT / "examples" / "cms"
TABLES = (
    *("section", "byline", "tag", "image", "article"),
    *("article_byline", "article_tag", "article_image"),
)
FOLLOWED = [f"public.{table}" for table in TABLES]
ARTICLES = """
insert into article (slug, state, headline, abstract, body, section_id, published_at)
select
  'a-' || n, 'published', 'Headline ' || n || ' of ' || md5(n::text),
  'In short, ' || md5((n + 1)::text),
  'It happened on day ' || n %% 30000 || '. ' || repeat(md5((n %% 997)::text) || ' was seen. ', 12),
  n %% 20 + 1, timestamptz '1900-01-01 06:00Z' + n %% 30000 * interval '1 day'
from generate_series(%s::int, %s::int) as n
"""
INSERT = """
insert into article (slug, state, headline, body, section_id, published_at)
values (%s, 'published', %s, 'New.', 1, now())
"""
SECTIONS = "insert into section (name) select 'Section ' || n from generate_series(1, 20) as n"


def make(database: str) -> None:
    """Make the tables in an empty database."""
    with psycopg.connect(database, autocommit=True) as connection:
        for name in ("schema.sql", "follow.sql"):
            connection.execute((EXAMPLE / name).read_bytes())
        connection.execute(SECTIONS)


def fill(database: str, first: int, last: int, in_one: int | None = None) -> None:
    """Insert articles by number, in one transaction or in several of so many lines."""
    step = in_one or last - first + 1
    with psycopg.connect(database, autocommit=True) as connection:
        for begin in range(first, last + 1, step):
            connection.execute(ARTICLES, [begin, min(begin + step - 1, last)])


def insert(connection: psycopg.Connection[tuple[object, ...]], word: str) -> None:
    """Publish one article with a word in its headline."""
    connection.execute(INSERT, [word, f"News of {word}"])


def mapping(topic: str, folder: Path) -> Path:
    """The example's mapping, for another topic."""
    text = (EXAMPLE / "mapping.yaml").read_text()
    assert "topics: [cms]" in text
    path = folder / f"{topic}.yaml"
    path.write_text(text.replace("topics: [cms]", f"topics: [{json.dumps(topic)}]"))
    return path
