"""Generations in a cluster: what each index is, and by which aliases it serves.

    stet-articles-000042              the index of one view and generation; its ``_meta`` says
                                      what it was built from, and how it is searched
    stet-articles                     the alias that readers use
    stet-articles-before-1, -2        what served before the last promotion, and before that
    stet-articles-000042-at-1200      the alias that says to which sequence steps have brought it
    stet-articles-000042-by-9f8a01c2  the alias through which its one writer writes it: a fence

Nothing of this lies anywhere else: whoever reaches the cluster knows what serves. One ``_aliases``
call changes what serves for all views at once; it names what it expects to find, so that of two
promotions at the same moment one finds that it is too late, and is made anew on what it finds.

The alias for writing has a name that only its writer knows, and it goes when another begins to
write, and when the generation moves on to another sequence: a late write of what was before has no
name any more to be sent to. Versions alone would not do, because Elasticsearch forgets those of
deleted documents after a minute (``index.gc_deletes``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from search.elastic import index as elastic_index
from search.elastic.cluster import Cluster, Refusal
from search.elastic.index import Index, told
from search.engine import Generation
from search.errors import ClusterRefused, DamagedIndex
from search.generations import STATES_BEFORE, Pointer

ABOUT = "*.aliases,*.mappings._meta"
TRIES = 5
SECONDS_TO_GREEN = 120.0


class ClusterGenerations:
    """The generations of all views under one prefix in a cluster."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix

    def alias(self, view: str) -> str:
        """The name that readers use."""
        return f"{self._prefix}-{view}"

    def name(self, view: str, generation: int) -> str:
        """The name of an index."""
        return f"{self.alias(view)}-{generation:06d}"

    @staticmethod
    def new_fence(name: str) -> str:
        """An alias through which an index is written by who knows it."""
        return f"{name}-by-{uuid.uuid4().hex[:12]}"

    def _states(self, view: str) -> list[str]:
        """The aliases of what serves, and of what served before it."""
        before = [f"{self.alias(view)}-before-{n}" for n in range(1, STATES_BEFORE + 1)]
        return [self.alias(view), *before]

    def all(self) -> list[Index]:
        """Every index of Stet's, the oldest generation first, finished or not."""
        found = self._cluster.ask(
            "GET",
            f"/{self._prefix}-*",
            filter_path=ABOUT,
            expand_wildcards="open,closed",
            missing={},
        )
        indexes = [index for name, said in found.items() if (index := told(name, said))]
        return sorted(indexes, key=lambda index: (index.about.generation, index.about.view))

    def serving(self, view: str) -> Index | None:
        """What serves a view now."""
        found = self._cluster.ask(
            "GET",
            f"/{self.alias(view)}",
            filter_path=ABOUT,
            missing={},
        )
        for name, said in found.items():
            index = told(name, said)
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
        """One index; raises ``DamagedIndex`` when it is gone or not Stet's."""
        index = self._found(self.name(view, generation))
        if index is None:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            )
        return index

    def finished(self, view: str, generation: int) -> Index:
        """One index that is whole; raises ``DamagedIndex`` when it is gone or not finished."""
        index = self.index(view, generation)
        if not index.finished:
            raise DamagedIndex(
                f"generation {generation} of {view} is gone or unfinished; run: stet rebuild"
            )
        return index

    def counted(self, indexes: Iterable[Index]) -> list[Generation]:
        """What some indexes are, with their documents and bytes as of now."""
        found = self._cluster.ask(
            "GET",
            f"/{self._prefix}-*/_stats/docs,store",
            filter_path="indices.*.primaries.docs.count,indices.*.primaries.store.size_in_bytes",
        ).get("indices", {})
        return [elastic_index.counted(index.about, found.get(index.name)) for index in indexes]

    def _found(self, name: str) -> Index | None:
        found = self._cluster.ask("GET", f"/{name}", missing={}, filter_path=ABOUT)
        return told(name, found[name]) if name in found else None

    def create(self, index: Index, definition: Mapping[str, Any]) -> None:
        """Make an empty index, in the place of what an unfinished attempt left under its name."""
        view, generation = index.about.view, index.about.generation
        self.serving(view)  # before anything is made: is the readers' name free, or ours?
        there = self._found(index.name)
        if there is not None and there.built_in != index.built_in:
            raise ClusterRefused(
                f"{index.name} on {self._cluster.url} is being built from {there.built_in};"
                " archives that share a cluster need different names: see STET_SEARCH_PREFIX"
            )
        self.remove(view, generation)
        mappings = {**definition["mappings"], "_meta": index.meta()}
        aliases: dict[str, Any] = {name: {} for name in index.aliases}
        body = {"settings": definition["settings"], "mappings": mappings, "aliases": aliases}
        self._cluster.ask("PUT", f"/{index.name}", body)

    def fenced(self, indexes: Sequence[Index]) -> list[Index]:
        """Let indexes be written by who calls this only, from now on: one call for all.

        What others have not finished writing is refused.
        """
        return self._realiased(indexes, None, sure=False)

    def reached(self, indexes: Sequence[Index], sequence: int) -> list[Index]:
        """Say to which sequence indexes were brought, and close the way that was: one call for all.

        They are given back as they can be written next. ``Refusal`` when somebody else has fenced
        one of them since.
        """
        return self._realiased(indexes, sequence, sure=True)

    def _realiased(self, indexes: Sequence[Index], sequence: int | None, sure: bool) -> list[Index]:
        actions: list[dict[str, Any]] = []
        moved = []
        for index in indexes:
            old = index.fences | index.said
            said = index.said if sequence is None else {f"{index.name}-at-{sequence}"}
            new = {self.new_fence(index.name), *said}
            actions += [
                {"remove": {"index": index.name, "alias": alias, "must_exist": sure}}
                for alias in old - new
            ]
            actions += [{"add": {"index": index.name, "alias": alias}} for alias in new - old]
            moved.append(index.with_aliases(index.aliases - old | new))
        self._cluster.ask("POST", "/_aliases", {"actions": actions})
        return moved

    def note(self, index: Index) -> None:
        """Write down what an index is."""
        self._cluster.ask("PUT", f"/{index.name}/_mapping", {"_meta": index.meta()})

    def make_ready(self, index: Index, copies: int | None) -> None:
        """Give an index what one that serves needs: copies, and a refresh by itself."""
        settings: dict[str, Any] = {"refresh_interval": "1s"}
        settings["auto_expand_replicas"] = "0-1" if copies is None else "false"
        if copies is not None:
            settings["number_of_replicas"] = copies
        self._cluster.ask("PUT", f"/{index.name}/_settings", {"index": settings})
        wait = {"wait_for_status": "green", "timeout": f"{SECONDS_TO_GREEN:.0f}s"}
        health = f"/_cluster/health/{index.name}"
        # When it takes too long the status is 408, with the same answer.
        reply = self._cluster.send(
            "GET", f"{health}?{urlencode(wait)}", seconds=SECONDS_TO_GREEN + 30
        )
        if reply.status == 408:
            raise ClusterRefused(
                f"the copies of {index.name} are not there after {SECONDS_TO_GREEN:.0f} s, so it"
                f" does not serve; are there nodes enough at {self._cluster.url}?"
                " See STET_SEARCH_REPLICAS"
            )
        self._cluster.check(reply)

    def remove(self, view: str, generation: int) -> None:
        """Remove an index, if it is there and no reader's alias names it."""
        name = self.name(view, generation)
        found = self._cluster.ask("GET", f"/{name}/_alias", missing={})
        aliases = set(found.get(name, {}).get("aliases", {}))
        if aliases & set(self._states(view)):
            raise ClusterRefused(
                f"generation {generation} of {view} serves, or may be rolled back to"
            )
        self._cluster.ask("DELETE", f"/{name}", missing=None)

    def pointer(self, indexes: list[Index] | None = None) -> Pointer:
        """Which generations serve, by view, and which did before."""
        states: list[dict[str, int]] = [{} for _ in range(STATES_BEFORE + 1)]
        for index in self.all() if indexes is None else indexes:
            for place, alias in enumerate(self._states(index.about.view)):
                if alias in index.aliases:
                    states[place][index.about.view] = index.about.generation
        serving, *before = states
        return Pointer(serving, tuple(state for state in before if state))

    def move(self, change: Callable[[Pointer], Pointer]) -> Pointer:
        """Let serve what a change makes of what serves, in one call; returns it."""
        for attempt in range(1, TRIES + 1):
            now = self.pointer()
            wanted = change(now)
            actions = list(self._actions(now, wanted))
            try:
                if actions:
                    self._cluster.ask("POST", "/_aliases", {"actions": actions})
                return wanted
            except Refusal as refusal:
                # Somebody else has moved an alias since it was looked at.
                if refusal.kind != "aliases_not_found_exception" or attempt == TRIES:
                    raise
        raise AssertionError

    def _actions(self, now: Pointer, wanted: Pointer) -> Iterator[dict[str, Any]]:
        for view in sorted({view for view, _ in now.named() | wanted.named()}):
            states = zip(self._states(view), _of(now, view), _of(wanted, view), strict=True)
            for alias, there, then in states:
                if there == then:
                    continue
                if there is not None:
                    old = {"index": self.name(view, there), "alias": alias, "must_exist": True}
                    yield {"remove": old}
                if then is not None:
                    yield {"add": {"index": self.name(view, then), "alias": alias}}


def _of(pointer: Pointer, view: str) -> list[int | None]:
    states = [pointer.serving, *pointer.before]
    states += [{}] * (STATES_BEFORE + 1 - len(states))
    return [state.get(view) for state in states]
