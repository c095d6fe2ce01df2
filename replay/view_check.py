"""Checking that a view's declaration fits its documents, before anything is computed.

A mistake raises ``BrokenView``, which names the view and the parameter.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from replay.builds.make import documents_sql
from replay.compiled import once
from replay.declaration import check_documents
from replay.errors import BrokenView
from replay.lineage import lineage_of, roots_of
from replay.state import State
from replay.view import DAY, EVENT
from replay.view_errors import errors_of

if TYPE_CHECKING:
    from event_log import EventLog
    from replay.view import View


def check_views(log: EventLog, views: Iterable[View]) -> None:
    """Compile views over a log without events; raises ``BrokenView`` for the first mistake.

    Nothing is read of the log. What is compiled is used again when the documents are computed. A
    view is checked once in a process.
    """
    with ExitStack() as opened:
        empty: list[State] = []

        def check(view: View) -> bool:
            if not empty:
                empty.append(opened.enter_context(State(log.at(0))))
            check_view(view, empty[0])
            return True

        for view in views:
            once(log.registry, ("checked", *_parts(view)), partial(check, view))


def _parts(view: View) -> Iterator[Hashable]:
    """All that is checked of a view."""
    yield from (view.name, view.documents, view.lineage, view.roots)
    yield from (view.title, view.date, view.per)
    yield from (tuple(view.text.items()), tuple(view.filters.items()), view.embargoed)
    yield tuple(view.embargoed_counts.items())


def check_view(view: View, state: State) -> None:
    """Check one view: its functions, the types of its documents, and the paths into them."""
    if view.per not in (None, EVENT, DAY, *state.registry):
        there = ", ".join(state.registry)
        raise BrokenView(
            view.name,
            "per",
            f"there is no category {view.per!r}; there is {there}, {EVENT!r} and {DAY!r}",
        )
    with errors_of(view):
        sql = documents_sql(view, state)
        empty = state.backend.con.execute(f"FROM ({sql}) LIMIT 0").to_arrow_table()
    check_documents(view, empty.schema)
    lineage_of(view, state)
    if view.roots is not None:
        roots_of(view, state, state.keys([]))
