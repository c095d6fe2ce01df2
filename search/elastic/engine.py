"""The engine that is a cluster: generations of Elasticsearch indexes, whoever builds them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from search.connection import Connection
from search.dead_letters import DeadLetters
from search.elastic import load as elastic_load
from search.elastic import rejects as elastic_rejects
from search.elastic.asked import Asked
from search.elastic.cluster import Cluster, Refusal
from search.elastic.generations import ClusterGenerations
from search.elastic.index import Index
from search.elastic.patience import Patience
from search.elastic.rejects import Rejects
from search.engine import Answer, Change, Generation, LoadProgress
from search.errors import NothingServes, NotIndexed
from search.generations import Generations, begun, now
from search.pace import Pace
from search.query import Query

if TYPE_CHECKING:
    from replay import View
    from search.elastic.steps import Steps

UNFINISHED_FOR = timedelta(days=1)
"""So long another archive may be building a generation before it counts as left behind."""
SECONDS_TO_MERGE = 3600.0
Key = tuple[str, int]
Given = TypeVar("Given")


class ElasticsearchEngine:
    """The engine for archives that many search at once. ``home`` keeps locks and dead letters."""

    def __init__(self, home: Path | str, connection: Connection, views: Mapping[str, View]) -> None:
        self.folder = Path(home) / "elasticsearch"
        self.identity = f"{connection.prefix} on {connection.url}"
        self.letters = DeadLetters(Path(home))
        self._built_in = f"{socket.gethostname()}:{Path(home).absolute()}"
        self._connection = connection
        self._cluster = Cluster(connection)
        self._indexes = ClusterGenerations(self._cluster, connection.prefix)
        self._local = Generations(self.folder)
        self._views = views
        self._loading: dict[Key, Index] = {}
        self._steps: Steps | None = None

    def mapping(self, view: str) -> str:
        """How the view would be indexed now: what ``Generation.mapping`` would say."""
        from search.elastic import layout

        return begun(self._views[view], 0, 0, layout.VERSION)[0].mapping

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin a generation, empty; what an unfinished attempt left of it goes away.

        That is done when the index is made: with the first documents, whose columns say what it
        is like.
        """
        from search.elastic import layout

        about, mapping = begun(self._views[view], generation, sequence, layout.VERSION)
        name = self._indexes.name(view, generation)
        fence = frozenset({self._indexes.new_fence(name)})
        self.letters.forget(view, generation)
        self._loading[view, generation] = Index(name, about, mapping, fence, False, self._built_in)

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file, and say how many they were.

        Waits for a cluster that is away or busy, and goes on where it was.
        """
        from search import lines
        from search.elastic import layout

        index = self._loading[view, generation]
        with lines.opened(documents) as file:
            pace = Pace(view, file.metadata.num_rows, tell)
            patience = Patience(self._connection.patience, pace.stands)
            definition = layout.definition(index.mapping, file.schema_arrow)
            patience.tried(lambda: self._indexes.create(index, definition))
            rejects = Rejects(self.letters, index.about)
            loader = elastic_load.Loader(self._cluster, index.fence, patience, rejects)
            source = elastic_load.lines(layout.query(index.mapping, file.schema_arrow))
            try:
                return loader.load(lines.tables(file, source), pace.come)
            finally:
                self.letters.keep()

    def rejected(self, view: str, generation: int) -> set[str]:
        """The ids of documents that could not be indexed: they are dead letters."""
        return self.letters.keys(view, generation)

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:
        """Try again to index documents that were rejected; returns how many were taken."""
        index = self._indexes.index(view, generation)
        letters = [
            x for x in self.letters.letters(view, generation) if keys is None or x.key in keys
        ]
        if any(letter.as_of != index.about.sequence for letter in letters):
            raise NotIndexed(
                f"generation {generation} of {view} is at a later sequence than its dead letters;"
                " run: stet rebuild"
            )
        (index,) = self._tried(lambda: self._indexes.fenced([index]))
        rejects = Rejects(self.letters, index.about)
        loader = elastic_load.Loader(self._cluster, index.fence, self._patience(), rejects)
        loader.load(iter([elastic_rejects.lines(letters)]), lambda _: None)
        self.letters.forget(view, generation, [letter.key for letter in letters])
        self.letters.keep()
        self._note(index)
        return len(letters) - len({x.key for x in letters} & self.letters.keys(view, generation))

    def refresh(self, view: str, generation: int, merge: bool = False) -> Generation:
        """Make all that was loaded durable and searchable, on request merged into one piece."""
        index = self._loading.pop((view, generation))
        if merge:
            self._ask(
                "POST",
                f"/{index.name}/_forcemerge",
                seconds=SECONDS_TO_MERGE,
                max_num_segments="1",
            )
        return self._note(replace(index, finished=True))

    def _note(self, index: Index) -> Generation:
        """Make searchable what an index has, and write down what that is."""
        self._ask("POST", f"/{index.name}/_refresh")
        count = self._ask("GET", f"/{index.name}/_count")["count"]
        stats = self._ask("GET", f"/{index.name}/_stats/store")
        size = stats["_all"]["primaries"]["store"]["size_in_bytes"]
        about = replace(index.about, documents=count, bytes=size, built_at=now())
        self._tried(lambda: self._indexes.note(replace(index, about=about)))
        return about

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence, in one step; by view, what they are."""
        from search.elastic.steps import Steps

        if self._steps is None:
            self._steps = Steps(self._cluster, self._indexes, self.letters, self._patience)
        return self._steps.advance(sequence, generations, changes)

    def close(self) -> None:
        """Keep no way open by which it is written."""
        if self._steps is not None:
            self._steps.close()

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its JSON as it is kept, sorted by id."""
        from search.elastic import digests as elastic_digests

        index = self._tried(lambda: self._indexes.index(view, generation))
        return elastic_digests.digests(self._cluster, index, self._patience())

    def promote(self, generations: Mapping[str, int]) -> None:
        """Let these generations serve, all from the same moment on; other views stay."""
        for view, generation in generations.items():
            index = self._tried(partial(self._indexes.finished, view, generation))
            self._tried(partial(self._indexes.make_ready, index, self._connection.replicas))
        self._tried(lambda: self._indexes.move(lambda now: now.promoted(generations)))

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Let serve what served before the last promotion, or before that, until ``to`` serves.

        Returns what serves now. All of it changes at the same moment, or nothing.
        """
        self._indexes.move(lambda now: now.rolled_back(to))
        return self.serving()

    def drop(self, view: str, generation: int) -> None:
        """Remove a generation; refused while it serves, or may be rolled back to."""
        self._indexes.remove(view, generation)
        self.letters.forget(view, generation)

    def clear(self, keep: int | None = None) -> list[int]:
        """Remove generations that neither serve nor may be rolled back to, nor are being built.

        What another archive builds is left alone for a day.
        """
        indexes = self._indexes.all()
        named = self._indexes.pointer(indexes).named()
        kept = {number for _, number in named}
        removed = set(self._local.clear_all_but({*kept, keep}))
        held = set(self._local.numbers()) - kept
        for index in indexes:
            key = index.about.view, index.about.generation
            if key in named or key[1] == keep or not self._left_behind(index, held):
                continue
            self.drop(*key)
            removed.add(key[1])
        return sorted(removed)

    def _left_behind(self, index: Index, held: set[int]) -> bool:
        if index.built_in == self._built_in:
            return index.about.generation not in held
        begun = datetime.fromisoformat(index.about.built_at)
        return datetime.now(UTC) - begun > UNFINISHED_FOR

    def numbers(self) -> set[int]:
        """The numbers of all generations that there are, finished or not."""
        there = {index.about.generation for index in self._indexes.all()}
        return {*self._local.numbers(), *there}

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self._indexes.counted(i for i in self._indexes.all() if i.finished)

    def serving(self) -> dict[str, Generation]:
        """By view, the generation that serves."""
        indexes = self._indexes.all()
        served = self._indexes.pointer(indexes).serving
        now = [i for i in indexes if served.get(i.about.view) == i.about.generation]
        return {about.view: about for about in self._indexes.counted(now)} if now else {}

    def search(self, query: Query) -> Answer:
        """Answer a query from what serves now."""
        from search.elastic import query as elastic_query

        query = query.of(self._views)
        for attempt in (1, 2):
            index = self._indexes.serving(query.view)
            if index is None:
                raise NothingServes(f"nothing to search in {query.view} yet; run: stet rebuild")
            asked = Asked(self._cluster, index.name)
            try:
                return elastic_query.find(query, index.about, index.mapping, asked)
            except Refusal as refusal:
                # Readers that were slow may find that two rebuilds have passed them by.
                if refusal.status != 404 or attempt == 2:
                    raise
        raise AssertionError

    def _patience(self) -> Patience:
        return Patience(self._connection.patience)

    def _tried(self, act: Callable[[], Given]) -> Given:
        return self._patience().tried(act)

    def _ask(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        return self._tried(lambda: self._cluster.ask(method, path, body, **given))
