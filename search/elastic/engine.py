"""The Elasticsearch engine: generations of indexes in a cluster, which archives may share."""

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
from search.elastic.cluster import Cluster, Refusal
from search.elastic.generations import ClusterGenerations
from search.elastic.index import Index
from search.elastic.load import Rejects
from search.elastic.patience import Patience
from search.embargo import Embargo
from search.engine import Answer, Change, Generation, LoadProgress
from search.errors import NothingServes, NotIndexed
from search.generations import Generations, Pointer, new_generation, now
from search.hidden import Hiding
from search.pace import Pace
from search.query import Query

if TYPE_CHECKING:
    from replay import View
    from search.elastic.steps import Steps

UNFINISHED_FOR = timedelta(days=1)
"""Time after which an unfinished generation of another archive counts as abandoned."""
SECONDS_TO_MERGE = 3600.0
Key = tuple[str, int]
Result = TypeVar("Result")


class ElasticsearchEngine:
    """The engine for archives with many readers. Its locks and dead letters are in ``home``."""

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
        self._hiding = Hiding(views, self.search)

    def mapping(self, view: str) -> str:
        """The value that ``Generation.mapping`` has for a generation built now."""
        from search.elastic import layout

        return new_generation(self._views[view], 0, 0, layout.VERSION)[0].mapping

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin an empty generation; what an unfinished attempt left of it is deleted.

        The index is created by ``load``, because its fields follow from the documents' columns.
        """
        from search.elastic import layout

        metadata, mapping = new_generation(self._views[view], generation, sequence, layout.VERSION)
        name = self._indexes.name(view, generation)
        fence = frozenset({self._indexes.new_fence(name)})
        self.letters.forget(view, generation)
        self._loading[view, generation] = Index(
            name, metadata, mapping, fence, False, self._built_in
        )

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file; returns how many they were.

        While the cluster is away or busy the load waits, and then continues.
        """
        from search import lines
        from search.elastic import layout

        index = self._loading[view, generation]
        with lines.open_documents(documents) as file:
            pace = Pace(view, file.metadata.num_rows, tell)
            patience = Patience(self._connection.patience, pace.report_waiting)
            definition = layout.definition(index.mapping, file.schema_arrow)
            patience.retry(lambda: self._indexes.create(index, definition))
            rejects = Rejects(self.letters, index.metadata)
            loader = elastic_load.Loader(self._cluster, index.fence, patience, rejects)
            source = elastic_load.lines(layout.query(index.mapping, file.schema_arrow))
            try:
                return loader.load(lines.tables(file, source), pace.report)
            finally:
                self.letters.write()

    def rejected(self, view: str, generation: int) -> set[str]:
        """The ids of documents that could not be indexed and are dead letters."""
        return self.letters.keys(view, generation)

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:
        """Index rejected documents again, all or those of ``keys``; returns how many succeeded."""
        index = self._indexes.index(view, generation)
        letters = [
            x for x in self.letters.letters(view, generation) if keys is None or x.key in keys
        ]
        if any(letter.as_of != index.metadata.sequence for letter in letters):
            raise NotIndexed(
                f"generation {generation} of {view} is at a later sequence than its dead letters;"
                " run: stet rebuild"
            )
        (index,) = self._retry(lambda: self._indexes.fence([index]))
        rejects = Rejects(self.letters, index.metadata)
        loader = elastic_load.Loader(self._cluster, index.fence, self._patience(), rejects)
        loader.load(iter([elastic_load.letter_lines(letters)]), lambda _: None)
        self.letters.forget(view, generation, [letter.key for letter in letters])
        self.letters.write()
        self._refresh(index)
        return len(letters) - len({x.key for x in letters} & self.letters.keys(view, generation))

    def refresh(self, view: str, generation: int, merge: bool = False) -> Generation:
        """Make all loaded documents durable and searchable; ``merge`` makes one segment of them."""
        index = self._loading.pop((view, generation))
        if merge:
            self._ask(
                "POST",
                f"/{index.name}/_forcemerge",
                seconds=SECONDS_TO_MERGE,
                max_num_segments="1",
            )
        return self._refresh(replace(index, finished=True))

    def _refresh(self, index: Index) -> Generation:
        """Make an index's documents searchable and write its metadata."""
        self._ask("POST", f"/{index.name}/_refresh")
        count = self._ask("GET", f"/{index.name}/_count")["count"]
        stats = self._ask("GET", f"/{index.name}/_stats/store")
        size = stats["_all"]["primaries"]["store"]["size_in_bytes"]
        metadata = replace(index.metadata, documents=count, bytes=size, built_at=now())
        self._retry(lambda: self._indexes.write_metadata(replace(index, metadata=metadata)))
        return metadata

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence in one step; returns them by view."""
        from search.elastic.steps import Steps

        if self._steps is None:
            self._steps = Steps(self._cluster, self._indexes, self.letters, self._patience)
        return self._steps.advance(sequence, generations, changes)

    def close(self) -> None:
        """Forget the fences that steps keep between them."""
        if self._steps is not None:
            self._steps.close()

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its stored JSON, sorted by id."""
        from search.elastic import digests as elastic_digests

        index = self._retry(lambda: self._indexes.index(view, generation))
        return elastic_digests.digests(self._cluster, index, self._patience())

    def promote(self, generations: Mapping[str, int]) -> None:
        """Make these generations live at the same moment; other views stay as they are."""
        for view, generation in generations.items():
            index = self._retry(partial(self._indexes.finished, view, generation))
            self._retry(partial(self._indexes.make_ready, index, self._connection.replicas))
        self._retry(lambda: self._indexes.change_pointer(lambda now: now.promoted(generations)))

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Undo the last promotion, or as many as it takes until generation ``to`` is live.

        Returns the live generations by view. All views change at the same moment, or none.
        """
        self._indexes.change_pointer(lambda now: now.rolled_back(to))
        return self.serving()

    def drop(self, view: str, generation: int) -> None:
        """Delete a generation; ``SearchError`` while it is live or kept for roll-back."""
        self._indexes.remove(view, generation)
        self.letters.forget(view, generation)

    def clear(self, keep: int | None = None) -> list[int]:
        """Delete generations that are not live, not kept for roll-back and not being built.

        What another archive has begun within a day counts as being built.
        """
        indexes = self._indexes.all()
        kept = self._indexes.pointer(indexes).kept()
        kept_numbers = {number for _, number in kept}
        removed = set(self._local.clear_all_but({*kept_numbers, keep}))
        being_built = set(self._local.numbers()) - kept_numbers
        for index in indexes:
            key = index.metadata.view, index.metadata.generation
            if key in kept or key[1] == keep or not self._is_abandoned(index, being_built):
                continue
            self.drop(*key)
            removed.add(key[1])
        return sorted(removed)

    def _is_abandoned(self, index: Index, being_built: set[int]) -> bool:
        if index.built_in == self._built_in:
            return index.metadata.generation not in being_built
        began = datetime.fromisoformat(index.metadata.built_at)
        return datetime.now(UTC) - began > UNFINISHED_FOR

    def numbers(self) -> set[int]:
        """The numbers of all generations, finished or not."""
        in_cluster = {index.metadata.generation for index in self._indexes.all()}
        return {*self._local.numbers(), *in_cluster}

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self._indexes.counted(i for i in self._indexes.all() if i.finished)

    def pointer(self) -> Pointer:
        """Each view's live generation, and those that are kept to go back or forward to."""
        return self._indexes.pointer()

    def serving(self) -> dict[str, Generation]:
        """The live generations by view."""
        indexes = self._indexes.all()
        numbers = self._indexes.pointer(indexes).live
        live = [i for i in indexes if numbers.get(i.metadata.view) == i.metadata.generation]
        if not live:
            return {}
        return {generation.view: generation for generation in self._indexes.counted(live)}

    def search(self, query: Query) -> Answer:
        """Answer a query from the live generation of its view."""
        from search import answers
        from search.elastic.searched import Searched

        query = query.of(self._views)
        for attempt in (1, 2):
            index = self._indexes.live(query.view)
            if index is None:
                raise NothingServes(f"nothing to search in {query.view} yet; run: stet rebuild")
            embargo = Embargo.of(query, index.mapping, self._views, self.search)
            try:
                shown = self._hiding.as_shown(query, Searched(index, self._cluster))
                return answers.answer(query, shown, embargo)
            except Refusal as refusal:
                # Two rebuilds since the alias was read may have deleted this index.
                if refusal.status != 404 or attempt == 2:
                    raise
        raise AssertionError

    def _patience(self) -> Patience:
        return Patience(self._connection.patience)

    def _retry(self, act: Callable[[], Result]) -> Result:
        return self._patience().retry(act)

    def _ask(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        return self._retry(lambda: self._cluster.ask(method, path, body, **parameters))
