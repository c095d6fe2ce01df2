"""Checking that a view's declaration fits its documents, before anything is computed.

A mistake raises ``BrokenView``, which names the view and the parameter.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
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


def check_views(log: EventLog, views: Iterable[View], among: Mapping[str, View]) -> None:
    """Compile views over a log without events; raises ``BrokenView`` for the first mistake.

    ``among`` has all views of the domain, of which one may count another one's documents.

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
            _check_tally(view, among)
            once(log.registry, ("checked", *_parts(view)), partial(check, view))


def _check_tally(view: View, among: Mapping[str, View]) -> None:
    """Check that there is the view that is counted, with the filters that cut lists need."""
    tally = view.tally
    if tally is None:
        return
    other = among.get(tally.of)
    if other is None:
        raise BrokenView(view.name, "tally", f"no view is called {tally.of!r}: {', '.join(among)}")
    if other.date is None or not other.embargo:
        said = f"the documents of {tally.of} are never under embargo; leave it out"
        raise BrokenView(view.name, "tally", said)
    cut = [f"{path}.id" for name, path in tally.counts.items() if name in tally.most]
    by = [tally.by] if tally.most and not tally.days else []
    for path in [*by, *cut]:
        if path not in other.filters.values():
            said = f"{tally.of} has no filter by {path}; give it one"
            raise BrokenView(view.name, "tally", said)


def _parts(view: View) -> Iterator[Hashable]:
    """All that is checked of a view."""
    yield from (view.name, view.documents, view.lineage, view.roots)
    yield from (view.title, view.date, view.per)
    yield from (tuple(view.text.items()), tuple(view.filters.items()), view.embargoed)
    yield repr(view.tally)


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
