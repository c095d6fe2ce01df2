"""Generations on disk: what each one is, which serve, and which are being built.

    index/serving.json           by view the generation that serves, and what served before
    index/checkpoints.json       how far generations were advanced since they were built
    index/000042/lock            held, shared, by every process that builds generation 42
    index/000042/articles.json   what the index beside it is; it appears when the index is whole
    index/000042/articles/       the engine's files

Whoever is killed while building leaves a directory that ``serving.json`` does not name, and a lock
that nobody holds: the next rebuild removes it. One rename of ``serving.json`` lets all views of a
rebuild serve at the same moment.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from replay import write_json
from search.embedded import segments
from search.embedded.checkpoints import Checkpoints, Mark, mark
from search.engine import Generation
from search.errors import DamagedIndex, NothingServes, NotPromoted, SearchError
from search.locks import held
from search.mapping import IndexMapping

if TYPE_CHECKING:
    from replay import View

STATES_BEFORE = 2
"""How often one may roll back: with what serves, the last three generations are kept."""

Serving = dict[str, int]
Begun = tuple[Generation, IndexMapping]


@dataclass(frozen=True)
class Pointer:
    """Which generation serves, by view; and what served before, the latest first."""

    serving: Serving
    before: tuple[Serving, ...] = ()

    def promoted(self, generations: Mapping[str, int]) -> Pointer:
        """What serves, and what did before, when these generations are let serve as well."""
        serving = {**self.serving, **generations}
        if serving == self.serving or not self.serving:
            return Pointer(serving, self.before)
        return Pointer(serving, (self.serving, *self.before)[:STATES_BEFORE])

    def rolled_back(self, to: int | None = None) -> Pointer:
        """What serves when one goes back by one promotion, or until a generation serves.

        Raises ``NothingServes`` when there is nothing (such) to go back to.
        """
        for place, state in enumerate(self.before):
            if to is None or to in state.values():
                return Pointer(state, self.before[place + 1 :])
        which = "before the one that serves" if to is None else f"{to} among those kept"
        raise NothingServes(f"there is no generation {which}; see: stet generations")

    def named(self) -> set[tuple[str, int]]:
        """All generations that serve or may be rolled back to."""
        return {pair for state in (self.serving, *self.before) for pair in state.items()}


def begun(view: View, generation: int, sequence: int, layout: int) -> Begun:
    """A generation that is begun, empty, and how it will be searched.

    ``layout`` is the version of the engine's fields and analysis.
    """
    mapping = IndexMapping.of(view)
    about = Generation(
        view=view.name,
        generation=generation,
        sequence=sequence,
        documents=0,
        bytes=0,
        code_version=view.code_version,
        mapping=f"{layout}:{mapping.digest}",
        built_at=now(),
    )
    return about, mapping


def now() -> str:
    """This moment, to the second, as generations say it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Generations:
    """The generations of one archive, in a folder of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoints = Checkpoints(root)

    def directory(self, generation: int) -> Path:
        """Where all views of a generation lie."""
        return self.root / f"{generation:06d}"

    def index(self, view: str, generation: int) -> Path:
        """Where the engine's files of one view lie."""
        return self.directory(generation) / view

    def numbers(self) -> list[int]:
        """The numbers that have a directory, finished or not."""
        if not self.root.exists():
            return []
        return sorted(int(path.name) for path in self.root.iterdir() if path.name.isdigit())

    def note(self, about: Generation, mapping: IndexMapping, files: dict[str, int]) -> None:
        """Say that a generation is whole, what it is, and of which files it is made."""
        said = {"about": asdict(about), "mapping": mapping.plain(), "files": files}
        write_json(self._note(about.view, about.generation), said)

    def _note(self, view: str, generation: int) -> Path:
        return self.index(view, generation).with_suffix(".json")

    def about(self, view: str, generation: int) -> tuple[Generation, IndexMapping]:
        """What a finished generation is by now, and how it is searched."""
        about, mapping = self.built(view, generation)
        checkpoint = self.checkpoints.read().get((view, generation))
        return checkpoint.of(about) if checkpoint else about, mapping

    def built(self, view: str, generation: int) -> tuple[Generation, IndexMapping]:
        """What a finished generation was when it was built."""
        path = self._note(view, generation)
        try:
            said = json.loads(path.read_text())
            return Generation(**said["about"]), IndexMapping(**said["mapping"])
        except FileNotFoundError:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndex(f"{path} is damaged ({error}); run: stet rebuild") from None

    def look_over(self, view: str, generation: int) -> None:
        """Are the generation's files as they were written? An engine may not survive others."""
        noted = json.loads(self._note(view, generation).read_text())["files"]
        if checkpoint := self.checkpoints.read().get((view, generation)):
            noted |= checkpoint.files
        try:
            wrong = segments.damaged(self.index(view, generation), noted)
        except (OSError, ValueError):
            wrong = segments.META
        if wrong is not None:
            raise DamagedIndex(
                f"the index of {view}, generation {generation}, is damaged: {wrong} is not as it"
                " was written; run: stet rebuild"
            )

    def finished(self) -> list[Generation]:
        """All finished generations, oldest first."""
        found = []
        for number in self.numbers():
            for path in sorted(self.directory(number).glob("*.json")):
                if path.with_suffix("").is_dir():
                    found.append(self.about(path.stem, number)[0])
        return found

    def pointer(self) -> Pointer:
        """Which generations serve now."""
        path = self.root / "serving.json"
        try:
            said = json.loads(path.read_text())
            return Pointer(said["serving"], tuple(said["before"]))
        except FileNotFoundError:
            return Pointer({})
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndex(f"{path} is damaged ({error}); run: stet rebuild") from None

    def mark(self) -> tuple[Mark, Mark]:
        """What changes whenever something else serves, or what serves was advanced."""
        return mark(self.root / "serving.json"), self.checkpoints.mark()

    def promote(self, generations: Mapping[str, int]) -> None:
        """Let these generations serve; other views stay as they are."""
        with held(self.root / "lock"):
            for view, generation in generations.items():
                self._whole(view, generation)
            self._point(self.pointer_or_none().promoted(generations))

    def _point(self, to: Pointer) -> None:
        said = {"serving": to.serving, "before": list(to.before)}
        write_json(self.root / "serving.json", said)

    def _whole(self, view: str, generation: int) -> None:
        try:
            self.built(view, generation)
        except DamagedIndex as error:
            raise NotPromoted(str(error)) from None

    def pointer_or_none(self) -> Pointer:
        """The pointer; a damaged one is what a promotion repairs."""
        try:
            return self.pointer()
        except DamagedIndex:
            return Pointer({})

    def roll_back(self, to: int | None = None) -> Serving:
        """Let serve what served before the last promotion, or before that, until ``to`` serves."""
        with held(self.root / "lock"):
            wanted = self.pointer().rolled_back(to)
            for view, generation in wanted.serving.items():
                self.about(view, generation)
            self._point(wanted)
        return wanted.serving

    def drop(self, view: str, generation: int) -> None:
        """Remove one view of a generation that neither serves nor may be rolled back to."""
        with held(self.root / "lock"):
            if (view, generation) in self.pointer().named():
                raise SearchError(
                    f"generation {generation} of {view} serves, or may be rolled back to"
                )
            self.remove(view, generation)

    def remove(self, view: str, generation: int) -> None:
        """Remove one view of a generation, whatever there is of it."""
        index = self.index(view, generation)
        index.with_suffix(".json").unlink(missing_ok=True)
        self.checkpoints.forget(lambda key: key == (view, generation))
        shutil.rmtree(index, ignore_errors=True)

    def clear(self, keep: int | None = None) -> list[int]:
        """Remove what neither serves, nor may be rolled back to, nor is being built."""
        with held(self.root / "lock"):
            try:
                named = self.pointer().named()
            except DamagedIndex:
                return []  # nobody knows which are still wanted, until a promotion repairs it
            return self._clear({number for _, number in named} | {keep})

    def clear_all_but(self, wanted: Collection[int | None]) -> list[int]:
        """Remove what is not wanted, except what is being built."""
        with held(self.root / "lock"):
            return self._clear(wanted)

    def _clear(self, wanted: Collection[int | None]) -> list[int]:
        removed = []
        for number in self.numbers():
            if number in wanted:
                continue
            with held(self.directory(number) / "lock", wait=False) as mine:
                if mine:
                    shutil.rmtree(self.directory(number))
                    removed.append(number)
        if removed:
            self.checkpoints.forget(lambda key: key[1] in removed)
        return removed
