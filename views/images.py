"""images: one document per image, with its photographer and the articles that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import Tally, View, chosen, ibis, live, referring, visible
from views.denormalize import (
    CARD,
    CARD_PATHS,
    gathered,
    itself,
    mentioned_once,
    named,
    naming,
    newest_first,
    reference,
    with_cards,
    with_lists,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per live image; a removed photographer keeps the name of before."""
    articles = live(state.naming("article", "image_ids", keys))
    shown = mentioned_once(articles, "image_ids")
    uses = with_cards(chosen(shown.select("article", id=shown.other), keys), state, keys)
    images = visible(state, "image", keys)
    images = named(images.mutate(other=images.photographer_id), state.entities("byline"), "name")
    images = with_lists(images, gathered(uses, "articles", CARD, newest_first()))
    return images.select(
        "id",
        "url",
        "caption",
        "credit",
        "alt_text",
        "width",
        "height",
        "taken_at",
        photographer=reference(images.photographer_id, name=images.name),
        articles=images.articles,
    )


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The image, its photographer, and the articles that refer to it."""
    images = chosen(state.entities("image"), keys)
    return ibis.union(
        itself(images),
        referring(images, "photographer_id"),
        chosen(naming(state.naming("article", "image_ids", keys), "image_ids"), keys),
    )


VIEW = View(
    name="images",
    code_version=1,
    documents=documents,
    lineage=lineage,
    title="caption",
    text={
        "caption": ("caption",),
        "alt_text": ("alt_text",),
        "credit": ("credit",),
        "photographer": ("photographer.name",),
    },
    filters={
        "id": "id",
        "photographer": "photographer.name",
        "photographer_id": "photographer.id",
        "article_id": "articles.id",
        "credit": "credit",
    },
    date="taken_at",
    per="image",
    embargoed=("articles.published_at",),
    tally=Tally("articles", by="images.id", cards={"articles": CARD_PATHS}),
)
