"""bylines: one document per byline, with counts and dates of its articles, sections, co-authors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import Tally, View, chosen, ibis, live, visible
from views.denormalize import (
    CARD_PATHS,
    LATEST,
    TOGETHER,
    aliases,
    counted,
    itself,
    latest,
    mentioned_once,
    naming,
    together,
    with_lists,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per live byline; removed ``coauthors`` keep the name of before.

    Of an article with very many bylines the first ``TOGETHER`` are co-authors.
    """
    people = state.entities("byline")
    articles = live(state.naming("article", "byline_ids", keys))
    signed = mentioned_once(articles, "byline_ids", "published_at", "section_id")
    written = chosen(signed.select("article", "published_at", "section_id", id=signed.other), keys)
    totals = written.group_by("id").agg(
        article_count=written.count(),
        first_published_at=written.published_at.min(),
        last_published_at=written.published_at.max(),
    )
    filed = written.filter(written.section_id.notnull()).select("id", other="section_id")
    bylines = visible(state, "byline", keys).left_join(totals, "id")
    bylines = bylines.mutate(article_count=bylines.article_count.fill_null(0))
    bylines = with_lists(
        bylines,
        latest(written, state, keys),
        counted(filed, state.entities("section"), "sections"),
        counted(together(articles, "byline_ids", keys), people, "coauthors"),
    )
    counts = ["article_count", "first_published_at", "last_published_at"]
    lists = ["latest", "sections", "coauthors"]
    return bylines.select(
        "id", "name", "title", "bio", "url", *counts, *lists, aliases=aliases(bylines)
    )


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The byline; the articles that refer to it; sections and co-authors of the live articles."""
    articles = state.naming("article", "byline_ids", keys)
    written = mentioned_once(live(articles), "byline_ids", "section_id")
    beside = together(live(articles), "byline_ids", keys)
    return ibis.union(
        itself(state.entities("byline")),
        naming(articles, "byline_ids"),
        written.select(id=written.other, entity=written.section_id),
        beside.select("id", entity=beside.other),
    )


VIEW = View(
    name="bylines",
    code_version=3,
    documents=documents,
    lineage=lineage,
    title="name",
    text={"name": ("name",), "title": ("title",), "bio": ("bio",), "alias": ("aliases",)},
    other_names=("alias",),
    filters={
        "id": "id",
        "section": "sections.name",
        "section_id": "sections.id",
        "coauthor": "coauthors.name",
        "coauthor_id": "coauthors.id",
    },
    date="last_published_at",
    per="byline",
    embargo=False,
    embargoed=("first_published_at", "last_published_at", "latest.published_at"),
    tally=Tally(
        "articles",
        by="bylines.id",
        count="article_count",
        counts={"sections": "section", "coauthors": "bylines"},
        cards={"latest": CARD_PATHS},
        most={"latest": LATEST},
        newest={"last_published_at": "latest.published_at"},
        together=TOGETHER,
    ),
)
