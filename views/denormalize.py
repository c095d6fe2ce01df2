"""Expressions that the views share: references with their names, lists, and counts.

Lists are collected as structs that begin with their position, and are then sorted by it. That
gives the same on all engines of Ibis; ``collect(order_by=...)`` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from replay import chosen, ibis, referring

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from replay import Entities

LATEST = 10
"""The most articles in a list of the latest."""
TOGETHER = 100
"""How many references of one list are counted as being together: the first.

The pairs of a list are the square of its length: 6,000 tags of one article are 36 million pairs.
"""
SHORT = 32
"""The most items of a list in which it is quicker to find each item than to hash all."""
NAMED: Mapping[str, str] = {"id": "other", "name": "name"}
COUNTED: Mapping[str, str] = {"id": "other", "name": "name", "count": "count"}
CARD: Mapping[str, str] = {
    "id": "article",
    "headline": "headline",
    "url": "url",
    "published_at": "published_at",
}

CARD_PATHS = ("id", "headline", "url", "published_at")
"""The paths of a card's fields in the documents of articles."""


def mentions(entities: ir.Table, field: str) -> ir.Table:
    """The references of a list field: ``id`` (of the entity), ``other``, and its ``position``."""
    placed = entities[field].map(
        lambda other, position: ibis.struct({"position": position, "other": other})
    )
    pairs = entities.select("id", pair=placed.unnest())
    return pairs.select("id", other=pairs.pair["other"], position=pairs.pair["position"])


def mentioned_once(entities: ir.Table, field: str, *more: str) -> ir.Table:
    """The distinct pairs ``article``, ``other`` of a list field, with more of the article's fields.

    Duplicates are removed from each list, so that the pairs need not be compared with each other.
    """
    return entities.select(*more, article=entities.id, other=each_once(entities[field]).unnest())


def each_once(names: ir.ArrayValue) -> ir.ArrayValue:
    """A list without duplicates, in any order.

    For a short list, finding each of its items takes half as long as a hash table; for a long one
    it takes the square of its length.
    """
    found: ir.ArrayValue = names.filter(lambda name, place: names.index(name) == place)
    once: ir.ArrayValue = ibis.ifelse(names.length() <= SHORT, found, names.unique())
    return once


def together(entities: ir.Table, field: str, keys: ir.Table | None) -> ir.Table:
    """The pairs ``id, other`` of references in the same list, once for each ``article``.

    Of a list the first ``TOGETHER`` references count. If there are ``keys``, only their pairs.
    """
    first = entities.mutate(**{field: entities[field][:TOGETHER]})
    each = mentioned_once(first, field)
    pairs = chosen(each.select("article", id="other"), keys).join(each, "article")
    return pairs.filter(pairs.id != pairs.other).select("id", "other", "article")


def named(table: ir.Table, entities: ir.Table, *fields: str) -> ir.Table:
    """Add fields of the entity in the column ``other``; null if the entity has no events."""
    others = entities.select(other_id=entities.id, **{name: entities[name] for name in fields})
    return table.left_join(others, table.other == others.other_id).drop("other_id")


def reference(identity: ir.Value, **values: ir.Value) -> ir.Value:
    """A struct that begins with the ``id``, or null if the ``id`` is null."""
    struct = ibis.struct({"id": identity, **values})
    return ibis.ifelse(identity.notnull(), struct, ibis.null())


def gathered(
    table: ir.Table,
    name: str,
    fields: Mapping[str, str],
    order: Sequence[ir.Deferred | str],
    limit: int | None = None,
) -> ir.Table:
    """For each ``id`` a list ``name`` of structs of ``fields``, in order, at most ``limit``."""
    return in_position(placed(table, order, limit), name, fields)


def placed(
    table: ir.Table, order: Sequence[ir.Deferred | str], limit: int | None = None
) -> ir.Table:
    """Number the lines of each ``id`` by ``position``, in order, and keep at most ``limit``."""
    position = ibis.row_number().over(group_by="id", order_by=list(order))
    numbered = table.mutate(position=position)
    return numbered if limit is None else numbered.filter(numbered.position < limit)


def in_position(lines: ir.Table, name: str, fields: Mapping[str, str]) -> ir.Table:
    """For each ``id`` a list called ``name`` of structs of ``fields``, by ``position``."""
    structs = ibis.struct(
        {"position": lines.position, **{as_: lines[column] for as_, column in fields.items()}}
    )
    lists = lines.group_by("id").agg(lists=structs.collect())
    return lists.select(
        "id",
        **{
            name: lists.lists.sort().map(
                lambda item: ibis.struct({as_: item[as_] for as_ in fields})
            )
        },
    )


def latest(pairs: ir.Table, state: Entities, keys: ir.Table | None) -> ir.Table:
    """For each ``id`` its ``latest`` articles, newest first; the pairs have ``published_at``."""
    newest = placed(foremost(pairs, "published_at", LATEST), newest_first(), LATEST)
    cards = with_cards(newest.select("id", "article", "position"), state, keys)
    return in_position(cards, "latest", CARD)


def foremost(table: ir.Table, by: str, count: int) -> ir.Table:
    """For each ``id`` the ``count`` lines with the greatest values of a column; more if equal.

    Sorting takes most of the time for a list of the first few: this removes most lines before it.
    The comparison is no condition that a join could be made by: DuckDB would join all values with
    those of all ids, and compare the ids only then.
    """
    place = _number_of_the_line()().over(group_by="id", order_by=ibis.desc(by))
    first = table.select("id", by, place=place)
    first = first.filter(first.place <= count)
    least = first.group_by("id").agg(least=first[by].min())
    beside = table.join(least, "id")
    enough = ibis.coalesce(beside[by] >= beside.least, ibis.literal(False))
    return beside.filter(enough).drop("least")


def _declared():  # type: ignore[no-untyped-def]  # its types are the signature
    """A declaration for Ibis of a function of the engine."""


@cache
def _number_of_the_line() -> Callable[[], Any]:
    """The ``row_number()`` of SQL, which begins with 1.

    With it DuckDB's optimizer sees that only the first few lines are selected, and keeps these
    without sorting. Ibis' own begins with 0, by a subtraction that hides it.
    """
    declared: Callable[[], Any] = ibis.udf.agg.builtin(
        _declared, name="row_number", signature=((), "int64")
    )
    return declared


def newest_first() -> list[ir.Deferred | str]:
    """The order of a list of articles: newest first, then by id."""
    return [ibis.desc("published_at"), "article"]


def with_cards(pairs: ir.Table, state: Entities, keys: ir.Table | None) -> ir.Table:
    """Add to the pairs ``id, article`` the fields that a list shows of an article.

    If there are ``keys``, only the articles of the pairs are read.
    """
    listed = None if keys is None else pairs.select(id=pairs.article)
    articles = state.among("article", listed)
    cards = articles.select("headline", "url", "published_at", article=articles.id)
    return pairs.join(cards, "article")


def counted(pairs: ir.Table, entities: ir.Table, name: str, limit: int | None = None) -> ir.Table:
    """For each ``id`` a list of ``{id, name, count}``: how many pairs it has with each other."""
    counts = pairs.group_by("id", "other").agg(count=pairs.count())
    if limit is not None:
        counts = foremost(counts, "count", limit)
    return gathered(
        named(counts, entities, "name"), name, COUNTED, [ibis.desc("count"), "other"], limit
    )


def aliases(entities: ir.Table) -> ir.Value:
    """The other names of each entity; an empty list where it has none, or has no events."""
    empty = ibis.literal([], type=entities.aliases.type())
    return ibis.coalesce(entities.aliases, empty)


def with_lists(documents: ir.Table, *lists: ir.Table) -> ir.Table:
    """Add lists to documents; a list is empty if the document has none."""
    for table in lists:
        name = table.columns[1]
        right = table.select(listed=table.id, **{name: table[name]})
        joined = documents.left_join(right, documents.id == right.listed).drop("listed")
        empty = ibis.literal([], type=table[name].type())
        documents = joined.mutate(**{name: ibis.coalesce(joined[name], empty)})
    return documents


def itself(entities: ir.Table) -> ir.Table:
    """Lineage of an entity to itself: pairs ``id, entity`` of the same id."""
    return entities.select("id", entity=entities.id)


def through(pairs: ir.Table, further: ir.Table) -> ir.Table:
    """Lineage in two steps: from pairs ``id, entity`` along the further pairs of that entity."""
    step = further.select(middle=further.id, entity=further.entity)
    joined = pairs.select("id", middle=pairs.entity).join(step, "middle")
    return joined.select("id", "entity")


def naming(entities: ir.Table, field: str) -> ir.Table:
    """Lineage of a field backwards: pairs of the entity referred to, and the one that refers."""
    pairs = referring(entities, field)
    return pairs.select(id=pairs.entity, entity=pairs.id)
