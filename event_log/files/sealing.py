"""Sealing: many small commits become large files, sorted for finding, and stay what they were.

Who seals writes files that nobody knows of yet, and then a manifest, whose name is the lock. Until
then nothing has changed for anyone; from then on readers take the sealed files. The commits that
were replaced are removed a grace period later, so that who began to read them can end. Whoever is
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
"""How long commits stay that were sealed."""
SEALED_GROUP_EVENTS = 1_000_000
FILE_BYTES = 128 * 1024 * 1024
"""A group is full at so many events, or with one of its files of so many bytes."""
TIER = 4
"""A group is merged with what follows it, when that is at least a quarter of it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing came to: what is sealed now, and what became of the files.

    ``events`` and ``commits`` were sealed, ``merged`` events were sealed before and lie in larger
    files now; ``files`` were written and ``removed`` files removed.
    """

    through: int
    events: int = 0
    commits: int = 0
    merged: int = 0
    files: int = 0
    removed: int = 0


def seal(commits: Commits, grace_seconds: float = SEAL_GRACE_SECONDS) -> Sealed:
    """Seal the open commits, and remove what was replaced longer ago than the grace period.

    Events are checked while they are rewritten: raises ``DamagedLog`` rather than sealing one that
    is not what was appended. Of two that seal at once one wins, the other changes nothing. Raises
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
    """Seal through the head; None when someone else did so first."""
    base, head, count = commits.manifest, commits.last, len(commits)
    kept = _kept(base.groups, head - base.through)
    before = kept[-1].last if kept else 0
    names: list[str] = []
    done = False
    try:
        groups, spans = _rewritten(commits, before, head, names)
        found = Manifest(
            since=base.through + 1,
            through=head,
            sealed_at=time.time(),
            frontier=frontier_at(commits, head),
            spans=(*base.spans, *spans[len(base.spans) - before // manifest.SPAN :]),
            groups=(*kept, *groups),
            producers=commits.again(lambda: commits.producers(0, head)),
        )
        text = found.to_json()
        done = commits.store.put_if_absent(found.name, lambda path: _write(path, text))
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
    """Remove the files that were written; not if the manifest is there that names them.

    What cannot be removed is forgotten: see ``clean``.
    """
    with contextlib.suppress(EventLogError):
        found = _loaded(store, Path(manifest.name_of(base.through + 1)).name) or Manifest()
        for name in set(names) - found.files():
            store.delete(name)


def _write(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def _kept(groups: tuple[Group, ...], events: int) -> tuple[Group, ...]:
    """The groups that stay as they are when so many events are sealed after them.

    Each event is merged a few times at most, because what it is merged with is not much smaller.
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
    """Write the groups of a range of events; returns them, and the roots of the whole spans.

    The names of the files are added to a list before there are files.
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
    """Remove what manifests older than the grace period replaced; returns how many files.

    First manifests, then files, then commits, each in the order of the log: so whoever still sees
    the last file that he knows of has missed nothing (see ``Commits.anchor``). Raises
    ``DamagedLog``, and removes nothing, when a sealed file is missing.
    """
    names = store.names(manifest.FOLDER, manifest.SUFFIX)
    names = [name for name in names if name.startswith(manifest.PREFIX)]
    known = [found for name in names if (found := _loaded(store, name))]
    oldest = time.time() - grace_seconds
    settled = next((found for found in reversed(known) if found.sealed_at <= oldest), None)
    if settled is None:
        return 0
    earlier = [found for found in known if found.since < settled.since]
    used = set().union(*(found.files() for found in known if found.since >= settled.since))
    there = [f"{manifest.FOLDER}/{below}" for below in store.walk(manifest.FOLDER)]
    if not _whole(store, settled, {*there}):
        return 0  # someone else cleans as well
    replaced = [
        *(found.name for found in earlier),
        *sorted(set().union(*(found.files() for found in earlier)) - used),
        *_commits_through(store, settled.through),
        *_forgotten(store, there, used.union(*(found.files() for found in known))),
    ]
    if replaced:
        store.make_durable(settled.name)  # who put it may have died before it was
    for name in replaced:
        store.delete(name)
    return len(replaced)


def _whole(store: Store, settled: Manifest, there: set[str]) -> bool:
    """Whether a manifest's files are there; False when it was replaced, raises when it was not."""
    missing = [file for group in settled.groups for file in group.files if file.name not in there]
    if not missing:
        return True
    if not store.exists(settled.name):
        return False
    where = store.where(missing[0].name)
    raise DamagedLog(f"{where} is missing; restore it from a backup", missing[0].first)


def _loaded(store: Store, name: str) -> Manifest | None:
    """A manifest; None when someone else has just removed it."""
    try:
        text = store.path(f"{manifest.FOLDER}/{name}").read_bytes()
    except FileNotFoundError:
        return None
    return Manifest.from_json(text, name)


def _commits_through(store: Store, through: int) -> list[str]:
    firsts = [commit.first_of(name) for name in store.names(commit.FOLDER, commit.SUFFIX)]
    return [commit.name_of(first) for first in firsts[: bisect.bisect_right(firsts, through)]]


def _forgotten(store: Store, there: list[str], used: set[str]) -> list[str]:
    """Data files that no manifest names, because who wrote them was killed more than a day ago."""
    forgotten = []
    for name in there:
        if not name.endswith(commit.SUFFIX) or name in used:
            continue
        try:
            if store.modified(name) < time.time() - STALE_SECONDS:
                forgotten.append(name)
        except FileNotFoundError:
            continue  # someone else cleans as well
    return forgotten
