"""Steps of a cluster: the changed documents of several generations, completed by one alias change.

Only its writer knows a fence (see ``search.elastic.generations``). The first step of a process, or
the first after a failure, removes all fences of its indexes and makes its own. Each step ends with
one call that writes the sequence of its generations and renews their fences. So a step costs one
change of the cluster's state, and a late write of an earlier step has no alias to go to.
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
from search.elastic.load import Rejects
from search.elastic.patience import Patience
from search.engine import Change, Generation

FENCE_GONE = frozenset({"index_not_found_exception", "aliases_not_found_exception"})
Key = tuple[str, int]


class Steps:
    """The steps of one engine, one at a time, and the fences that are kept between them."""

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
        self._fenced: dict[Key, Index] = {}

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence; repeating a step changes nothing.

        The sequence is the version of all documents written, and higher than those before.
        """
        keys, taken = list(generations.items()), []

        def take() -> Iterator[Change]:
            for change in changes:
                taken.append(change)
                yield change

        if all(key in self._fenced for key in keys):
            try:
                return self._advance(sequence, take(), [self._fenced.pop(key) for key in keys])
            except Refusal as refusal:
                if refusal.kind not in FENCE_GONE:
                    raise
                # Another process wrote meanwhile, such as a replay; or the answer was lost.
        for key in keys:
            self._fenced.pop(key, None)
        retry = self._patience().retry
        indexes = [retry(partial(self._indexes.finished, *key)) for key in keys]
        fenced = retry(partial(self._indexes.fence, indexes))
        return self._advance(sequence, chain(taken.copy(), take()), fenced)

    def close(self) -> None:
        """Forget all fences: the next step makes new ones."""
        self._fenced.clear()

    def _advance(
        self, sequence: int, changes: Iterable[Change], indexes: Sequence[Index]
    ) -> dict[str, Generation]:
        written = self._write_all(sequence, changes, {x.metadata.view: x for x in indexes})
        if written:
            names = ",".join(index.name for index in indexes if index.metadata.view in written)
            self._patience().retry(lambda: self._cluster.ask("POST", f"/{names}/_refresh"))
        advanced = self._patience().retry(lambda: self._indexes.advance(indexes, sequence))
        generations = {index.metadata.view: index.metadata for index in advanced}
        self._fenced |= {(x.metadata.view, x.metadata.generation): x for x in advanced}
        return generations

    def _write_all(
        self, sequence: int, changes: Iterable[Change], indexes: Mapping[str, Index]
    ) -> set[str]:
        """Write changes in parallel as they are computed; returns the views that were written."""
        written = []
        try:
            with ThreadPoolExecutor(len(indexes)) as pool:
                futures = []
                for change in changes:
                    written.append(change)
                    futures.append(pool.submit(self._write, sequence, change, indexes[change.view]))
            for future in futures:
                future.result()
            for change in written:
                if self._letters.any(change.view, change.generation):
                    self._letters.forget(change.view, change.generation, _touched(change))
        finally:
            self._letters.write()
        return {change.view for change in written}

    def _write(self, sequence: int, change: Change, index: Index) -> None:
        rejects = Rejects(self._letters, replace(index.metadata, sequence=sequence))
        loader = load.Loader(self._cluster, index.fence, self._patience(), rejects)
        loader.load(_lines(sequence, change, index), lambda _: None)


def _lines(sequence: int, change: Change, index: Index) -> Iterator[pa.Table]:
    deletions = [load.deletions(change.gone, sequence)] if change.gone else []
    if change.documents is None:
        yield from deletions
        return
    with lines.open_documents(change.documents) as documents:
        layout = elastic_layout.query(index.mapping, documents.schema_arrow)
        query = load.lines(layout, version="$1::BIGINT")
        written = lines.tables(documents, query, sequence)
        yield from chain(written, deletions)


def _touched(change: Change) -> set[str]:
    """The ids of the documents that a step writes or deletes."""
    touched = set(change.gone)
    if change.documents is not None:
        with lines.open_documents(change.documents) as documents:
            touched.update(documents.read(columns=["id"]).column("id").to_pylist())
    return touched
