"""The digests of a view's documents in the kept state: all of them, and where an index differs."""

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


def keep_digests(kept: Kept, view: str, documents: Path, digest: str) -> None:
    """Keep the digest of each document of a Parquet file; ``digest`` is its SQL expression."""
    kept.connection.execute(
        f"CREATE OR REPLACE TABLE {documents_table(view)} AS SELECT hash(id) AS key, id,"
        f" {digest} AS digest FROM read_parquet('{quoted(documents)}') AS documents ORDER BY key"
    )
    kept.tables.forget()


def keep_no_digests(kept: Kept, view: str) -> None:
    """Keep that a view has no documents."""
    kept.connection.execute(
        f"CREATE TABLE {documents_table(view)} (key UBIGINT, id VARCHAR, digest VARCHAR)"
    )


def differing_documents(
    kept: Kept, view: str, documents: Path, found: Iterable[tuple[str, str]], to: Path
) -> list[str]:
    """Compare what an index has, ids and digests, with what is kept.

    Writes the documents that it lacks or has otherwise to a Parquet file, and returns the ids of
    those that it has too many.
    """
    duck = kept.connection
    duck.execute("CREATE OR REPLACE TEMP TABLE indexed (id VARCHAR, digest VARCHAR)")
    coming = iter(found)
    while some := list(islice(coming, PAIRS_AT_ONCE)):
        ids, digests = zip(*some, strict=True)
        duck.register("coming", pa.table({"id": list(ids), "digest": list(digests)}))
        duck.execute("INSERT INTO indexed SELECT id, digest FROM coming")
        duck.unregister("coming")
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
