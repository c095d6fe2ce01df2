"""timeline: one document per day, with its articles by section, and its headlines.

Days are in UTC: an article published at 23:30 in New York belongs to the next day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import DAY, Tally, View, chosen, ibis, live, referring
from views.denormalize import (
    CARD_PATHS,
    counted,
    gathered,
    named,
    reference,
    through,
    with_lists,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities

HEADLINES = 50
"""The most headlines of a day."""
HEADLINE = {
    "id": "article",
    "headline": "headline",
    "url": "url",
    "published_at": "published_at",
    "section": "section",
}


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per day on which live articles were published."""
    sections = state.entities("section")
    articles = chosen(_dated(live(state.dated("article", "published_at", keys))), keys)
    days = articles.group_by("id", "date").agg(article_count=articles.count())
    filed = articles.filter(articles.other.notnull())
    shown = named(articles, sections, "name")
    shown = shown.mutate(section=reference(shown.other, name=shown.name))
    order: list[ir.Deferred | str] = ["published_at", "article"]
    days = with_lists(
        days,
        counted(filed, sections, "sections"),
        gathered(shown, "headlines", HEADLINE, order, HEADLINES),
    )
    return days.select("id", "date", "article_count", "sections", "headlines")


def _dated(articles: ir.Table) -> ir.Table:
    """The articles with their day as ``date``, and in ISO 8601 as ``id``."""
    day = articles.published_at.date()
    return articles.select(
        "headline",
        "url",
        "published_at",
        id=day.strftime("%Y-%m-%d"),
        date=day,
        article=articles.id,
        other=articles.section_id,
    )


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The articles that were published on the day, and the sections of the live ones."""
    articles = state.dated("article", "published_at", keys)
    dated, shown = chosen(_dated(articles), keys), chosen(_dated(live(articles)), keys)
    return ibis.union(
        dated.select("id", entity=dated.article),
        through(shown.select("id", entity=shown.article), referring(live(articles), "section_id")),
    )


def roots(state: Entities, keys: ir.Table) -> ir.Table:
    """The articles that were published on these days."""
    dated = chosen(_dated(state.dated("article", "published_at", keys)), keys)
    return dated.select(id=dated.article)


VIEW = View(
    name="timeline",
    code_version=2,
    documents=documents,
    lineage=lineage,
    title="id",
    text={"day": ("id",), "headline": ("headlines.headline",)},
    filters={"id": "id", "section": "sections.name", "section_id": "sections.id"},
    date="date",
    per=DAY,
    embargoed=("headlines.published_at",),
    tally=Tally(
        "articles",
        by="published_at",
        count="article_count",
        counts={"sections": "section"},
        cards={"headlines": (*CARD_PATHS, "section.id", "section.name")},
        oldest_first=True,
        most={"headlines": HEADLINES},
    ),
    roots=roots,
)
