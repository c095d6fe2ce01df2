"""Generations in a cluster: one index each, and the aliases that say which are live.

    stet-articles-000042              the index of one view and generation; its ``_meta`` has the
                                      generation's metadata and mapping
    stet-articles                     the alias of the live index, which readers use
    stet-articles-before-1, -2        the aliases of the indexes that were live before it
    stet-articles-after-1, -2         the aliases of the indexes that were rolled back from
    stet-articles-000042-at-1200      an alias with the sequence that steps advanced the index to
    stet-articles-000042-by-9f8a01c2  the alias through which the index's one writer writes: a fence

All of this is in the cluster: whoever can reach it knows the live indexes. One ``_aliases`` call
promotes all views at once. It names the aliases that it removes, so that of two promotions at the
same moment one fails, and is repeated on the result of the other.

Only its writer knows the name of a fence. The fence is removed when another process begins to
write, and when the generation advances to another sequence: a late write has no alias to go to.
Versions of documents would not suffice, because Elasticsearch forgets those of deleted documents
after a minute (``index.gc_deletes``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from search.elastic import index as elastic_index
from search.elastic.cluster import Cluster, Refusal
from search.elastic.index import Index, read_index
from search.engine import Generation
from search.errors import ClusterRefused, DamagedIndex
from search.generations import STATES_BEFORE, Pointer

INDEX_PATHS = "*.aliases,*.mappings._meta"
TRIES = 5
SECONDS_TO_GREEN = 120.0


class ClusterGenerations:
    """The generations of all views under one prefix in a cluster."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix

    def alias(self, view: str) -> str:
        """The alias of a view's live index."""
        return f"{self._prefix}-{view}"

    def name(self, view: str, generation: int) -> str:
        """The name of an index."""
        return f"{self.alias(view)}-{generation:06d}"

    @staticmethod
    def new_fence(name: str) -> str:
        """A new alias through which to write the index ``name``."""
        return f"{name}-by-{uuid.uuid4().hex[:12]}"

    def _state_aliases(self, view: str) -> list[str]:
        """The aliases of a view's live index, of those before it, and of those rolled back from."""
        kept = [f"{when}-{n}" for when in ("before", "after") for n in range(1, STATES_BEFORE + 1)]
        return [self.alias(view), *(f"{self.alias(view)}-{each}" for each in kept)]

    def all(self) -> list[Index]:
        """Every index of Stet's, the oldest generation first, finished or not."""
        responses = self._cluster.ask(
            "GET",
            f"/{self._prefix}-*",
            filter_path=INDEX_PATHS,
            expand_wildcards="open,closed",
            missing={},
        )
        read = (read_index(name, response) for name, response in responses.items())
        indexes = [index for index in read if index is not None]
        return sorted(indexes, key=lambda index: (index.metadata.generation, index.metadata.view))

    def live(self, view: str) -> Index | None:
        """A view's live index; ``ClusterRefused`` if readers' alias is that of another index."""
        responses = self._cluster.ask(
            "GET",
            f"/{self.alias(view)}",
            filter_path=INDEX_PATHS,
            missing={},
        )
        for name, response in responses.items():
            index = read_index(name, response)
            if index is None:
                raise self._foreign(view, name)
            return index
        return None

    def _foreign(self, view: str, name: str) -> ClusterRefused:
        alias = self.alias(view)
        what = "is an index" if name == alias else f"leads to the index {name}"
        return ClusterRefused(
            f"{alias} on {self._cluster.url} {what} that is not Stet's; delete or rename it, or"
            " choose another STET_SEARCH_PREFIX"
        )

    def index(self, view: str, generation: int) -> Index:
        """The index of a view and generation; ``DamagedIndex`` when it is gone or not Stet's."""
        index = self._read(self.name(view, generation))
        if index is None:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            )
        return index

    def finished(self, view: str, generation: int) -> Index:
        """The complete index of a view and generation; ``DamagedIndex`` without one."""
        index = self.index(view, generation)
        if not index.finished:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            )
        return index

    def counted(self, indexes: Iterable[Index]) -> list[Generation]:
        """The metadata of some indexes with their current numbers of documents and bytes."""
        stats = self._cluster.ask(
            "GET",
            f"/{self._prefix}-*/_stats/docs,store",
            filter_path="indices.*.primaries.docs.count,indices.*.primaries.store.size_in_bytes",
        ).get("indices", {})
        return [elastic_index.counted(index.metadata, stats.get(index.name)) for index in indexes]

    def _read(self, name: str) -> Index | None:
        responses = self._cluster.ask("GET", f"/{name}", missing={}, filter_path=INDEX_PATHS)
        return read_index(name, responses[name]) if name in responses else None

    def create(self, index: Index, definition: Mapping[str, Any]) -> None:
        """Create an empty index, in place of what an unfinished attempt left under its name."""
        view, generation = index.metadata.view, index.metadata.generation
        self.live(view)  # raises, before anything is created, if the readers' alias is not ours
        old = self._read(index.name)
        if old is not None and old.built_in != index.built_in:
            raise ClusterRefused(
                f"{index.name} on {self._cluster.url} is being built from {old.built_in};"
                " archives that share a cluster need different names: see STET_SEARCH_PREFIX"
            )
        self.remove(view, generation)
        mappings = {**definition["mappings"], "_meta": index.meta()}
        aliases: dict[str, Any] = {name: {} for name in index.aliases}
        body = {"settings": definition["settings"], "mappings": mappings, "aliases": aliases}
        self._cluster.ask("PUT", f"/{index.name}", body)

    def fence(self, indexes: Sequence[Index]) -> list[Index]:
        """Make the caller the only writer of some indexes, in one call; returns them.

        Writes of others that have not finished are refused.
        """
        return self._change_aliases(indexes, None, must_exist=False)

    def advance(self, indexes: Sequence[Index], sequence: int) -> list[Index]:
        """Write the sequence that indexes were advanced to and renew their fences, in one call.

        Returns the indexes with their new fences. Raises ``Refusal`` when another process has
        fenced one of them since.
        """
        return self._change_aliases(indexes, sequence, must_exist=True)

    def _change_aliases(
        self, indexes: Sequence[Index], sequence: int | None, must_exist: bool
    ) -> list[Index]:
        actions: list[dict[str, Any]] = []
        changed = []
        for index in indexes:
            old = index.fences | index.sequence_aliases
            new = {self.new_fence(index.name)}
            new |= index.sequence_aliases if sequence is None else {f"{index.name}-at-{sequence}"}
            actions += [
                {"remove": {"index": index.name, "alias": alias, "must_exist": must_exist}}
                for alias in old - new
            ]
            actions += [{"add": {"index": index.name, "alias": alias}} for alias in new - old]
            changed.append(index.with_aliases(index.aliases - old | new))
        self._cluster.ask("POST", "/_aliases", {"actions": actions})
        return changed

    def write_metadata(self, index: Index) -> None:
        """Write an index's metadata to the cluster."""
        self._cluster.ask("PUT", f"/{index.name}/_mapping", {"_meta": index.meta()})

    def make_ready(self, index: Index, copies: int | None) -> None:
        """Prepare an index for readers: switch on its copies and its refresh, and wait for them.

        Raises ``ClusterRefused`` when the copies are not there in time.
        """
        settings: dict[str, Any] = {"refresh_interval": "1s"}
        settings["auto_expand_replicas"] = "0-1" if copies is None else "false"
        if copies is not None:
            settings["number_of_replicas"] = copies
        self._cluster.ask("PUT", f"/{index.name}/_settings", {"index": settings})
        wait = {"wait_for_status": "green", "timeout": f"{SECONDS_TO_GREEN:.0f}s"}
        health = f"/_cluster/health/{index.name}"
        # When it takes too long the status is 408, with the same body.
        reply = self._cluster.send(
            "GET", f"{health}?{urlencode(wait)}", seconds=SECONDS_TO_GREEN + 30
        )
        if reply.status == 408:
            raise ClusterRefused(
                f"the copies of {index.name} are not there after {SECONDS_TO_GREEN:.0f} s, so it"
                f" was not made live; are there nodes enough at {self._cluster.url}?"
                " See STET_SEARCH_REPLICAS"
            )
        self._cluster.check(reply)

    def remove(self, view: str, generation: int) -> None:
        """Delete an index, if it is there.

        Raises ``ClusterRefused`` while it is live or kept for roll-back.
        """
        name = self.name(view, generation)
        responses = self._cluster.ask("GET", f"/{name}/_alias", missing={})
        aliases = set(responses.get(name, {}).get("aliases", {}))
        if aliases & set(self._state_aliases(view)):
            raise ClusterRefused(
                f"generation {generation} of {view} is live, or kept for roll-back"
            )
        self._cluster.ask("DELETE", f"/{name}", missing=None)

    def pointer(self, indexes: list[Index] | None = None) -> Pointer:
        """Each view's live generation, those that were live before, and those rolled back from."""
        states: list[dict[str, int]] = [{} for _ in range(2 * STATES_BEFORE + 1)]
        for index in self.all() if indexes is None else indexes:
            for place, alias in enumerate(self._state_aliases(index.metadata.view)):
                if alias in index.aliases:
                    states[place][index.metadata.view] = index.metadata.generation
        live, before, after = states[0], states[1 : STATES_BEFORE + 1], states[STATES_BEFORE + 1 :]
        return Pointer(live, tuple(filter(None, before)), tuple(filter(None, after)))

    def change_pointer(self, change: Callable[[Pointer], Pointer]) -> Pointer:
        """Replace the pointer by what ``change`` returns for it, in one call; returns the new one.

        The change is repeated when another process has changed the pointer meanwhile.
        """
        for attempt in range(1, TRIES + 1):
            old = self.pointer()
            new = change(old)
            actions = list(self._actions(old, new))
            try:
                if actions:
                    self._cluster.ask("POST", "/_aliases", {"actions": actions})
                return new
            except Refusal as refusal:
                # Another process has moved an alias since the pointer was read.
                if refusal.kind != "aliases_not_found_exception" or attempt == TRIES:
                    raise
        raise AssertionError

    def _actions(self, old: Pointer, new: Pointer) -> Iterator[dict[str, Any]]:
        for view in sorted({view for view, _ in old.kept() | new.kept()}):
            aliases = self._state_aliases(view)
            for alias, before, after in zip(aliases, _of(old, view), _of(new, view), strict=True):
                if before == after:
                    continue
                if before is not None:
                    index = self.name(view, before)
                    yield {"remove": {"index": index, "alias": alias, "must_exist": True}}
                if after is not None:
                    yield {"add": {"index": self.name(view, after), "alias": alias}}


def _of(pointer: Pointer, view: str) -> list[int | None]:
    """A view's generations in the order of ``_state_aliases``; None where there is none."""
    nothing: dict[str, int] = {}
    before, after = (
        [*states, *[nothing] * (STATES_BEFORE - len(states))]
        for states in (pointer.before, pointer.after)
    )
    return [state.get(view) for state in (pointer.live, *before, *after)]
