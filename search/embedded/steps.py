"""The steps of the embedded engine: a few documents of several generations, all at once.

What changes is written side by side, because most of a small commit's time is waiting for the
disk. Then, while nobody opens an index, all are committed, and one file says that they moved. The
writers stay open for the next step, as long as their generations serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

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
"""How many indexes are written at the same time: the most of it is waiting for the disk."""


class Advancing:
    """The writers of one engine; one step at a time."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._indexes: dict[Key, tuple[IndexMapping, EmbeddedIndex]] = {}
        self._writers: dict[Key, Writer] = {}

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence; doing it again changes nothing.

        Raises ``NotIndexed`` when that cannot be written; then the step is to be done again.
        """
        built = {
            view: self._generations.built(view, number)[0] for view, number in generations.items()
        }
        try:
            written = set(self._all(self._put, changes))
            with self._generations.checkpoints.moving():
                self._all(lambda key: self._writers[key].commit(), written)
                there = self._generations.checkpoints.read()
                moved = [
                    self._checkpoint(key, sequence, None if key in written else there.get(key))
                    for key in generations.items()
                ]
                self._generations.checkpoints.move(moved)
        except (OSError, ValueError) as error:
            self._abandon()
            raise NotIndexed(
                f"cannot bring {', '.join(built)} to sequence {sequence:,}:"
                f" {' '.join(str(error).split())}. Make room, and repeat; what serves still serves"
            ) from error
        except BaseException:
            self._abandon()
            raise
        served = self._generations.pointer_or_none().serving.items()
        self.let_go(lambda key: key in served)
        return {point.view: point.of(built[point.view]) for point in moved}

    def _all(self, act: Callable[[Item], Done], items: Iterable[Item]) -> list[Done]:
        """Do it for each as it comes, side by side; all have ended when this returns or raises."""
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            begun = [pool.submit(act, item) for item in items]
        return [each.result() for each in begun]

    def _put(self, change: Change) -> Key:
        key = change.view, change.generation
        if change.documents is None:
            self._writer(key, 0).take(change.gone)
            return key
        with lines.opened(change.documents) as documents:
            writer = self._writer(key, documents.metadata.num_rows)
            writer.take(change.gone)
            query = layout.query(self._indexes[key][0], documents.schema_arrow)
            for piece in lines.in_pieces(documents, query):
                writer.put(piece)
        return key

    def _writer(self, key: Key, documents: int) -> Writer:
        """The open writer of a generation, or one that is opened now."""
        writer = self._writers.get(key)
        if writer and documents >= MUCH and not writer.for_much:
            self._writers.pop(key).close()
            writer = None
        if writer is None:
            if key not in self._indexes:
                self._generations.look_over(*key)
                mapping = self._generations.built(*key)[1]
                index = EmbeddedIndex.open(self._generations.index(*key), mapping)
                self._indexes[key] = mapping, index
            writer = self._writers[key] = Writer(self._indexes[key][1], documents)
        return writer

    def _checkpoint(self, key: Key, sequence: int, unchanged: Checkpoint | None) -> Checkpoint:
        if unchanged is not None:
            return replace(unchanged, sequence=sequence)
        (view, generation), directory = key, self._generations.index(*key)
        found = segments.read(directory)
        return Checkpoint(
            view=view,
            generation=generation,
            sequence=sequence,
            commit=found.commit,
            documents=found.documents,
            files=found.files(directory),
        )

    def let_go(self, keep: Callable[[Key], bool] = lambda _: False) -> None:
        """Close the writers of the generations that are not kept, and those for much."""
        for key in [
            key for key, writer in self._writers.items() if writer.for_much or not keep(key)
        ]:
            self._writers.pop(key).close()
        for key in [key for key in self._indexes if not keep(key)]:
            del self._indexes[key]

    def _abandon(self) -> None:
        """Let go of all, and of what was written and not committed."""
        for writer in self._writers.values():
            with suppress(OSError, ValueError):  # what went wrong is being told
                writer.close()
        self._writers.clear()
        self._indexes.clear()
