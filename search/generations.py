"""Generations on disk: what each one is, which are live, and which are being built.

    index/serving.json           each view's live generation, those before it, those rolled back
                                 from
    index/checkpoints.json       to which sequence generations were advanced after their build
    index/lock                   held while generations are promoted or deleted
    index/000042/lock            held, shared, by every process that builds generation 42
    index/000042/articles.json   the generation's metadata; written when the index is complete
    index/000042/articles/       the engine's files

A process that is killed while it builds leaves a directory that ``serving.json`` does not name, and
a lock that nobody holds. The next rebuild deletes that directory. One rename of ``serving.json``
makes all views of a rebuild live at the same moment.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from replay import Lock, LockHeld, advice, is_refusal, write_json
from search.embedded import segments
from search.embedded.checkpoints import Checkpoints, Mark, mark
from search.engine import Generation
from search.errors import DamagedIndex, NothingServes, NotPromoted, SearchError
from search.mapping import IndexMapping

if TYPE_CHECKING:
    from replay import View

STATES_BEFORE = 2
"""How often one may roll back: the live generation and the two before it are kept."""

Live = dict[str, int]
"""By view, the number of its live generation."""


@dataclass(frozen=True)
class Pointer:
    """Each view's live generation, those that were live before it, and those rolled back from."""

    live: Live
    before: tuple[Live, ...] = ()
    """What was live before, the latest first."""
    after: tuple[Live, ...] = ()
    """What was rolled back from since the last promotion, the next one first."""

    def promoted(self, generations: Mapping[str, int]) -> Pointer:
        """The pointer after these generations are made live; other views stay as they are.

        A promotion decides what a roll-back left open: nothing is kept to go forward to.
        """
        live = {**self.live, **generations}
        if live == self.live or not self.live:
            return Pointer(live, self.before, self.after)
        return Pointer(live, (self.live, *self.before)[:STATES_BEFORE])

    def rolled_back(self, to: int | None = None) -> Pointer:
        """The pointer before the last promotion, or at the last time generation ``to`` was live.

        What it leaves is kept, so that one may promote it again.

        Raises ``NothingServes`` when there is no such generation to go back to.
        """
        for place, state in enumerate(self.before):
            if to is None or to in state.values():
                left = (self.live, *self.before[:place])
                return Pointer(state, self.before[place + 1 :], (*reversed(left), *self.after))
        which = "before the live one" if to is None else f"{to} among those kept"
        raise NothingServes(f"there is no generation {which}; see: stet generations")

    def kept(self) -> set[tuple[str, int]]:
        """The view and number of each generation that is live, or kept to go back or forward to."""
        states = (self.live, *self.before, *self.after)
        return {pair for state in states for pair in state.items()}

    def state(self, view: str, generation: int) -> str:
        """What a generation of a view is kept for; an empty text if it is not kept.

        It is ``live``, or one that ``roll back`` or ``promote again`` would make so.

        >>> Pointer({"articles": 2}, before=({"articles": 1},)).state("articles", 1)
        'roll back'
        """
        states = (("live", (self.live,)), ("roll back", self.before), ("promote again", self.after))
        found = (
            word for word, lives in states if any(live.get(view) == generation for live in lives)
        )
        return next(found, "")


def new_generation(
    view: View, generation: int, sequence: int, layout: int
) -> tuple[Generation, IndexMapping]:
    """The metadata and the mapping of a generation that has no documents yet.

    ``layout`` is the version of the engine's fields and analysis.
    """
    mapping = IndexMapping.of(view)
    metadata = Generation(
        view=view.name,
        generation=generation,
        sequence=sequence,
        documents=0,
        bytes=0,
        code_version=view.code_version,
        mapping=f"{layout}:{mapping.digest}",
        built_at=now(),
    )
    return metadata, mapping


def now() -> str:
    """The current instant in ISO 8601 with ``Z``, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Generations:
    """The generations of one engine of an archive, in a folder of the archive."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoints = Checkpoints(root)

    def lock(self) -> Lock:
        """The lock under which generations are begun, promoted and deleted; not taken yet."""
        self.root.mkdir(parents=True, exist_ok=True)
        return Lock(self.root / "lock")

    def directory(self, generation: int) -> Path:
        """The folder of a generation, with all its views."""
        return self.root / f"{generation:06d}"

    def index(self, view: str, generation: int) -> Path:
        """The folder of the engine's files of one view."""
        return self.directory(generation) / view

    def numbers(self) -> list[int]:
        """The numbers of the generations that have a directory, finished or not."""
        if not self.root.exists():
            return []
        return sorted(int(path.name) for path in self.root.iterdir() if path.name.isdigit())

    def finish(self, metadata: Generation, mapping: IndexMapping, files: dict[str, int]) -> None:
        """Write the metadata of a generation whose index is complete.

        ``files`` are the names of the engine's files and their sizes in bytes.
        """
        content = {"about": asdict(metadata), "mapping": mapping.as_json(), "files": files}
        write_json(self._metadata_path(metadata.view, metadata.generation), content)

    def _metadata_path(self, view: str, generation: int) -> Path:
        return self.index(view, generation).with_suffix(".json")

    def metadata(self, view: str, generation: int) -> tuple[Generation, IndexMapping]:
        """A finished generation as of its last step, and its mapping."""
        metadata, mapping = self.as_built(view, generation)
        checkpoint = self.checkpoints.read().get((view, generation))
        return checkpoint.advanced(metadata) if checkpoint else metadata, mapping

    def as_built(self, view: str, generation: int) -> tuple[Generation, IndexMapping]:
        """A finished generation as it was built, before any step, and its mapping.

        Raises ``DamagedIndex`` when it is gone, unfinished or unreadable.
        """
        path = self._metadata_path(view, generation)
        try:
            content = json.loads(path.read_text())
            about = Generation(**content["about"])
            return about, IndexMapping.read(content["mapping"], about.mapping)
        except FileNotFoundError:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndex(f"{path} is damaged ({error}); run: stet rebuild") from None

    def check_files(self, view: str, generation: int) -> None:
        """Raise ``DamagedIndex`` unless the generation's files have the sizes they were written in.

        An engine that opens other files may crash.
        """
        path = self._metadata_path(view, generation)
        try:
            sizes = dict(json.loads(path.read_text())["files"])
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndex(f"{path} is damaged ({error}); run: stet rebuild") from None
        if checkpoint := self.checkpoints.read().get((view, generation)):
            sizes |= checkpoint.files
        try:
            damaged_file = segments.damaged_file(self.index(view, generation), sizes)
        except (OSError, ValueError) as error:
            if is_refusal(error):
                raise SearchError(
                    f"cannot read the index of {view}, generation {generation}: {error}."
                    f" {advice(error)}"
                ) from error
            damaged_file = segments.META
        if damaged_file is not None:
            raise DamagedIndex(
                f"the index of {view}, generation {generation}, is damaged: {damaged_file} is not"
                " as it was written; run: stet rebuild"
            )

    def finished(self) -> list[Generation]:
        """All finished generations, oldest first."""
        generations = []
        for number in self.numbers():
            for path in sorted(self.directory(number).glob("*.json")):
                if path.with_suffix("").is_dir():
                    generations.append(self.metadata(path.stem, number)[0])
        return generations

    def pointer(self) -> Pointer:
        """Each view's live generation now, and those that were live before.

        Raises ``DamagedIndex`` when the file cannot be read.
        """
        path = self.root / "serving.json"
        try:
            content = json.loads(path.read_text())
            return Pointer(
                dict(content["serving"]),
                tuple(map(dict, content["before"])),
                tuple(map(dict, content.get("after", ()))),
            )
        except FileNotFoundError:
            return Pointer({})
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndex(f"{path} is damaged ({error}); run: stet rebuild") from None

    def mark(self) -> tuple[Mark, Mark]:
        """A value that changes with each promotion, roll-back and step."""
        return mark(self.root / "serving.json"), self.checkpoints.mark()

    def promote(self, generations: Mapping[str, int]) -> None:
        """Make these generations live; other views stay as they are.

        Raises ``NotPromoted`` when one of them is gone or unfinished.
        """
        with self.lock():
            for view, generation in generations.items():
                self._check_finished(view, generation)
            self._write_pointer(self.pointer_or_none().promoted(generations))

    def _write_pointer(self, pointer: Pointer) -> None:
        content = {
            "serving": pointer.live,
            "before": list(pointer.before),
            "after": list(pointer.after),
        }
        write_json(self.root / "serving.json", content)

    def _check_finished(self, view: str, generation: int) -> None:
        try:
            self.as_built(view, generation)
        except DamagedIndex as error:
            raise NotPromoted(str(error)) from None

    def pointer_or_none(self) -> Pointer:
        """The pointer; an empty one where the file is damaged, which a promotion repairs."""
        try:
            return self.pointer()
        except DamagedIndex:
            return Pointer({})

    def roll_back(self, to: int | None = None) -> Live:
        """Undo the last promotion, or as many as it takes until generation ``to`` is live."""
        with self.lock():
            pointer = self.pointer().rolled_back(to)
            for view, generation in pointer.live.items():
                self.metadata(view, generation)
            self._write_pointer(pointer)
        return pointer.live

    def drop(self, view: str, generation: int) -> None:
        """Delete one view of a generation.

        Raises ``SearchError`` while it is live or kept for roll-back.
        """
        with self.lock():
            if (view, generation) in self.pointer().kept():
                raise SearchError(
                    f"generation {generation} of {view} is live, or kept for roll-back"
                )
            self.remove(view, generation)

    def remove(self, view: str, generation: int) -> None:
        """Delete one view of a generation, finished or not, without any check."""
        index = self.index(view, generation)
        index.with_suffix(".json").unlink(missing_ok=True)
        self.checkpoints.forget(lambda key: key == (view, generation))
        shutil.rmtree(index, ignore_errors=True)

    def clear(self, keep: int | None = None) -> list[int]:
        """Delete generations that are not live, not kept for roll-back and not being built.

        ``keep`` stays in any case. Returns the numbers of those deleted.
        """
        with self.lock():
            try:
                kept = self.pointer().kept()
            except DamagedIndex:
                return []  # nobody knows which are still wanted, until a promotion repairs it
            return self._clear({number for _, number in kept} | {keep})

    def clear_all_but(self, wanted: Collection[int | None]) -> list[int]:
        """Delete all generations but those wanted and those being built; returns their numbers."""
        with self.lock():
            return self._clear(wanted)

    def _clear(self, wanted: Collection[int | None]) -> list[int]:
        unwanted = [number for number in self.numbers() if number not in wanted]
        removed = [number for number in unwanted if self._remove_unless_being_built(number)]
        if removed:
            self.checkpoints.forget(lambda key: key[1] in removed)
        return removed

    def _remove_unless_being_built(self, number: int) -> bool:
        lock = Lock(self.directory(number) / "lock")
        try:
            lock.take()
        except LockHeld:
            return False
        try:
            shutil.rmtree(self.directory(number))
        finally:
            lock.release()
        return True
