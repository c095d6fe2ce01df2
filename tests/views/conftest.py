"""Given these events, then these documents: how the tests of the views speak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from replay.lineage import completed
from replay.state import State

Told = tuple[str, str, dict[str, Any]]


class Newsroom:
    """A log in a temporary home, and the documents that it gives."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = EventLog(home / "log", CATEGORIES)
        self._states: dict[int, State] = {}

    def tell(self, *events: Told, **envelope: Any) -> None:
        """Append events, given as stream, type and data."""
        self.log.append([NewEvent(s, t, d, **envelope) for s, t, d in events])

    def state(self, at: int | None = None) -> State:
        """The state at a point; the same one for the same point, closed when the test ends."""
        snapshot = self.log.at(at)
        if snapshot.sequence not in self._states:
            self._states[snapshot.sequence] = State(snapshot)
        return self._states[snapshot.sequence]

    def entities(self, category: str, at: int | None = None) -> dict[str, dict[str, Any]]:
        """The entities of a category by id."""
        found = self.state(at).entities(category).to_pyarrow().to_pylist()
        return {entity["id"]: entity for entity in found}

    def documents(
        self, view: str, at: int | None = None, keys: list[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """The documents of a view by id."""
        state = self.state(at)
        table = completed(DOMAIN.views[view], state, None if keys is None else state.keys(keys))
        return {document["id"]: document for document in table.to_pyarrow().to_pylist()}

    def close(self) -> None:
        for state in self._states.values():
            state.close()


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    made = Newsroom(tmp_path)
    yield made
    made.close()


@pytest.fixture
def article() -> Callable[..., Told]:
    """Make an ArticlePublished of an article with some fields."""

    def published(name: str, **fields: Any) -> Told:
        given = {"headline": f"Headline {name}", "published_at": "1851-09-18T05:00:00Z"}
        return (f"article/{name}", "ArticlePublished", given | fields)

    return published
