"""Given these events, then these documents; and the engines under contract.

A test that is given an engine runs on each. To hold another engine to the same contract, add it
to ``ENGINES``.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from tiers import set_examples

from archive import Archive
from event_log import NewEvent
from newsroom import DOMAIN
from replay import View
from replay.builds.make import documents_sql
from replay.lineage import completed
from replay.state import State
from search import Engine

if TYPE_CHECKING:
    from real_services import Connector

# A machine may be busy, and a fixture like ``engine_of`` serves all examples: no law is timed.
settings.register_profile(
    "stet",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("stet")


def pytest_configure() -> None:
    """Let interrupts reach the processes of tests, also where the suite runs in the background.

    A shell starts such a process with interrupts ignored, and its children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--examples``, which the variable ``EXAMPLES`` sets as well."""
    parser.addoption(
        "--examples",
        type=int,
        default=os.environ.get("EXAMPLES") or None,
        metavar="N",
        help="run each property test at full size on N examples; EXAMPLES=N does the same",
    )


@pytest.hookimpl(tryfirst=True)  # the workers read the marks afterwards
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run property tests on as many examples as ``--examples`` says; share the sets-up of modules.

    Tests that share a set-up of their module run in one worker, so that it is made once: it may be
    a real history that is imported and rebuilt, a server, or a browser.
    """
    if examples := config.getoption("--examples"):
        set_examples(items, examples)
    for item in items:
        if not item.get_closest_marker("xdist_group") and (shared := _shared_set_up(item)):
            item.add_marker(pytest.mark.xdist_group(shared))


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let what generated examples make go when pytest removes its folders: they are thousands."""
    tempfile.tempdir = str(tmp_path_factory.mktemp("examples"))


def _shared_set_up(item: pytest.Item) -> str | None:
    """The module, and the parameters, of the set-up that a test shares with others of it."""
    found = getattr(item, "_fixtureinfo", None)  # pytest has no public way to ask for scopes
    definitions = found.name2fixturedefs.items() if found else ()
    names = [name for name, each in definitions if each[-1].scope == "module"]
    if not names:
        return None
    given = item.callspec.params if hasattr(item, "callspec") else {}
    chosen = [str(given[name]) for name in names if name in given]
    return " ".join([item.nodeid.partition("::")[0], *chosen])


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
SERVERS = {"elasticsearch"}
"""The engines that need a real server: their tests are of the second tier."""


def engine_parameters() -> list[Any]:
    """The names of the engines, to parametrize a test with."""
    marks = {True: (pytest.mark.server,), False: ()}
    return [pytest.param(name, marks=marks[name in SERVERS]) for name in ENGINES]


@pytest.fixture(params=engine_parameters())
def engine_of(request: pytest.FixtureRequest) -> EngineOf:
    """Opens the engine under contract in a folder, for some views."""
    return ENGINES[request.param]


@pytest.fixture
def kafka() -> str:
    """The address of a real Kafka."""
    import real_services

    return real_services.kafka()


@pytest.fixture
def own_topic() -> Iterator[Callable[..., str]]:
    """Makes a topic, empty and nobody else's: ``own_topic(partitions=2)``; gives its name."""
    import real_services

    with ExitStack() as made:
        yield lambda *given, **named: made.enter_context(real_services.own_topic(*given, **named))


@pytest.fixture
def postgres() -> Iterator[str]:
    """An empty database of a real PostgreSQL, as ``psycopg.connect`` takes it."""
    import real_services

    with real_services.postgres() as database:
        yield database


@pytest.fixture
def debezium(postgres: str) -> Iterator[Callable[..., Connector]]:  # noqa: ARG001 - it ends later
    """Lets Debezium follow tables: ``debezium(postgres, ["public.article"])``."""
    import real_services

    with ExitStack() as made:
        yield lambda *given, **named: made.enter_context(real_services.debezium(*given, **named))


Told = tuple[str, str, dict[str, Any]]


class Newsroom:
    """A log in a temporary home, and the documents that it gives."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.archive = Archive(home, DOMAIN)
        self.log = self.archive.log
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
        if keys is None:
            sql = documents_sql(DOMAIN.views[view], state)
        else:
            sql = state.backend.compile(completed(DOMAIN.views[view], state, state.keys(keys)))
        documents = state.backend.con.execute(sql).to_arrow_table().to_pylist()
        return {document["id"]: document for document in documents}

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
