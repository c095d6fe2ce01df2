"""The steps of the embedded engine: a few documents of several generations, all at once.

What changes is written side by side, because most of a small commit's time is waiting for the
disk. Then, while nobody opens an index, all are committed, and one file says that they moved. The
writers stay open for the next step, as long as their generations serve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from search import layout, lines, segments
from search.checkpoints import Checkpoint, Key
from search.embedded import EmbeddedIndex
from search.engine import Change, Generation
from search.errors import NotIndexed
from search.generations import Generations
from search.mapping import IndexMapping
from search.writing import MUCH, Writer


class Advancing:
    """The writers of one engine; one step at a time."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._indexes: dict[Key, tuple[IndexMapping, EmbeddedIndex]] = {}
        self._writers: dict[Key, Writer] = {}

    def advance(self, sequence: int, changes: Sequence[Change]) -> dict[str, Generation]:
        """Bring finished generations to a later sequence; doing it again changes nothing.

        Raises ``NotIndexed`` when that cannot be written; then the step is to be done again.
        """
        built = {x.view: self._generations.built(x.view, x.generation)[0] for x in changes}
        written = [change for change in changes if change.documents or change.gone]
        try:
            self._all(self._put, written)
            with self._generations.checkpoints.moving():
                self._all(lambda change: self._writers[_key(change)].commit(), written)
                there = self._generations.checkpoints.read()
                moved = [
                    self._checkpoint(change, sequence, there.get(_key(change)))
                    for change in changes
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

    def _all(self, act: Callable[[Change], object], changes: Sequence[Change]) -> None:
        """Do it for each, side by side; all have ended when this returns or raises."""
        if changes:
            with ThreadPoolExecutor(len(changes)) as pool:
                for future in [pool.submit(act, change) for change in changes]:
                    future.result()

    def _put(self, change: Change) -> None:
        if change.documents is None:
            self._writer(change, 0).take(change.gone)
            return
        with lines.opened(change.documents) as documents:
            writer = self._writer(change, documents.metadata.num_rows)
            writer.take(change.gone)
            query = layout.query(self._indexes[_key(change)][0], documents.schema_arrow)
            for piece in lines.in_pieces(documents, query):
                writer.put(piece)

    def _writer(self, change: Change, documents: int) -> Writer:
        """The open writer of a generation, or one that is opened now."""
        key = _key(change)
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

    def _checkpoint(self, change: Change, sequence: int, before: Checkpoint | None) -> Checkpoint:
        if before is not None and not change.documents and not change.gone:
            return replace(before, sequence=sequence)
        directory = self._generations.index(change.view, change.generation)
        found = segments.read(directory)
        return Checkpoint(
            view=change.view,
            generation=change.generation,
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


def _key(change: Change) -> Key:
    return change.view, change.generation
