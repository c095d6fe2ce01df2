"""The Merkle tree over the log's events: one digest for all of them, short proofs for each.

This is the tree of RFC 9162 (Certificate Transparency), section 2.1, over the events' digests.
The root of one digest is that digest. The root of n digests is SHA-256(0x01, the root of the first
k, the root of the others), where k is the largest power of two below n. So the log's digest at a
sequence covers every event up to it, and does not depend on how they were divided into commits.

Positions count from 0 here, as in the RFC: the event of sequence n is at n - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import iter_unpack

from event_log.digests.digest import NO_DIGEST

WIDTH = len(NO_DIGEST)
BLOCK = 8_192 * WIDTH  # larger blocks leave the cache between two levels, which is a fifth slower
Subtree = tuple[int, int]
"""The positions from the first up to, but excluding, the second."""


def node(left: bytes, right: bytes) -> bytes:
    """Return the digest of a node, hashed with another first byte than a leaf's."""
    return sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append to it and to compute its root.

    ``subtrees`` has the roots of the perfect subtrees of ``size`` events, the largest first: one
    for each bit that is set in ``size``, 32 bytes each.

    >>> Frontier.empty().append(bytes(32) * 3).size
    3
    """

    size: int
    subtrees: tuple[bytes, ...]

    @classmethod
    def empty(cls) -> Frontier:
        """Return the frontier before the first event."""
        return cls(0, ())

    @classmethod
    def from_hex(cls, size: int, text: str) -> Frontier:
        """Parse the frontier that ``to_hex`` wrote; raises ``ValueError`` for other text."""
        content = bytes.fromhex(text)
        if size < 0 or len(content) != WIDTH * size.bit_count():
            raise ValueError(f"{len(content)} bytes are no frontier of {size} events")
        return cls(size, tuple(subtree for (subtree,) in iter_unpack(f"{WIDTH}s", content)))

    def to_hex(self) -> str:
        """Return the subtrees' roots in hexadecimal, at most 64 digits for each bit of ``size``."""
        return b"".join(self.subtrees).hex()

    @property
    def root(self) -> bytes:
        """The tree's root: the log's digest.

        Without events it is 32 zero bytes. (The RFC takes the SHA-256 of no bytes, which is also
        the digest of every empty file.)
        """
        if not self.subtrees:
            return NO_DIGEST
        digest = self.subtrees[-1]
        for subtree in self.subtrees[-2::-1]:
            digest = node(subtree, digest)
        return digest

    def append(self, digests: bytes | memoryview) -> Frontier:
        """Return the frontier after more events, whose digests are concatenated in ``digests``."""
        if len(digests) % WIDTH:
            raise ValueError(f"{len(digests)} bytes are no digests of {WIDTH} bytes each")
        frontier = self
        for start in range(0, len(digests), BLOCK):
            frontier = frontier._with(bytes(digests[start : start + BLOCK]))
        return frontier

    def _with(self, nodes: bytes) -> Frontier:
        """Append level by level, like a binary counter: pairs carry, a node without one stays."""
        size, before, kept = self.size + len(nodes) // WIDTH, list(self.subtrees), []
        level = 0
        while nodes:
            if self.size >> level & 1:
                nodes = before.pop() + nodes
            if len(nodes) // WIDTH & 1:
                kept.append(nodes[-WIDTH:])
                nodes = nodes[:-WIDTH]
            pairs = iter_unpack(f"{2 * WIDTH}s", nodes)
            nodes = b"".join([sha256(b"\1" + pair).digest() for (pair,) in pairs])
            level += 1
        return Frontier(size, (*before, *reversed(kept)))

    def after(self, start: int) -> Frontier:
        """Return the frontier of the events from a position on; a subtree must begin there."""
        wanted = self.size - start
        return Frontier(wanted, self.subtrees[len(self.subtrees) - wanted.bit_count() :])


def root(digests: bytes | memoryview) -> bytes:
    """Return the root of the tree over concatenated digests.

    >>> root(b"") == bytes(32)
    True
    """
    return Frontier.empty().append(digests).root


class PathBuilder:
    """Computes a path from the digests of a log, added in order, a few kilobytes at a time.

    The path consists of the roots of ``subtrees``. ``before`` is the frontier of a commit before
    the subtrees' end (for the path of an event: of any commit before that event); the digests then
    begin at ``before.size``, and earlier ones need not be read.

    >>> builder = PathBuilder(inclusion_subtrees(2, 3))
    >>> builder.add(bytes(32) * 3)
    >>> builder.path() == (root(bytes(32) * 2),)
    True
    """

    def __init__(self, subtrees: Sequence[Subtree], before: Frontier | None = None) -> None:
        self._subtrees = tuple(subtrees)
        self._waiting = sorted(subtrees, reverse=True)
        self._roots: dict[Subtree, bytes] = {}
        before = before or Frontier.empty()
        self.position = before.size
        """The position of the next digest to add."""
        self._open = Frontier.empty()
        for start, end in sorted(subtrees):
            if start >= before.size:
                break
            self._waiting.pop()
            if end <= before.size:
                self._roots[start, end] = _within(before, start, end)
            else:
                self._waiting.append((start, end))
                self._open = before.after(start)
                break

    def add(self, digests: bytes | memoryview) -> None:
        """Add the next digests, concatenated, any number at a time."""
        view = memoryview(digests)
        end = self.position + len(view) // WIDTH
        while self._waiting and self._waiting[-1][0] < end:
            subtree = self._waiting[-1]
            first = max(subtree[0], self.position) - self.position
            until = min(subtree[1], end) - self.position
            self._open = self._open.append(view[first * WIDTH : until * WIDTH])
            if subtree[1] > end:
                break
            self._roots[subtree] = self._open.root
            self._open = Frontier.empty()
            self._waiting.pop()
        self.position = end

    def path(self) -> tuple[bytes, ...]:
        """Return the path in the RFC's order; raises ``ValueError`` while digests are missing."""
        if self._waiting:
            raise ValueError(f"the digests from position {self.position} on are missing")
        return tuple(self._roots[subtree] for subtree in self._subtrees)


def inclusion_subtrees(index: int, size: int) -> list[Subtree]:
    """Return the subtrees on the path from an event to the root of ``size`` events (2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"there is no position {index} among {size} events")
    return _beside(index, size)


def consistency_subtrees(old: int, new: int) -> list[Subtree]:
    """Return the subtrees of the proof that ``new`` events begin with ``old`` (2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"{new} events cannot begin with {old} of them")
    if old in (0, new):
        return []
    edge = old & (old - 1)  # where the last of the old tree's perfect subtrees begins
    return [*([(edge, old)] if edge else []), *_beside(old - 1, new, old)]


def _beside(index: int, size: int, stop: int = 0) -> list[Subtree]:
    """Return the subtrees beside the way from the root to a position, the lowest first.

    The way ends at the position, or earlier at the subtree that ends at ``stop``.
    """
    subtrees, start, end = [], 0, size
    while end - start > 1 and end != stop:
        middle = start + _largest(end - start - 1)
        if index < middle:
            subtrees.append((middle, end))
            end = middle
        else:
            subtrees.append((start, middle))
            start = middle
    return subtrees[::-1]


def inclusion_path(index: int, size: int, blocks: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the path from the event at a position to the root of ``size`` events (2.1.3.1).

    ``blocks`` has the digests of all these events, in blocks of any size.
    """
    return _path(inclusion_subtrees(index, size), blocks)


def consistency_path(old: int, new: int, blocks: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the proof that the log of ``new`` events begins with that of ``old`` (2.1.4.1).

    ``blocks`` has the digests of the ``new`` events, in blocks of any size.
    """
    return _path(consistency_subtrees(old, new), blocks)


def verify_inclusion(
    digest: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Return whether a path proves that an event is in the log of ``size`` events (2.1.3.2)."""
    if not 0 <= index < size or not _are_digests(digest, root, *path):
        return False
    place, last, computed = index, size - 1, digest
    for sibling in path:
        if not last:
            return False
        if place & 1 or place == last:
            computed = node(sibling, computed)
            place, last = _up_to_right(place, last)
        else:
            computed = node(computed, sibling)
        place, last = place >> 1, last >> 1
    return not last and computed == root


def verify_consistency(
    old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Return whether a path proves that the new log begins with the old one (2.1.4.2).

    A log without events is the beginning of every log.
    """
    if not 0 <= old <= new or not _are_digests(old_root, new_root, *path):
        return False
    if old in (0, new):
        return not path and old_root == (new_root if old else NO_DIGEST)
    steps = [old_root, *path] if old.bit_count() == 1 else [*path]
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    found_old = found_new = steps[0]
    for step in steps[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            found_old, found_new = node(step, found_old), node(step, found_new)
            place, last = _up_to_right(place, last)
        else:
            found_new = node(found_new, step)
        place, last = place >> 1, last >> 1
    return not last and found_old == old_root and found_new == new_root


def _path(subtrees: list[Subtree], blocks: Iterable[bytes]) -> tuple[bytes, ...]:
    builder = PathBuilder(subtrees)
    for block in blocks:
        builder.add(block)
    return builder.path()


def _within(frontier: Frontier, start: int, end: int) -> bytes:
    """Return the root of a subtree of the frontier."""
    place = 0
    for subtree in frontier.subtrees:
        size = _largest(frontier.size - place)
        if (place, place + size) == (start, end):
            return subtree
        place += size
    raise ValueError(f"the events {start} to {end} are no subtree of {frontier.size} events")


def _up_to_right(place: int, last: int) -> Subtree:
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _largest(size: int) -> int:
    """Return the largest power of two that is at most the size."""
    return 1 << (size.bit_length() - 1)


def _are_digests(*digests: bytes) -> bool:
    return all(len(digest) == WIDTH for digest in digests)
