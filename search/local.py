"""The embedded engine: generations of tantivy indexes in the archive's own directory."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from search import answers
from search.embedded import EmbeddedIndex, stems
from search.engine import Answer, Generation, Tell
from search.errors import DamagedIndex, NothingServes, UnknownName
from search.generations import Generations
from search.highlight import Highlighter
from search.mapping import IndexMapping
from search.pace import Pace
from search.query import Limits, Query
from search.syntax import parse
from views import VIEWS, View

Key = tuple[str, int]
Opened = tuple[Generation, IndexMapping, EmbeddedIndex]


class EmbeddedEngine:
    """The engine that needs no server: its indexes lie in ``home/index``."""

    def __init__(self, home: Path | str, views: Mapping[str, View] | None = None) -> None:
        self.folder = Path(home) / "index"
        self._generations = Generations(self.folder)
        self._views = VIEWS if views is None else views
        self._loading: dict[Key, tuple[int, EmbeddedIndex]] = {}
        self._opened: dict[Key, Opened] = {}
        self._serving: dict[str, int] = {}
        self._mark: tuple[int, int, int] | None = None

    def create(self, view: str, generation: int, sequence: int) -> None:
        """Begin a generation, empty; what an unfinished attempt left of it goes away."""
        directory = self._generations.index(view, generation)
        directory.with_suffix(".json").unlink(missing_ok=True)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        index = EmbeddedIndex.create(directory, IndexMapping.of(self._views[view]))
        self._loading[view, generation] = (sequence, index)

    def load(self, view: str, generation: int, documents: Path, tell: Tell | None = None) -> int:
        """Add the documents of a Parquet file, and say how many they were."""
        import pyarrow.parquet as pq  # here, because who searches needs none of these

        from search import layout, lines

        _, index = self._loading[view, generation]
        mapping = IndexMapping.of(self._views[view])
        pace = Pace(view, pq.read_metadata(documents).num_rows, tell)
        for piece in lines.in_pieces(documents, layout.query(mapping, pq.read_schema(documents))):
            index.add(line for (line,) in piece)
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
        from search import layout

        sequence, index = self._loading.pop((view, generation))
        mapping = IndexMapping.of(self._views[view])
        about = Generation(
            view=view,
            generation=generation,
            sequence=sequence,
            documents=0,
            bytes=0,
            code_version=self._views[view].code_version,
            mapping=f"{layout.VERSION}:{mapping.digest}",
            built_at="",
        )
        return self._whole(about, mapping, index)

    def _whole(self, about: Generation, mapping: IndexMapping, index: EmbeddedIndex) -> Generation:
        """Make durable what was added, and write down what that is."""
        documents = index.commit()
        files = self._generations.files(about.view, about.generation)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        about = replace(about, documents=documents, bytes=sum(files.values()), built_at=now)
        self._generations.note(about, mapping, files)
        self._opened.pop((about.view, about.generation), None)
        return about

    def change(
        self, view: str, generation: int, sequence: int, documents: Path, gone: Sequence[str]
    ) -> Generation:
        """Bring a finished generation to a later sequence; doing it again changes nothing."""
        import pyarrow.parquet as pq

        from search import layout, lines

        about, mapping, index = self._open(view, generation)
        keys = pq.read_table(documents, columns=["id"]).column("id").to_pylist()
        index.add((), instead_of=[*keys, *gone])
        for piece in lines.in_pieces(documents, layout.query(mapping, pq.read_schema(documents))):
            index.add(line for (line,) in piece)
        return self._whole(replace(about, sequence=sequence), mapping, index)

    def digests(self, view: str, generation: int) -> Iterator[tuple[str, str]]:
        """The id of each document and the SHA-256 of its JSON as it is kept, sorted by id."""
        from search.comparison import sorted_by_id

        documents = self._open(view, generation)[2].documents()
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
        about, mapping, index = self._reader(query.view)
        limits = answers.limits(query, mapping)
        try:
            return self._answer(query, limits, about, mapping, index)
        except (OSError, ValueError) as error:
            raise _damaged(query.view, about.generation, error) from error

    @staticmethod
    def _answer(
        query: Query,
        limits: Limits,
        about: Generation,
        mapping: IndexMapping,
        index: EmbeddedIndex,
    ) -> Answer:
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

    def _reader(self, view: str) -> Opened:
        """What serves a view now; opened once, and again when something else serves."""
        if view not in self._views:
            raise UnknownName("view", view, self._views)
        for attempt in (1, 2):
            mark = self._generations.pointer_mark()
            if mark != self._mark:
                self._serving = self._generations.pointer().serving
                self._opened = {k: v for k, v in self._opened.items() if k in self._serving.items()}
                self._mark = mark
            if view not in self._serving:
                raise NothingServes(f"nothing to search in {view} yet; run: stet rebuild")
            try:
                return self._open(view, self._serving[view])
            except DamagedIndex:
                # Readers that were slow may find that two rebuilds have passed them by.
                if attempt == 2 or mark == self._generations.pointer_mark():
                    raise
        raise AssertionError

    def _open(self, view: str, generation: int) -> Opened:
        opened = self._opened.get((view, generation))
        if opened is None:
            about, mapping = self._generations.about(view, generation)
            path = self._generations.index(view, generation)
            self._generations.look_over(view, generation)
            try:
                opened = about, mapping, EmbeddedIndex.open(path, mapping)
            except (OSError, ValueError) as error:
                raise _damaged(view, generation, error) from error
            self._opened[view, generation] = opened
        return opened


def _damaged(view: str, generation: int, error: Exception) -> DamagedIndex:
    said = " ".join(str(error).split())
    return DamagedIndex(
        f"the index of {view}, generation {generation}, is damaged ({said}); run: stet rebuild"
    )
