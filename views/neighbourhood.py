"""The neighbourhood of some entities: those that their documents can be made from.

A document names what it shows, and is named by what it counts. So whatever one is made from, or
whatever is made from one, lies along references: first against them (who names this?), then with
them (and what do those name?). From a byline this reaches its articles and, from these, their
sections, tags and co-authors; from an article, what it names. That every view's documents can be
made from the neighbourhood is a law that the tests hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_HOPS = 12
"""More than any chain of references that a view follows."""
MOST_ENTITIES = 20_000
"""A larger neighbourhood is not gathered: then reading all entities is as quick."""


def gathered(
    duck: DuckDBPyConnection, begin: str, most: int = MOST_ENTITIES
) -> tuple[set[str], set[str]]:
    """Fill the temporary table ``near (id)`` with the neighbourhoods of some entities.

    ``begin`` is a query for pairs ``group, id``: what is gathered for each group, from which
    entities. Returns the groups whose neighbourhood is in the table, and those for which it would
    be larger than ``most`` entities, which are left out.
    """
    duck.execute(
        f'CREATE OR REPLACE TEMP TABLE above AS SELECT DISTINCT "group", id FROM ({begin})'
    )
    duck.execute("CREATE OR REPLACE TEMP TABLE frontier AS FROM above")
    large: set[str] = set()
    for _ in range(MOST_HOPS):
        large |= _without_large(duck, most)
        (count,) = duck.execute("SELECT count(*) FROM frontier").fetchone() or (0,)
        if not count:
            break
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE frontier AS "
            'SELECT DISTINCT f."group", n.source AS id FROM named_by n JOIN frontier f'
            ' ON n.target = f.id ANTI JOIN above a ON a."group" = f."group" AND a.id = n.source'
        )
        duck.execute("INSERT INTO above FROM frontier")
    groups = {group for (group,) in duck.execute('SELECT DISTINCT "group" FROM above').fetchall()}
    duck.execute("CREATE OR REPLACE TEMP TABLE near AS SELECT DISTINCT id FROM above")
    duck.execute("CREATE OR REPLACE TEMP TABLE frontier AS FROM near")
    for _ in range(MOST_HOPS):
        duck.execute(
            "CREATE OR REPLACE TEMP TABLE frontier AS "
            "SELECT DISTINCT n.target AS id FROM names n JOIN frontier f ON n.source = f.id"
            " ANTI JOIN near ON near.id = n.target"
        )
        (count,) = duck.execute("INSERT INTO near FROM frontier").fetchone() or (0,)
        if not count:
            break
    return groups, large


def _without_large(duck: DuckDBPyConnection, most: int) -> set[str]:
    """Take out the groups that have become too large, and say which."""
    counted = 'SELECT "group" FROM above GROUP BY "group" HAVING count(*) > ?'
    found = {group for (group,) in duck.execute(counted, [most]).fetchall()}
    for group in found:
        for table in ("above", "frontier"):
            duck.execute(f'DELETE FROM {table} WHERE "group" = ?', [group])
    return found
