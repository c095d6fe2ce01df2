"""Steps of the embedded engine: the changed documents of several generations, in one commit.

The changes of all generations are written in parallel, because a small commit mostly waits for the
disk. Then, while readers open no index, all are committed, and one file moves their checkpoints.
The writers of live generations stay open for the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from replay import StoreError, advice, as_told
from search import lines
from search.embedded import layout, segments
from search.embedded.checkpoints import Checkpoint, Key
from search.embedded.index import EmbeddedIndex
from search.embedded.writer import MUCH, Writer
from search.engine import Change, Generation
from search.errors import NotIndexed
from search.generations import Generations
from search.mapping import IndexMapping

Item = TypeVar("Item")
Done = TypeVar("Done")
SIDE_BY_SIDE = 8
"""Indexes that are written at the same time."""


class Steps:
    """The steps of one engine, one at a time, and the writers that stay open between them."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._indexes: dict[Key, tuple[IndexMapping, EmbeddedIndex]] = {}
        self._writers: dict[Key, Writer] = {}

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence; repeating a step changes nothing.

        Raises ``NotIndexed`` when the disk refuses; then the step must be repeated.
        """
        built = {
            view: self._generations.as_built(view, number)[0]
            for view, number in generations.items()
        }
        try:
            written = set(self._side_by_side(self._write, changes))
            with self._generations.checkpoints.writing():
                self._side_by_side(lambda key: self._writers[key].commit(), written)
                before = self._generations.checkpoints.read()
                checkpoints = [
                    self._checkpoint(key, sequence, None if key in written else before.get(key))
                    for key in generations.items()
                ]
                self._generations.checkpoints.update(checkpoints)
        except (OSError, ValueError, StoreError) as error:
            self._abandon()
            raise NotIndexed(
                f"cannot bring {', '.join(built)} to sequence {sequence:,}:"
                f" {as_told(' '.join(str(error).split()))}. {advice(error)}; the live index is as"
                " it was"
            ) from error
        except BaseException:
            self._abandon()
            raise
        live = self._generations.pointer_or_none().live.items()
        self.close_writers(lambda key: key in live)
        return {point.view: point.advanced(built[point.view]) for point in checkpoints}

    def _side_by_side(self, act: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """Call ``act`` with each item in parallel; all calls have ended when this ends."""
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            futures = [pool.submit(act, item) for item in items]
        return [future.result() for future in futures]

    def _write(self, change: Change) -> Key:
        key = change.view, change.generation
        if change.documents is None:
            self._writer(key, 0).delete(change.gone)
            return key
        with lines.open_documents(change.documents) as documents:
            writer = self._writer(key, documents.metadata.num_rows)
            writer.delete(change.gone)
            query = layout.query(self._indexes[key][0], documents.schema_arrow)
            for piece in lines.in_pieces(documents, query):
                writer.replace_documents(piece)
        return key

    def _writer(self, key: Key, documents: int) -> Writer:
        """The open writer of a generation, opened now if there is none for so many documents."""
        writer = self._writers.get(key)
        if writer and documents >= MUCH and not writer.for_much:
            self._writers.pop(key).close()
            writer = None
        if writer is None:
            if key not in self._indexes:
                self._generations.check_files(*key)
                mapping = self._generations.as_built(*key)[1]
                index = EmbeddedIndex.open(self._generations.index(*key), mapping)
                self._indexes[key] = mapping, index
            writer = self._writers[key] = Writer(self._indexes[key][1], documents)
        return writer

    def _checkpoint(self, key: Key, sequence: int, unchanged: Checkpoint | None) -> Checkpoint:
        if unchanged is not None:
            return replace(unchanged, sequence=sequence)
        (view, generation), directory = key, self._generations.index(*key)
        index = segments.read(directory)
        return Checkpoint(
            view=view,
            generation=generation,
            sequence=sequence,
            commit=index.commit,
            documents=index.documents,
            files=index.files(directory),
        )

    def close_writers(self, keep: Callable[[Key], bool] = lambda _: False) -> None:
        """Close writers for many documents, and those of generations that are not to ``keep``."""
        for key in [
            key for key, writer in self._writers.items() if writer.for_much or not keep(key)
        ]:
            self._writers.pop(key).close()
        for key in [key for key in self._indexes if not keep(key)]:
            del self._indexes[key]

    def _abandon(self) -> None:
        """Close all writers; changes that were not committed are lost."""
        for writer in self._writers.values():
            with suppress(OSError, ValueError):  # the caller raises the first error already
                writer.close()
        self._writers.clear()
        self._indexes.clear()
