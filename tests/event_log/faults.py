"""Disks for tests: one that refuses at any step, one that forgets what was not synced.

An operation is a function of a folder and a ``Disk``. It is run once to count its steps, and then
once for every step at which something can go wrong::

    for lost in power_losses(tmp_path, prepare, operation):
        ...  # lost.folder is what the power failure left, lost.acknowledged what was promised
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from event_log.storage.disk import Disk

SURVIVALS = ("synced", "caches", "names", "additions", "removals")
"""What a power failure leaves, when a file system is free to write anything early and in any order.

- synced: only what was synced, contents and names;
- caches: the same, and files that were not written through the disk are as they were;
- names: every name, but a content that was not synced is cut in half;
- additions: like names, but whatever was removed without a sync is back;
- removals: like synced, but whatever was removed without a sync is gone. A name that was given to
  another file is that one's or the old one's: file systems do that in one step.
"""

Prepare = Callable[[Path], object]
Operation = Callable[[Path, Disk, list], object]
"""Takes the folder, the disk to use, and a list to which it adds what was acknowledged."""


class PowerLoss(BaseException):
    """The power is gone: nothing catches this but the test."""


class StepDisk(Disk):
    """Counts the steps. It does not really sync: what survives is reckoned, not tried."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def write(self, path: Path, write: Callable[[Path], None]) -> None:
        self._step("write", path, lambda: super(StepDisk, self).write(path, write))

    def sync(self, path: Path) -> None:
        self._step("sync", path, lambda: os.close(os.open(path, os.O_RDONLY)))

    def link(self, source: Path, target: Path) -> None:
        self._step("link", target, lambda: super(StepDisk, self).link(source, target))

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", target, lambda: super(StepDisk, self).rename(source, target))

    def unlink(self, path: Path) -> None:
        self._step("unlink", path, lambda: super(StepDisk, self).unlink(path))

    def mkdir(self, path: Path) -> None:
        self._step("mkdir", path, lambda: super(StepDisk, self).mkdir(path))

    def _step(self, kind: str, path: Path, act: Callable[[], None]) -> None:
        self.steps.append(f"{kind} {path.name if path.suffix else path}")
        self._before(kind, path)
        act()
        self._after(kind, path)

    def _before(self, kind: str, path: Path) -> None:
        """What a step does besides, before the file system does it."""

    def _after(self, kind: str, path: Path) -> None:
        """And afterwards."""


class FaultyDisk(StepDisk):
    """Refuses one step, counted from 0; a file that is not written in full is there in half."""

    def __init__(self, step: int, code: int) -> None:
        super().__init__()
        self._at, self._code = step, code

    def _before(self, kind: str, path: Path) -> None:
        if len(self.steps) - 1 == self._at and kind != "write":
            raise OSError(self._code, os.strerror(self._code), str(path))

    def _after(self, kind: str, path: Path) -> None:
        if len(self.steps) - 1 == self._at and kind == "write":
            os.truncate(path, path.stat().st_size // 2)
            raise OSError(self._code, os.strerror(self._code), str(path))


@dataclass
class _Known:
    """What is known of one file or folder, by its inode."""

    is_folder: bool
    names: dict[str, int] = field(default_factory=dict)
    content: bytes = b""


class ForgetfulDisk(StepDisk):
    """Loses power after so many steps; what is below ``base`` at the beginning is durable."""

    def __init__(self, base: Path, steps: int) -> None:
        super().__init__()
        self._base, self._left = base, steps
        self._held: list[int] = []  # opened, so that no inode is used twice
        self._written: set[int] = set()
        self._durable: dict[int, _Known] = {}
        self._at_loss: dict[int, _Known] | None = None
        for path in (base, *base.rglob("*")):
            self._remember(path)

    def _step(self, kind: str, path: Path, act: Callable[[], None]) -> None:
        if self._left <= 0:
            self.lose_power()
            raise PowerLoss
        self._left -= 1
        super()._step(kind, path, act)

    def _after(self, kind: str, path: Path) -> None:
        if kind == "write":
            self._hold(path)
            self._written.add(path.stat().st_ino)
        elif kind == "sync" and path.is_relative_to(self._base):
            self._remember(path)
        elif kind == "mkdir":
            self._hold(path)

    def lose_power(self) -> None:
        """What is on the disk from here on does not count."""
        if self._at_loss is None:
            paths = (self._base, *self._base.rglob("*"))
            self._at_loss = {path.stat().st_ino: _looked_at(path) for path in paths}
            for descriptor in self._held:
                os.close(descriptor)
            self._held.clear()

    def leave(self, folder: Path, survival: str) -> None:
        """Make a folder with what the power failure left of ``base``."""
        self.lose_power()
        self._leave(folder, self._base.stat().st_ino, survival)

    def _leave(self, path: Path, inode: int, survival: str) -> None:
        durable, now = self._durable.get(inode), (self._at_loss or {}).get(inode)
        known = durable or now
        assert known is not None
        if known.is_folder:
            path.mkdir(exist_ok=True)
            for name, entry in self._entries(durable, now, survival).items():
                self._leave(path / name, entry, survival)
        elif durable is not None:
            path.write_bytes(durable.content)
        elif inode in self._written:
            path.write_bytes(known.content[: len(known.content) // 2])
        else:
            path.write_bytes(known.content)

    def _entries(self, durable: _Known | None, now: _Known | None, survival: str) -> dict[str, int]:
        old, new = durable.names if durable else {}, now.names if now else {}
        if survival == "names":
            return new
        if survival == "additions":
            return old | new
        if survival == "removals":
            return {name: inode for name, inode in old.items() if name in new}
        if survival == "caches":
            foreign = {name: inode for name, inode in new.items() if self._is_foreign(inode)}
            return foreign | old
        return old

    def _is_foreign(self, inode: int) -> bool:
        """Whether a file, or any below a folder, was not written through this disk."""
        known = (self._at_loss or {})[inode]
        if known.is_folder:
            return any(self._is_foreign(below) for below in known.names.values())
        return inode not in self._written and inode not in self._durable

    def _remember(self, path: Path) -> None:
        self._hold(path)
        self._durable[path.stat().st_ino] = _looked_at(path)

    def _hold(self, path: Path) -> None:
        self._held.append(os.open(path, os.O_RDONLY))


def _looked_at(path: Path) -> _Known:
    if path.is_dir():
        return _Known(True, {entry.name: entry.inode() for entry in os.scandir(path)})
    return _Known(False, content=path.read_bytes())


def fault_at(step: int, code: int) -> FaultyDisk:
    """A disk that refuses one step, counted from 0, with an error number."""
    return FaultyDisk(step, code)


def power_loss_at(step: int, base: Path) -> ForgetfulDisk:
    """A disk that loses power after so many steps; see ``ForgetfulDisk.leave``."""
    return ForgetfulDisk(base, step)


def steps_of(folder: Path, operation: Operation) -> list[str]:
    """The steps of an operation, by running it in a folder."""
    disk = StepDisk()
    operation(folder, disk, [])
    return disk.steps


@dataclass(frozen=True)
class Lost:
    """What a power failure left, after which step, and what had been acknowledged before."""

    label: str
    folder: Path
    acknowledged: list


@dataclass(frozen=True)
class Refused:
    """What is there after a step was refused, what was told, and what was acknowledged."""

    label: str
    folder: Path
    acknowledged: list
    error: Exception | None


def _prepared(folder: Path, prepare: Prepare) -> Path:
    folder.mkdir()
    prepare(folder)
    return folder


def _each(steps: list[str], every: int) -> list[tuple[int, str]]:
    numbers = {*range(0, len(steps), every), len(steps) - 1}
    return [(number, steps[number]) for number in sorted(numbers)]


def power_losses(
    folder: Path, prepare: Prepare, operation: Operation, every: int = 1
) -> Iterator[Lost]:
    """Lose power before, after, and at every step of an operation, in every way it can survive.

    With ``every`` only at each so-many-th step, and at the last.
    """
    steps = ["nothing", *steps_of(_prepared(folder / "counted", prepare), operation)]
    for number, step in _each(steps, every):
        base = _prepared(folder / f"{number}", prepare)
        disk, acknowledged = power_loss_at(number, base), []
        try:
            operation(base, disk, acknowledged)
        except PowerLoss:
            assert number < len(steps) - 1
        for survival in SURVIVALS:
            left = folder / f"{number}-{survival}"
            disk.leave(left, survival)
            yield Lost(f"after {number}: {step} ({survival})", left, acknowledged)


def faults(
    folder: Path, prepare: Prepare, operation: Operation, code: int, every: int = 1
) -> Iterator[Refused]:
    """Refuse every step of an operation, one in each run; or each so-many-th, and the last."""
    steps = steps_of(_prepared(folder / "counted", prepare), operation)
    for number, step in _each(steps, every):
        base = _prepared(folder / f"{number}", prepare)
        acknowledged: list = []
        error = None
        try:
            operation(base, fault_at(number, code), acknowledged)
        except Exception as raised:  # noqa: BLE001 (the test looks at its kind)
            error = raised
        yield Refused(f"at {number}: {step}", base, acknowledged, error)
