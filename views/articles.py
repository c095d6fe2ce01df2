"""articles: one document per article, with its section, bylines, images and tags inlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import View, chosen, ibis, referring, visible
from views.denormalize import (
    aliases,
    in_position,
    itself,
    mentions,
    named,
    reference,
    through,
    with_lists,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities

BYLINE = {"id": "other", "name": "name", "title": "title", "aliases": "aliases"}
TAG = {"id": "other", "name": "name", "kind": "kind", "aliases": "aliases"}
SHOWN = ("url", "caption", "credit", "alt_text", "width", "height")
IMAGE = {"id": "other", **{name: name for name in SHOWN}, "photographer": "photographer"}
OTHER_SPACES = (
    "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The characters that separate words, beside space and newline: those of Python's ``str.split``."""
IRREGULAR = rf"^$|^\s|\s$|  | \n|\n |[^\n]\n[^\n]|\n\n\n|[{OTHER_SPACES}]"
"""Finds white space other than single spaces and empty lines."""


MADE_OF = ("news_desk", "type_of_material", "print_page", "print_section", "print_headline")
"""What the desk says of an article: who made it, what it is, and where it stood in print."""


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document per live article."""
    articles = visible(state, "article", keys)
    articles = with_lists(articles, *_lists(state, articles))
    sections, texts = _sections(state), state.text("article", "body")
    articles = articles.left_join(sections, articles.section_id == sections.named_section)
    articles = articles.left_join(
        texts, articles.body_sequence == texts.sequence, rname="text_{name}"
    )
    return articles.select(
        "id",
        "headline",
        "kicker",
        "abstract",
        "body",
        "url",
        "published_at",
        "updated_at",
        section=reference(
            articles.section_id, name=articles.section_name, parent=articles.section_parent
        ),
        **{name: articles[name] for name in ["bylines", "images", "tags", "language", "source"]},
        word_count=ibis.coalesce(articles.word_count, words(articles.body)),
        **{name: articles[name] for name in MADE_OF},
        version=articles.version,
    )


def _sections(state: Entities) -> ir.Table:
    sections = state.entities("section")
    parented = named(sections.mutate(other=sections.parent_id), sections.view(), "name")
    return parented.select(
        named_section=parented.id,
        section_name=parented.name,
        section_parent=reference(parented.parent_id, name=parented.name_right),
    )


def _lists(state: Entities, articles: ir.Table) -> tuple[ir.Table, ...]:
    people, topics = state.entities("byline"), state.entities("tag")
    bylines = named(mentions(articles, "byline_ids"), people, "name", "title", "aliases")
    tags = named(mentions(articles, "tag_ids"), topics, "live", "name", "kind", "aliases")
    images = named(mentions(articles, "image_ids"), _images(state), "live", *SHOWN, "photographer")
    return (
        in_position(bylines.mutate(aliases=aliases(bylines)), "bylines", BYLINE),
        in_position(_not_removed(images), "images", IMAGE),
        in_position(_not_removed(tags.mutate(aliases=aliases(tags))), "tags", TAG),
    )


def _images(state: Entities) -> ir.Table:
    images, people = state.entities("image"), state.entities("byline")
    pictured = images.select("id", "live", *SHOWN, other=images.photographer_id)
    pictured = named(pictured, people, "name")
    return pictured.mutate(photographer=reference(pictured.other, name=pictured.name))


def _not_removed(mentioned: ir.Table) -> ir.Table:
    """The mentions of entities that are not removed; those without events are kept."""
    return mentioned.filter(mentioned.live.isnull() | mentioned.live)


def words(text: ir.Value) -> ir.Value:
    """Count the words of a text: the parts that white space separates.

    In nearly all texts single spaces and empty lines separate them, so that counting these is
    enough. Other texts are split into words.
    """
    spaced = text.translate(OTHER_SPACES, " " * len(OTHER_SPACES)).replace("\n", " ")
    return ibis.ifelse(
        text.re_search(IRREGULAR),
        spaced.split(" ").filter(lambda part: part != "").length(),
        text.split(" ").length() + text.split("\n\n").length() - 1,
    )


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """The article; its section, bylines, images, tags; the section's parent; the photographers."""
    articles = chosen(state.entities("article"), keys)
    sections, images = state.entities("section"), state.entities("image")
    shown = referring(articles, "image_ids")
    photographers = referring(images, "photographer_id")
    parents = referring(sections, "parent_id")
    filed = referring(articles, "section_id")
    return ibis.union(
        itself(articles),
        filed,
        referring(articles, "byline_ids"),
        shown,
        referring(articles, "tag_ids"),
        through(filed, parents),
        through(shown, photographers),
    )


VIEW = View(
    name="articles",
    code_version=3,
    documents=documents,
    lineage=lineage,
    title="headline",
    text={
        "headline": ("headline",),
        "abstract": ("abstract",),
        "body": ("body",),
        "kicker": ("kicker",),
        "byline": ("bylines.name", "bylines.aliases"),
        "tag": ("tags.name", "tags.aliases"),
        "caption": ("images.caption",),
        "print_headline": ("print_headline",),
    },
    filters={
        "id": "id",
        "section": "section.name",
        "section_id": "section.id",
        "byline": "bylines.name",
        "byline_id": "bylines.id",
        "tag": "tags.name",
        "tag_id": "tags.id",
        "language": "language",
        "source": "source",
        "news_desk": "news_desk",
        "type_of_material": "type_of_material",
    },
    date="published_at",
    documents_a_gigabyte=25_000,
    bulk=("body",),
    per="article",
)
