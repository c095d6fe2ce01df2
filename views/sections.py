"""sections: one document per section, with the articles and authors of it and its sub-sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import Tally, View, chosen, ibis, live, referring, visible
from views.denormalize import (
    CARD_PATHS,
    LATEST,
    NAMED,
    counted,
    each_once,
    gathered,
    itself,
    latest,
    named,
    reference,
    through,
    with_lists,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities

DEPTH = 5
"""How many levels of sub-sections count for a section; it also ends a cycle of parents."""
LISTED = ("children", "below", "article_count", "latest", "bylines")


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per live section.

    Its articles are its own and those of all its sub-sections, ``DEPTH`` levels down, whose ids are
    ``below``. A removed sub-section is not among the children, but articles that refer to it still
    count.
    """
    everything = state.entities("section")
    below = _below(everything, keys)
    articles = live(_filed(state, below, keys))
    held = _held(below, articles)
    signed = held.select("id", other=each_once(held.byline_ids).unnest())
    counts = held.group_by("id").agg(article_count=held.count())
    sections = visible(state, "section", keys)
    sections = named(sections.mutate(other=sections.parent_id), everything, "name")
    sections = sections.left_join(counts, "id")
    sections = with_lists(
        sections.mutate(article_count=sections.article_count.fill_null(0)),
        _children(live(everything)),
        _ids_below(below),
        latest(held, state, keys),
        counted(signed, state.entities("byline"), "bylines", LATEST),
    )
    return sections.select(
        "id",
        "name",
        "description",
        parent=reference(sections.parent_id, name=sections.name_right),
        **{name: sections[name] for name in LISTED},
    )


def _below(sections: ir.Table, keys: ir.Table | None) -> ir.Table:
    """Distinct pairs ``id, entity`` of a section, and itself or a section below it."""
    level = itself(chosen(sections, keys))
    levels = [level]
    parents = sections.select(entity=sections.parent_id, child=sections.id)
    for _ in range(DEPTH):
        down = level.join(parents, "entity")
        level = down.select("id", entity=down.child)
        levels.append(level)
    return ibis.union(*levels).distinct()


def _filed(state: Entities, below: ir.Table, keys: ir.Table | None) -> ir.Table:
    """The articles of the sections below these keys; all articles if ``keys`` is ``None``."""
    sections = None if keys is None else below.select(id=below.entity)
    return state.naming("article", "section_id", sections)


def _held(below: ir.Table, articles: ir.Table) -> ir.Table:
    filed = articles.select("published_at", "byline_ids", article="id", entity="section_id")
    return below.join(filed, "entity")


def _children(sections: ir.Table) -> ir.Table:
    """For each parent its ``children``, ordered by id."""
    pairs = sections.select("name", id=sections.parent_id, other=sections.id)
    return gathered(pairs.filter(pairs.id.notnull()), "children", NAMED, ["other"])


def _ids_below(below: ir.Table) -> ir.Table:
    """For each section the ids of those ``below`` it, in order."""
    others = below.filter(below.id != below.entity)
    lists = others.group_by("id").agg(lists=others.entity.collect())
    return lists.select("id", below=lists.lists.sort())


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The section, its parent, all sections below; their articles; bylines of the live ones."""
    sections = state.entities("section")
    below = _below(sections, keys)
    articles = _filed(state, below, keys)
    filed = articles.select(id=articles.section_id, entity=articles.id)
    signed = referring(live(articles), "byline_ids")
    return ibis.union(
        below,
        referring(sections, "parent_id"),
        through(below, filed),
        through(below, through(filed, signed).distinct()),
    )


VIEW = View(
    name="sections",
    code_version=2,
    documents=documents,
    lineage=lineage,
    title="name",
    text={"name": ("name",), "description": ("description",), "child": ("children.name",)},
    filters={
        "id": "id",
        "parent": "parent.name",
        "parent_id": "parent.id",
        "below": "below",
        "byline": "bylines.name",
        "byline_id": "bylines.id",
    },
    per="section",
    embargoed=("latest.published_at",),
    tally=Tally(
        "articles",
        by="section.id",
        ids=("id", "below"),
        count="article_count",
        counts={"bylines": "bylines"},
        cards={"latest": CARD_PATHS},
        most={"latest": LATEST, "bylines": LATEST},
    ),
)
