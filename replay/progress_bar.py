"""DuckDB's progress bar is switched off: it would get into the output that programs read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def hide_progress_bar(connection: duckdb.DuckDBPyConnection) -> None:
    """Switch DuckDB's progress bar off, where it is on.

    In a notebook without ``ipywidgets`` it is off, and DuckDB refuses to set it at all.
    """
    shown = connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()
    if shown and shown[0]:
        connection.execute("SET enable_progress_bar = false")
