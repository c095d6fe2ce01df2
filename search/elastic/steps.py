"""The steps of a cluster: a few documents of several generations, told by one change of aliases.

A writer's fence is known to it alone. The first step of a process takes away whatever fences there
are, and so does the first after a failure; each step ends with the call that says how far its
generations are, which also replaces their fences for the next one. So a step costs one change of
the cluster's state, and a late write of an earlier one has no name any more to be sent to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain

import pyarrow as pa

from search import lines
from search.dead_letters import DeadLetters
from search.elastic import layout as elastic_layout
from search.elastic import load
from search.elastic.cluster import Cluster, Refusal
from search.elastic.generations import ClusterGenerations
from search.elastic.index import Index
from search.elastic.patience import Patience
from search.elastic.rejects import Rejects
from search.engine import Change, Generation

FENCE_GONE = frozenset({"index_not_found_exception", "aliases_not_found_exception"})
Key = tuple[str, int]


class Steps:
    """The steps of one engine; one at a time."""

    def __init__(
        self,
        cluster: Cluster,
        indexes: ClusterGenerations,
        letters: DeadLetters,
        patience: Callable[[], Patience],
    ) -> None:
        self._cluster = cluster
        self._indexes = indexes
        self._letters = letters
        self._patience = patience
        self._ready: dict[Key, Index] = {}

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence; doing it again changes nothing.

        What is written has that sequence for its version, which is above that of all before.
        """
        keys, taken = list(generations.items()), []

        def coming() -> Iterator[Change]:
            for change in changes:
                taken.append(change)
                yield change

        if all(key in self._ready for key in keys):
            try:
                return self._advance(sequence, coming(), [self._ready.pop(key) for key in keys])
            except Refusal as refusal:
                if refusal.kind not in FENCE_GONE:
                    raise
                # Somebody else wrote meanwhile, such as a replay; or it was done, and not heard.
        for key in keys:
            self._ready.pop(key, None)
        tried = self._patience().tried
        found = [tried(partial(self._indexes.finished, *key)) for key in keys]
        indexes = tried(partial(self._indexes.fenced, found))
        return self._advance(sequence, chain(taken.copy(), coming()), indexes)

    def close(self) -> None:
        """Keep no fence: the next step begins with new ones."""
        self._ready.clear()

    def _advance(
        self, sequence: int, changes: Iterable[Change], indexes: Sequence[Index]
    ) -> dict[str, Generation]:
        written = self._write_all(sequence, changes, {x.about.view: x for x in indexes})
        if written:
            names = ",".join(index.name for index in indexes if index.about.view in written)
            self._patience().tried(lambda: self._cluster.ask("POST", f"/{names}/_refresh"))
        reached = self._patience().tried(lambda: self._indexes.reached(indexes, sequence))
        self._ready |= {(index.about.view, index.about.generation): index for index in reached}
        return {index.about.view: index.about for index in reached}

    def _write_all(
        self, sequence: int, changes: Iterable[Change], indexes: Mapping[str, Index]
    ) -> set[str]:
        """Write what changed as it comes, side by side; returns the views that were written."""
        written = []
        try:
            with ThreadPoolExecutor(len(indexes)) as pool:
                sent = []
                for change in changes:
                    written.append(change)
                    sent.append(pool.submit(self._write, sequence, change, indexes[change.view]))
            for future in sent:
                future.result()
            for change in written:
                if self._letters.of(change.view, change.generation):
                    self._letters.forget(change.view, change.generation, _touched(change))
        finally:
            self._letters.keep()
        return {change.view for change in written}

    def _write(self, sequence: int, change: Change, index: Index) -> None:
        rejects = Rejects(self._letters, replace(index.about, sequence=sequence))
        loader = load.Loader(self._cluster, index.fence, self._patience(), rejects)
        loader.load(_lines(sequence, change, index), lambda _: None)


def _lines(sequence: int, change: Change, index: Index) -> Iterator[pa.Table]:
    deletions = [load.deletions(change.gone, sequence)] if change.gone else []
    if change.documents is None:
        yield from deletions
        return
    with lines.opened(change.documents) as documents:
        layout = elastic_layout.query(index.mapping, documents.schema_arrow)
        query = load.lines(layout, version="$1::BIGINT")
        written = lines.tables(documents, query, sequence)
        yield from chain(written, deletions)


def _touched(change: Change) -> set[str]:
    """The ids of the documents that a step writes or deletes."""
    touched = set(change.gone)
    if change.documents is not None:
        with lines.opened(change.documents) as documents:
            touched.update(documents.read(columns=["id"]).column("id").to_pylist())
    return touched
