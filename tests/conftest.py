"""The engines under contract: every test that is given one runs on each of them.

To hold another engine to the same contract, add it to ``ENGINES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from replay import View
from search import Engine

EngineOf = Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]]


@contextmanager
def _embedded(home: Path, views: Mapping[str, View]) -> Iterator[Engine]:
    from search import EmbeddedEngine

    yield EmbeddedEngine(home, views)


@contextmanager
def _elasticsearch(home: Path, views: Mapping[str, View]) -> Iterator[Engine]:
    import real_elasticsearch

    from search import open_engine

    used = real_elasticsearch.fresh()
    try:
        yield open_engine(home, views, used)
    finally:
        real_elasticsearch.remove(used)


ENGINES: dict[str, EngineOf] = {"embedded": _embedded, "elasticsearch": _elasticsearch}


@pytest.fixture(params=list(ENGINES))
def engine_of(request: pytest.FixtureRequest) -> EngineOf:
    """Opens the engine under contract in a folder, for some views."""
    return ENGINES[request.param]
