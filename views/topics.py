"""topics: one document per tag, with its latest articles, and the tags of the same articles."""

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
    """One document per live tag; ``related`` has no removed tags.

    Of an article with very many tags the first ``TOGETHER`` are related.
    """
    tags = state.entities("tag")
    articles = live(state.naming("article", "tag_ids", keys))
    tagged = mentioned_once(articles, "tag_ids", "published_at")
    pairs = chosen(tagged.select("article", "published_at", id=tagged.other), keys)
    removed = tags.filter(~tags.live).select(other=tags.id)
    beside = together(articles, "tag_ids", keys).anti_join(removed, "other")
    counts = pairs.group_by("id").agg(article_count=pairs.count())
    topics = visible(state, "tag", keys).left_join(counts, "id")
    topics = with_lists(
        topics.mutate(article_count=topics.article_count.fill_null(0)),
        latest(pairs, state, keys),
        counted(beside, tags, "related", LATEST),
    )
    counts = ["article_count", "latest", "related"]
    return topics.select("id", "name", "kind", *counts, aliases=aliases(topics))


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The tag; the articles that refer to it; the other tags of the live articles."""
    articles = state.naming("article", "tag_ids", keys)
    beside = together(live(articles), "tag_ids", keys)
    return ibis.union(
        itself(state.entities("tag")),
        naming(articles, "tag_ids"),
        beside.select("id", entity=beside.other),
    )


VIEW = View(
    name="topics",
    code_version=3,
    documents=documents,
    lineage=lineage,
    title="name",
    text={"name": ("name",), "related": ("related.name",), "alias": ("aliases",)},
    other_names=("alias",),
    filters={
        "id": "id",
        "kind": "kind",
        "related": "related.name",
        "related_id": "related.id",
    },
    per="tag",
    embargoed=("latest.published_at",),
    tally=Tally(
        "articles",
        by="tags.id",
        count="article_count",
        counts={"related": "tags"},
        cards={"latest": CARD_PATHS},
        most={"latest": LATEST, "related": LATEST},
        together=TOGETHER,
    ),
)
