"""The embedded engine: generations of tantivy indexes in the archive's own directory."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from search import answers
from search.embedded import segments
from search.embedded.index import EmbeddedIndex, stems
from search.embedded.readers import Opened, Readers, damaged
from search.embedded.writer import MUCH, Writer
from search.engine import Answer, Change, Generation, LoadProgress
from search.generations import Generations, begun, now
from search.highlight import Highlighter
from search.mapping import IndexMapping
from search.pace import Pace
from search.query import Limits, Query
from search.syntax import parse

if TYPE_CHECKING:
    from replay import View
    from search.embedded.steps import Advancing

Key = tuple[str, int]


class EmbeddedEngine:
    """The engine that needs no server: its indexes lie in ``home/index``."""

    def __init__(self, home: Path | str, views: Mapping[str, View]) -> None:
        self.folder = Path(home) / "index"
        self.identity = "embedded"
        self._generations = Generations(self.folder)
        self._views = views
        self._readers = Readers(self._generations, self._views)
        self._loading: dict[Key, tuple[Generation, IndexMapping, Writer]] = {}
        self._steps: Advancing | None = None

    def mapping(self, view: str) -> str:
        """How the view would be indexed now: what ``Generation.mapping`` would say."""
        from search.embedded import layout

        return begun(self._views[view], 0, 0, layout.VERSION)[0].mapping

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin a generation, empty; what an unfinished attempt left of it goes away."""
        from search.embedded import layout

        self._let_go(view, generation)
        self._generations.remove(view, generation)
        directory = self._generations.index(view, generation)
        directory.mkdir(parents=True)
        about, mapping = begun(self._views[view], generation, sequence, layout.VERSION)
        writer = Writer(EmbeddedIndex.create(directory, mapping), MUCH)
        self._loading[view, generation] = about, mapping, writer

    def load(
        self, view: str, generation: int, documents: Path, tell: LoadProgress | None = None
    ) -> int:
        """Add the documents of a Parquet file, and say how many they were."""
        from search import lines
        from search.embedded import layout

        _, mapping, writer = self._loading[view, generation]
        with lines.opened(documents) as file:
            pace = Pace(view, file.metadata.num_rows, tell)
            for piece in lines.in_pieces(file, layout.query(mapping, file.schema_arrow)):
                writer.add(piece)
                pace.come(pace.documents + len(piece))
        return pace.documents

    def rejected(self, view: str, generation: int) -> set[str]:  # noqa: ARG002
        """None: what this engine cannot index it refuses as a whole."""
        return set()

    def replay(self, view: str, generation: int, keys: Collection[str] | None = None) -> int:  # noqa: ARG002
        """None was rejected."""
        return 0

    def refresh(
        self,
        view: str,
        generation: int,
        merge: bool = False,  # noqa: ARG002 - it is merged in any case
    ) -> Generation:
        """Make all that was loaded durable and searchable."""
        about, mapping, writer = self._loading.pop((view, generation))
        writer.commit()
        writer.close()
        directory = self._generations.index(view, generation)
        found = segments.read(directory)
        files = found.files(directory)
        size = sum(files.values())
        about = replace(about, documents=found.documents, bytes=size, built_at=now())
        self._generations.note(about, mapping, files)
        return about

    def advance(
        self, sequence: int, generations: Mapping[str, int], changes: Iterable[Change]
    ) -> dict[str, Generation]:
        """Bring finished generations to a later sequence, in one step; by view, what they are."""
        from search.embedded.steps import Advancing

        if self._steps is None:
            self._steps = Advancing(self._generations)
        return self._steps.advance(sequence, generations, changes)

    def close(self) -> None:
        """Close the writers that steps keep open."""
        if self._steps is not None:
            self._steps.let_go()

    def _let_go(self, view: str, generation: int) -> None:
        if self._steps is not None:
            self._steps.let_go(lambda key: key != (view, generation))

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its JSON as it is kept, sorted by id."""
        from search.comparison import sorted_by_id

        documents = self._readers.opened(view, generation).index.documents()
        return sorted_by_id((key, hashlib.sha256(said).hexdigest()) for key, said in documents)

    def promote(self, generations: Mapping[str, int]) -> None:
        """Let these generations serve, all from the same moment on; other views stay."""
        self._generations.promote(generations)

    def roll_back(self, to: int | None = None) -> dict[str, Generation]:
        """Let serve what served before the last promotion, or before that, until ``to`` serves.

        Returns what serves now. All of it changes at the same moment, or nothing.
        """
        self._generations.roll_back(to)
        return self.serving()

    def drop(self, view: str, generation: int) -> None:
        """Remove a generation; refused while it serves, or may be rolled back to."""
        self._generations.drop(view, generation)
        self._let_go(view, generation)

    def clear(self, keep: int | None = None) -> list[int]:
        """Remove generations that neither serve nor may be rolled back to, nor are being built."""
        return self._generations.clear(keep)

    def numbers(self) -> set[int]:
        """The numbers of all generations that there are, finished or not."""
        named = {number for _, number in self._generations.pointer_or_none().named()}
        return {*self._generations.numbers(), *named}

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self._generations.finished()

    def serving(self) -> dict[str, Generation]:
        """By view, the generation that serves."""
        served = self._generations.pointer().serving
        return {view: self._generations.about(view, served[view])[0] for view in served}

    def search(self, query: Query) -> Answer:
        """Answer a query from what serves now."""
        query = query.of(self._views)
        opened = self._readers.serving(query.view)
        limits = answers.limits(query, opened.mapping)
        try:
            return self._answer(query, limits, opened)
        except (OSError, ValueError) as error:
            raise damaged(opened.about, error) from error

    @staticmethod
    def _answer(query: Query, limits: Limits, opened: Opened) -> Answer:
        about, mapping, index = opened.about, opened.mapping, opened.index
        parsed = parse(query.text, mapping.text)
        every = parsed.all_may_match and not query.any_word
        page = index.find(parsed, every, limits, query.sort, query.offset, query.size)
        if every and not page.total and len(parsed.loose) > 1:
            every = False
            page = index.find(parsed, every, limits, query.sort, query.offset, query.size)
        highlighter = Highlighter(parsed.clauses if query.highlight else (), stems)
        return Answer(
            total=page.total,
            hits=[
                answers.hit(score, orjson.loads(stored), mapping, highlighter)
                for score, stored in page.hits
            ],
            facets=index.facets(parsed, every, limits, query.facets),
            matching="all" if every else "any",
            note=parsed.note,
            generation=about.generation,
            sequence=about.sequence,
        )
