"""A plain path is the same file to every engine, whatever its folder is called."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given
from hypothesis import strategies as st

from event_log import as_told, plain_path

NAMES = st.binary(min_size=1, max_size=200).map(
    lambda b: b.replace(b"/", b"?").replace(b"\0", b"*")
)


@given(NAMES.filter(lambda name: name not in (b".", b"..")))
@example(b"a?b=c")
@example(b"id=5")
@example(b"*")
@example(b"\xff")
@example(b"'; DROP TABLE x; --")
def test_what_an_engine_writes_to_a_plain_path_is_in_the_folder(
    tmp_path_factory: object, name: bytes
) -> None:
    root = tmp_path_factory.mktemp(uuid.uuid4().hex)  # type: ignore[attr-defined]
    path = Path(root, os.fsdecode(name), "a.parquet")
    path.parent.mkdir()
    plain = plain_path(path)
    assert plain_path(path) == plain
    pq.write_table(pa.table({"n": [1]}), plain)
    assert path.is_file()
    assert duckdb.sql(f"FROM read_parquet('{plain}')").fetchall() == [(1,)]
    assert duckdb.sql(f"FROM read_parquet('{plain}')").columns == ["n"]
    assert pq.read_table(plain).column_names == ["n"]
    assert as_told(f"cannot read {plain}") == f"cannot read {path}"
    assert plain.isascii() or os.fsdecode(name).isprintable()


def test_a_process_leaves_no_links_behind(tmp_path: Path) -> None:
    program = "from event_log import plain_path; print(plain_path('a?b/c'))"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"{tmp_path}/stet-links-")
    assert list(tmp_path.iterdir()) == []
