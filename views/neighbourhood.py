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

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_HOPS = 12
"""More than any chain of references that a view follows."""
MOST_ENTITIES = 20_000
"""A larger neighbourhood is not gathered: then reading all entities is as quick."""


def gathered(
    duck: DuckDBPyConnection,
    begin: str,
    along: Mapping[str, Collection[str]],
    most: int = MOST_ENTITIES,
) -> set[str]:
    """Fill the temporary table ``near (id)`` with the neighbourhoods of some entities.

    ``begin`` is a query for pairs ``group, id``: what is gathered for each group, from which
    entities; ``along`` has for each group the fields that are followed. Returns the groups whose
    neighbourhood is in the table; one that would be larger than ``most`` entities is left out.
    """
    pairs = [(group, field) for group, fields in along.items() for field in fields]
    groups, fields = [group for group, _ in pairs], [field for _, field in pairs]
    duck.execute(
        'CREATE OR REPLACE TEMP TABLE along AS SELECT unnest(?) AS "group", unnest(?) AS field',
        [groups or [""], fields or [""]],
    )
    duck.execute(
        f'CREATE OR REPLACE TEMP TABLE around AS SELECT DISTINCT "group", id FROM ({begin})'
    )
    for reference, known, found in (
        ("named_by", "target", "source"),
        ("names", "source", "target"),
    ):
        duck.execute("CREATE OR REPLACE TEMP TABLE frontier AS FROM around")
        for _ in range(MOST_HOPS):
            _leave_out_large(duck, most)
            duck.execute(
                "CREATE OR REPLACE TEMP TABLE frontier AS "
                f'SELECT DISTINCT f."group", n.{found} AS id FROM {reference} n JOIN frontier f'
                f' ON n.{known} = f.id SEMI JOIN along l ON l."group" = f."group"'
                f' AND l.field = n.field ANTI JOIN around a ON a."group" = f."group"'
                f" AND a.id = n.{found}"
            )
            (count,) = duck.execute("INSERT INTO around FROM frontier").fetchone() or (0,)
            if not count:
                break
    duck.execute("CREATE OR REPLACE TEMP TABLE near AS SELECT DISTINCT id FROM around")
    return {group for (group,) in duck.execute('SELECT DISTINCT "group" FROM around').fetchall()}


def _leave_out_large(duck: DuckDBPyConnection, most: int) -> None:
    """Take out the groups that have become too large."""
    counted = 'SELECT "group" FROM around GROUP BY "group" HAVING count(*) > ?'
    for (group,) in duck.execute(counted, [most]).fetchall():
        for table in ("around", "frontier"):
            duck.execute(f'DELETE FROM {table} WHERE "group" = ?', [group])
