"""The neighbourhood of some entities: those that their documents can be made from.

A document names what it shows, and is named by what it counts. So whatever one is made from, or
whatever is made from one, lies along references: first against them (who names this?), then with
them (and what do those name?). From a byline this reaches its articles and, from these, their
sections, tags and co-authors; from an article, what it names. That every view's documents can be
made from the neighbourhood is a law that the tests hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from views.kept import SIDES

if TYPE_CHECKING:
    from views.tables import Tables

MOST_HOPS = 12
"""More than any chain of references that a view follows."""
ALONG = pa.schema({"group": pa.string(), "field": pa.string()})


def gathered(tables: Tables, along: Mapping[str, Collection[str]], most: int) -> set[str]:
    """Fill the table ``near (id)`` with the neighbourhoods of the entities in ``begun``.

    ``begun`` has pairs ``group, id``: what is gathered for each group, from which entities;
    ``along`` has for each group the fields that are followed. Returns the groups whose
    neighbourhood is in the table; one of more than ``most`` entities is left out.
    """
    pairs = [
        {"group": group, "field": field} for group, fields in along.items() for field in fields
    ]
    tables.take("along", pa.Table.from_pylist(pairs, ALONG))
    held = tables.fill("around", 'SELECT DISTINCT "group", id, 0 AS hops FROM begun')
    for reference, known in SIDES.items():
        found, last = "source" if known == "target" else "target", 0
        tables.run("UPDATE around SET hops = 0 WHERE hops > 0")
        while held and last < MOST_HOPS:
            if held > most:
                held = _without_large(tables, most)
            more = tables.add(
                "around",
                f'SELECT DISTINCT f."group", n.{found}, f.hops + 1'
                f" FROM {reference} n JOIN around f ON n.key = hash(f.id) AND n.{known} = f.id"
                ' SEMI JOIN along l ON l."group" = f."group" AND l.field = n.field'
                f' ANTI JOIN around a ON a."group" = f."group" AND a.id = n.{found}'
                f" WHERE f.hops = {last}",
            )
            if not more:
                break
            held, last = held + more, last + 1
    tables.fill("near", "SELECT DISTINCT id FROM around")
    return {group for (group,) in tables.run('SELECT DISTINCT "group" FROM around').fetchall()}


def _without_large(tables: Tables, most: int) -> int:
    """Take out the groups that have become too large, and say how many lines are left."""
    large = f'SELECT "group" FROM around GROUP BY "group" HAVING count(*) > {most}'
    tables.run(f'DELETE FROM around WHERE "group" IN ({large})')
    return tables.count("FROM around")
