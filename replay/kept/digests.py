"""The digests of a view's documents in the kept state; comparing an index with them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.builds.parquet import quoted
from replay.kept.state import documents_table

if TYPE_CHECKING:
    from replay.kept.state import Kept

PAIRS_AT_ONCE = 50_000
"""Pairs of id and digest that are in memory at a time."""


def keep_digests(kept: Kept, view: str, documents: Path, digest: str) -> None:
    """Keep the digest of each document of a Parquet file; ``digest`` is its SQL expression."""
    kept.connection.execute(
        f"CREATE OR REPLACE TABLE {documents_table(view)} AS SELECT hash(id) AS key, id,"
        f" {digest} AS digest FROM read_parquet('{quoted(documents)}') AS documents ORDER BY key"
    )
    kept.tables.forget()


def keep_no_digests(kept: Kept, view: str) -> None:
    """Keep the digests of a view without documents."""
    kept.connection.execute(
        f"CREATE TABLE {documents_table(view)} (key UBIGINT, id VARCHAR, digest VARCHAR)"
    )


def differing_documents(
    kept: Kept, view: str, documents: Path, indexed: Iterable[tuple[str, str]], to: Path
) -> list[str]:
    """Compare the ids and digests of an index with those that are kept.

    Writes the documents that are missing in the index, or are different there, to the Parquet file
    ``to``. Returns the ids of documents that the index has, and should not have.
    """
    duck = kept.connection
    duck.execute("CREATE OR REPLACE TEMP TABLE indexed (id VARCHAR, digest VARCHAR)")
    pairs = iter(indexed)
    while batch := list(islice(pairs, PAIRS_AT_ONCE)):
        ids, digests = zip(*batch, strict=True)
        duck.register("batch", pa.table({"id": list(ids), "digest": list(digests)}))
        duck.execute("INSERT INTO indexed SELECT id, digest FROM batch")
        duck.unregister("batch")
    table = documents_table(view)
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE differing AS"
        f" SELECT id, digest FROM {table} EXCEPT FROM indexed"
    )
    duck.execute(
        f"COPY (FROM read_parquet('{quoted(documents)}') SEMI JOIN differing USING (id))"
        f" TO '{quoted(to)}' (FORMAT parquet)"
    )
    gone = duck.execute(f"SELECT id FROM indexed ANTI JOIN {table} USING (id)").fetchall()
    duck.execute("DROP TABLE indexed")
    return [key for (key,) in gone]
