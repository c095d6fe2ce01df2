"""The neighbourhood of some entities: enough entities to find the documents that they are in.

A document refers to what it shows, and what it counts refers to it. So the way from an entity to
its documents lies along references: first against their direction, to the entities that refer to
it, then with it, to those that these refer to. From a byline this reaches its articles and, from
these, their sections, tags and co-authors; from an article, all that it refers to. Tests hold that
every view's lineage can be computed from the neighbourhood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.kept.state import SIDES

if TYPE_CHECKING:
    from replay.kept.plans import Tables

MOST_HOPS = 12
"""The most references in a chain; no view follows so many."""


def gather(tables: Tables, most: int) -> bool:
    """Fill the table ``near`` with the hashes of the neighbourhood of the entities in ``changed``.

    Returns whether it did: a neighbourhood of more than ``most`` entities is not gathered.
    """
    held = tables.fill("around", "SELECT hash(id) AS key, 0 AS hops FROM changed")
    for reference, side in SIDES.items():
        other, last = "source" if side == "target" else "target", 0
        tables.run("UPDATE around SET hops = 0 WHERE hops > 0")
        while held <= most and last < MOST_HOPS:
            more = tables.add(
                "around",
                f"SELECT DISTINCT n.{other}, f.hops + 1"
                f" FROM {reference} n JOIN around f ON n.{side} = f.key"
                f" ANTI JOIN around a ON a.key = n.{other} WHERE f.hops = {last}",
            )
            if not more:
                break
            held, last = held + more, last + 1
    if held <= most:
        tables.fill("near", "SELECT key FROM around")
    return held <= most
