"""Sealing: rewrite many small commits into large files that are sorted by stream.

The sealing process writes the files, and then a manifest, whose name is the lock. Until then
nothing changes for readers; from then on they read the sealed files. The replaced commits are
removed after a grace period, so that readers that began with them can finish. A process that is
killed in between leaves files that no manifest names; they are removed when they are a day old.
"""

from __future__ import annotations

import bisect
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from event_log.digests.merkle import Frontier
from event_log.errors import DamagedLog, EventLogError
from event_log.files import commit, manifest
from event_log.files.layout import Commits
from event_log.files.log_digest import digests, frontier_at
from event_log.files.manifest import Group, Manifest, span_of
from event_log.files.sealed_group import Rewriting
from event_log.storage.folder import STALE_SECONDS
from event_log.storage.store import Store, StoreError, hint

SEAL_GRACE_SECONDS = 3600.0
"""How long sealed commits are kept."""
SEALED_GROUP_EVENTS = 1_000_000
FILE_BYTES = 128 * 1024 * 1024
"""A group is full at this many events, or when one of its files has this many bytes."""
TIER = 4
"""A group is merged with the events after it when these are at least a quarter of it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of sealing.

    The log is sealed through ``through``. ``events`` in ``commits`` were sealed now; ``merged``
    events were sealed before and are now in larger files. ``files`` were written, and ``removed``
    files were removed.
    """

    through: int
    events: int = 0
    commits: int = 0
    merged: int = 0
    files: int = 0
    removed: int = 0


def seal(commits: Commits, grace_seconds: float = SEAL_GRACE_SECONDS) -> Sealed:
    """Seal the open commits, and remove files that were replaced before the grace period.

    Events are verified while they are rewritten: raises ``DamagedLog`` for one that does not match
    its digest. When two processes seal at once one wins, and the other changes nothing. Raises
    ``StoreError`` when the disk refuses; then nothing has changed.
    """
    commits.refresh()
    sealed = Sealed(commits.manifest.through)
    if len(commits):
        sealed = _seal(commits) or sealed
        commits.refresh()
    removed = clean(commits.store, grace_seconds)
    return Sealed(
        commits.manifest.through,
        sealed.events,
        sealed.commits,
        sealed.merged,
        sealed.files,
        removed,
    )


def _seal(commits: Commits) -> Sealed | None:
    """Seal through the head; returns None when another process did so first."""
    base, head, count = commits.manifest, commits.last, len(commits)
    kept = _kept(base.groups, head - base.through)
    before = kept[-1].last if kept else 0
    names: list[str] = []
    done = False
    try:
        groups, spans = _rewritten(commits, before, head, names)
        sealing = Manifest(
            since=base.through + 1,
            through=head,
            sealed_at=time.time(),
            frontier=frontier_at(commits, head),
            spans=(*base.spans, *spans[len(base.spans) - before // manifest.SPAN :]),
            groups=(*kept, *groups),
            producers=commits.again(lambda: commits.producers(0, head)),
        )
        text = sealing.to_json()
        done = commits.store.put_if_absent(sealing.name, lambda path: _write(path, text))
    except DamagedLog:
        if not commits.overtaken(base):
            raise
    except OSError as error:
        where = commits.store.local / "staging"
        raise StoreError(f"cannot write to {where}: {hint(error)}. Nothing was sealed.") from error
    finally:
        if not done:
            _give_up(commits.store, base, names)
    if not done:
        return None
    return Sealed(head, head - base.through, count, base.through - before, len(names))


def _give_up(store: Store, base: Manifest, names: list[str]) -> None:
    """Remove the files that were written, except those that a manifest names.

    ``clean`` later removes files that cannot be removed now.
    """
    with contextlib.suppress(EventLogError):
        newer = loaded(store, Path(manifest.name_of(base.through + 1)).name) or Manifest()
        for name in set(names) - newer.files():
            store.delete(name)


def _write(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def _kept(groups: tuple[Group, ...], events: int) -> tuple[Group, ...]:
    """Return the groups that stay unchanged when this many events are sealed after them.

    Each event is merged a few times at most, because groups are merged with similar sizes only.
    """
    kept = list(groups)
    while kept and not _full(kept[-1]) and kept[-1].events <= TIER * events:
        events += kept.pop().events
    return tuple(kept)


def _full(group: Group) -> bool:
    large = any(file.bytes >= FILE_BYTES // 2 for file in group.files)
    return large or group.events >= SEALED_GROUP_EVENTS // 2


def _rewritten(
    commits: Commits, after: int, until: int, names: list[str]
) -> tuple[list[Group], list[bytes]]:
    """Write the groups of a range of events; return them and the roots of the whole spans.

    Each file's name is added to a list before the file is written.
    """
    groups: list[Group] = []
    spans: list[bytes] = []
    while after < until:
        with Rewriting(commits, after) as rewriting:
            while after < until and not rewriting.full(SEALED_GROUP_EVENTS, FILE_BYTES):
                end = min(until, (span_of(after + 1) + 1) * manifest.SPAN)
                rewriting.take(end)
                if end % manifest.SPAN == 0:
                    whole = digests(commits, end - manifest.SPAN, end)
                    spans.append(Frontier.empty().append(whole).root)
                after = end
            groups.append(rewriting.finish(names))
    return groups, spans


def clean(store: Store, grace_seconds: float) -> int:
    """Remove files replaced by manifests older than the grace period; returns their number.

    Manifests are removed first, then files, then commits, each in the order of the log: so a reader
    that still sees its last file has missed nothing (see ``Commits.anchor``). Raises
    ``DamagedLog``, and removes nothing, when a sealed file is missing.
    """
    names = store.names(manifest.FOLDER, manifest.SUFFIX)
    names = [name for name in names if name.startswith(manifest.PREFIX)]
    known = [entry for name in names if (entry := loaded(store, name))]
    oldest = time.time() - grace_seconds
    settled = next((entry for entry in reversed(known) if entry.sealed_at <= oldest), None)
    if settled is None:
        return 0
    earlier = [entry for entry in known if entry.since < settled.since]
    used = set().union(*(entry.files() for entry in known if entry.since >= settled.since))
    there = [f"{manifest.FOLDER}/{below}" for below in store.walk(manifest.FOLDER)]
    if not _whole(store, settled, {*there}):
        return 0  # another process cleans as well
    replaced = [
        *(entry.name for entry in earlier),
        *sorted(set().union(*(entry.files() for entry in earlier)) - used),
        *_commits_through(store, settled.through),
        *_forgotten(store, there, used.union(*(entry.files() for entry in known))),
    ]
    if replaced:
        store.make_durable(settled.name)  # its writer may have died before that
    for name in replaced:
        store.delete(name)
    return len(replaced)


def _whole(store: Store, settled: Manifest, there: set[str]) -> bool:
    """Return whether a manifest's files exist; raises if not, unless it was replaced."""
    missing = [file for group in settled.groups for file in group.files if file.name not in there]
    if not missing:
        return True
    if not store.exists(settled.name):
        return False
    where = store.where(missing[0].name)
    raise DamagedLog(f"{where} is missing; restore it from a backup", missing[0].first)


def loaded(store: Store, name: str) -> Manifest | None:
    """Read a manifest; None when another process has just removed it."""
    try:
        text = store.path(f"{manifest.FOLDER}/{name}").read_bytes()
    except FileNotFoundError:
        return None
    return Manifest.from_json(text, name)


def _commits_through(store: Store, through: int) -> list[str]:
    firsts = [commit.first_of(name) for name in store.names(commit.FOLDER, commit.SUFFIX)]
    return [commit.name_of(first) for first in firsts[: bisect.bisect_right(firsts, through)]]


def _forgotten(store: Store, there: list[str], used: set[str]) -> list[str]:
    """Return data files older than a day that no manifest names: their writer was killed."""
    forgotten = []
    for name in there:
        if not name.endswith(commit.SUFFIX) or name in used:
            continue
        try:
            if store.modified(name) < time.time() - STALE_SECONDS:
                forgotten.append(name)
        except FileNotFoundError:
            continue  # another process cleans as well
    return forgotten
