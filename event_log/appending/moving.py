"""Moving producers: whether an append may go on from where they are, and moves without events.

An append with events commits the positions of its producers with them. When it has none that the
log lacks, its positions are kept in small files (``event_log.files.moves``).
"""

from __future__ import annotations

from event_log.appending import duplicates
from event_log.appending.pending import Pending
from event_log.errors import WrongPosition
from event_log.event import Receipt
from event_log.files.layout import Commits
from event_log.files.log_digest import digest_at
from event_log.files.moves import Moves, Standing
from event_log.index.event_index import Found
from event_log.index.lookup import Lookup


def is_known(pending: Pending, standing: Standing) -> bool:
    """Return whether all positions of an append were reached before, so that it adds nothing.

    Raises ``WrongPosition`` when a producer is not where the append expects it, and when some of
    its producers have reached their positions and others not: nobody can tell then which of its
    events are new. A producer that is expected to be at its position already stays there.
    """
    for name, expected in pending.after.items():
        if standing.positions[name] != expected:
            raise WrongPosition(name, expected, standing.positions[name])
    reached = [name for name, at in pending.positions.items() if standing.positions[name] >= at]
    if reached and len(reached) == len(pending.positions):
        return True
    for name in reached:
        if pending.after.get(name) != pending.positions[name]:
            raise WrongPosition(name, pending.positions[name] - 1, standing.positions[name])
    return False


def receipt(pending: Pending, state: Found, commits: Commits) -> Receipt:
    """Return the receipt of an append that adds nothing, after making durable what it repeats."""
    if pending.known:
        return duplicates.receipt(commits, pending.known)
    committed = [state.producers.get(name, (0, 0)) for name in pending.positions]
    last = max((sequence for _, sequence in committed), default=0)
    if last:
        return duplicates.receipt_at(commits, last)
    head = state.place[0]
    return Receipt(head, head, 0, digest_at(commits, head).hex(), 0)


class Mover:
    """Moves producers without events, for the appends of a process."""

    def __init__(self, commits: Commits, lookup: Lookup, moves: Moves) -> None:
        self._commits = commits
        self._lookup = lookup
        self._moves = moves

    def move(self, pending: Pending, standing: Standing, head: int) -> bool:
        """Move the producers of an append without new events; False when another did meanwhile.

        Raises ``WrongPosition`` when a producer has committed events meanwhile: these count.
        """
        if not self._moves.move(pending.positions, standing, head):
            return False
        if self._commits.refresh() == head:
            return True
        now = self._lookup.find(producers=pending.positions).producers
        for name, position in pending.positions.items():
            at, before = (of.get(name, (0, 0))[0] for of in (now, standing.committed))
            if at != before and (name in pending.after or at < position):
                raise WrongPosition(name, standing.positions[name], at)
        return True
