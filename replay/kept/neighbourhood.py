"""The neighbourhood of some entities: those that tell which documents they are in.

A document names what it shows, and is named by what it counts. So whatever leads from an entity to
the documents that it is in lies along references: first against them (who names this?), then with
them (and what do those name?). From a byline this reaches its articles and, from these, their
sections, tags and co-authors; from an article, what it names. That every view's lineage can be
asked of the neighbourhood is a law that the tests hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay.kept.state import SIDES

if TYPE_CHECKING:
    from replay.kept.plans import Tables

MOST_HOPS = 12
"""More than any chain of references that a view follows."""


def gathered(tables: Tables, most: int) -> bool:
    """Fill the table ``near`` with the hashes of the neighbourhood of the entities in ``changed``.

    Says whether it could: one of more than ``most`` entities is not gathered.
    """
    held = tables.fill("around", "SELECT hash(id) AS key, 0 AS hops FROM changed")
    for reference, known in SIDES.items():
        found, last = "source" if known == "target" else "target", 0
        tables.run("UPDATE around SET hops = 0 WHERE hops > 0")
        while held <= most and last < MOST_HOPS:
            more = tables.add(
                "around",
                f"SELECT DISTINCT n.{found}, f.hops + 1"
                f" FROM {reference} n JOIN around f ON n.{known} = f.key"
                f" ANTI JOIN around a ON a.key = n.{found} WHERE f.hops = {last}",
            )
            if not more:
                break
            held, last = held + more, last + 1
    if held <= most:
        tables.fill("near", "SELECT key FROM around")
    return held <= most
