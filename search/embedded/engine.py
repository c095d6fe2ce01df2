"""The embedded engine: generations of tantivy indexes in a folder of the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from search import answers
from search.embargo import Embargo
from search.embedded import segments
from search.embedded.index import EmbeddedIndex
from search.embedded.readers import Readers
from search.embedded.searched import Searched
from search.embedded.version import VERSION
from search.embedded.writer import MUCH, Writer
from search.engine import Answer, Change, Generation, LoadProgress
from search.generations import Generations, Pointer, new_generation, now
from search.hidden import Hiding
from search.mapping import IndexMapping
from search.pace import Pace
from search.query import Query

if TYPE_CHECKING:
    from replay import View
    from search.embedded.steps import Steps

Key = tuple[str, int]


class EmbeddedEngine:
    """The engine that needs no server; its indexes are in ``home/index``."""

    def __init__(
        self,
        home: Path | str,
        views: Mapping[str, View],
        beside: Callable[[Query], Answer] | None = None,
        hiding: Hiding | None = None,
    ) -> None:
        """``beside`` searches the views that this engine does not have, for what is embargoed.

        ``hiding`` finds what of them counts in the documents of this engine and is hidden.
        """
        self.folder = Path(home) / "index"
        self.identity = "embedded"
        self._generations = Generations(self.folder)
        self._views = views
        self._readers = Readers(self._generations, self._views)
        self._loading: dict[Key, tuple[Generation, IndexMapping, Writer]] = {}
        self._steps: Steps | None = None
        self._beside = beside or self.search
        self._hiding = hiding or Hiding(views, self._beside)

    def mapping(self, view: str) -> str:
        """The value that ``Generation.mapping`` has for a generation built now."""
        return new_generation(self._views[view], 0, 0, VERSION)[0].mapping

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin an empty generation; what an unfinished attempt left of it is deleted."""
        self._close_writers(view, generation)
        self._generations.remove(view, generation)
        directory = self._generations.index(view, generation)
        directory.mkdir(parents=True)
        metadata, mapping = new_generation(self._views[view], generation, sequence, VERSION)
        writer = Writer(EmbeddedIndex.create(directory, mapping), MUCH)
        self._loading[view, generation] = metadata, mapping, writer

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file; returns how many they were."""
        from search import lines
        from search.embedded import layout

        _, mapping, writer = self._loading[view, generation]
        with lines.open_documents(documents) as file:
            pace = Pace(view, file.metadata.num_rows, tell)
            for piece in lines.in_pieces(file, layout.query(mapping, file.schema_arrow)):
                writer.add(piece)
                pace.report(pace.documents + len(piece))
        return pace.documents

    def rejected(self, view: str, generation: int) -> set[str]:  # noqa: ARG002
        """Always empty: this engine rejects no single document, only a whole load."""
        return set()

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:  # noqa: ARG002
        """Always 0: there are no dead letters."""
        return 0

    def refresh(
        self,
        view: str,
        generation: int,
        merge: bool = False,  # noqa: ARG002 - it is merged in any case
    ) -> Generation:
        """Make all loaded documents durable and searchable."""
        metadata, mapping, writer = self._loading.pop((view, generation))
        writer.commit()
        writer.close()
        directory = self._generations.index(view, generation)
        index = segments.read(directory)
        files = index.files(directory)
        size = sum(files.values())
        metadata = replace(metadata, documents=index.documents, bytes=size, built_at=now())
        self._generations.finish(metadata, mapping, files)
        return metadata

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence in one step; returns them by view."""
        from search.embedded.steps import Steps

        if self._steps is None:
            self._steps = Steps(self._generations)
        return self._steps.advance(sequence, generations, changes)

    def close(self) -> None:
        """Close the writers that steps keep open between them."""
        if self._steps is not None:
            self._steps.close_writers()

    def _close_writers(self, view: str, generation: int) -> None:
        if self._steps is not None:
            self._steps.close_writers(lambda key: key != (view, generation))

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its stored JSON, sorted by id."""
        from search.comparison import sorted_by_id

        documents = self._readers.open(view, generation).index.documents()
        return sorted_by_id((key, hashlib.sha256(text).hexdigest()) for key, text in documents)

    def promote(self, generations: Mapping[str, int]) -> None:
        """Make these generations live at the same moment; other views stay as they are."""
        self._generations.promote(generations)

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Undo the last promotion, or as many as it takes until generation ``to`` is live.

        Returns the live generations by view. All views change at the same moment, or none.
        """
        self._generations.roll_back(to)
        return self.serving()

    def drop(self, view: str, generation: int) -> None:
        """Delete a generation; ``SearchError`` while it is live or kept for roll-back."""
        self._generations.drop(view, generation)
        self._close_writers(view, generation)

    def clear(self, keep: int | None = None) -> list[int]:
        """Delete generations that are not live, not kept for roll-back and not being built."""
        return self._generations.clear(keep)

    def numbers(self) -> set[int]:
        """The numbers of all generations, finished or not."""
        kept = {number for _, number in self._generations.pointer_or_none().kept()}
        return {*self._generations.numbers(), *kept}

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self._generations.finished()

    def pointer(self) -> Pointer:
        """Each view's live generation, and those that are kept to go back or forward to."""
        return self._generations.pointer()

    def serving(self) -> dict[str, Generation]:
        """The live generations by view."""
        live = self._generations.pointer().live
        return {view: self._generations.metadata(view, live[view])[0] for view in live}

    def search(self, query: Query) -> Answer:
        """Answer a query from the live generation of its view."""
        query = query.of(self._views)
        open_generation = self._readers.live(query.view)
        embargo = Embargo.of(query, open_generation.mapping, self._views, self._beside)
        index = Searched(open_generation.metadata, open_generation.mapping, open_generation.index)
        return answers.answer(query, self._hiding.as_shown(query, index), embargo)
