"""Generations in a cluster: what each index is, and by which aliases it serves.

    stet-articles-000042              the index of one view and generation; its ``_meta`` says
                                      what it was built from, and how it is searched
    stet-articles                     the alias that readers use
    stet-articles-before-1, -2        what served before the last promotion, and before that
    stet-articles-000042-at-1200      the alias through which it is written as of sequence 1200

Nothing of this lies anywhere else: whoever reaches the cluster knows what serves. One ``_aliases``
call changes what serves for all views at once; it names what it expects to find, so that of two
promotions at the same moment one finds that it is too late, and is made anew on what it finds.

The alias for writing is a fence. It goes when the generation moves on to another sequence: a late
write of what was before has no name any more to be sent to. Versions alone would not do, because
Elasticsearch forgets those of deleted documents after a minute (``index.gc_deletes``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

from search.elasticsearch import Cluster, Refusal
from search.engine import Generation
from search.errors import ClusterRefused, DamagedIndex
from search.generations import STATES_BEFORE, Pointer
from search.mapping import IndexMapping

OURS = "stet"
"""The key of ``_meta`` below which is what Stet says of an index."""
ABOUT = "*.aliases,*.mappings._meta"
TRIES = 5
SECONDS_TO_GREEN = 120.0


@dataclass(frozen=True)
class Index:
    """One index in the cluster."""

    name: str
    about: Generation
    mapping: IndexMapping
    aliases: frozenset[str]
    finished: bool
    built_in: str
    """The machine and the archive that it is built from."""

    def meta(self) -> dict[str, Any]:
        """What the index says of itself."""
        said = {
            "about": asdict(self.about),
            "mapping": json.dumps(self.mapping.plain()),  # as text: objects lose their order there
            "finished": self.finished,
            "built_in": self.built_in,
            "built_by": f"stet {version('stet')}",
        }
        return {OURS: said}


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

    def target(self, view: str, generation: int, sequence: int) -> str:
        """The name by which an index is written as of a sequence."""
        return f"{self.name(view, generation)}-at-{sequence}"

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
        indexes = [index for name, said in found.items() if (index := _index(name, said))]
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
            index = _index(name, said)
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

    def _found(self, name: str) -> Index | None:
        found = self._cluster.ask("GET", f"/{name}", missing={}, filter_path=ABOUT)
        return _index(name, found[name]) if name in found else None

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
        aliases: dict[str, Any] = {self.target(view, generation, index.about.sequence): {}}
        body = {"settings": definition["settings"], "mappings": mappings, "aliases": aliases}
        self._cluster.ask("PUT", f"/{index.name}", body)

    def move_on(self, index: Index, sequence: int) -> str:
        """Let an index be written as of a later sequence only; returns the name for that.

        From then on, a late write as of an earlier sequence is refused.
        """
        target = self.target(index.about.view, index.about.generation, sequence)
        old = [name for name in index.aliases if name.startswith(f"{index.name}-at-")]
        actions = [
            {"remove": {"index": index.name, "alias": name}} for name in old if name != target
        ]
        actions.append({"add": {"index": index.name, "alias": target}})
        self._cluster.ask("POST", "/_aliases", {"actions": actions})
        return target

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


def _index(name: str, said: Mapping[str, Any]) -> Index | None:
    """An index as the cluster tells it; none when it is not Stet's."""
    meta = said.get("mappings", {}).get("_meta", {}).get(OURS)
    if meta is None:
        return None
    return Index(
        name=name,
        about=Generation(**meta["about"]),
        mapping=IndexMapping(**json.loads(meta["mapping"])),
        aliases=frozenset(said.get("aliases", {})),
        finished=meta["finished"],
        built_in=meta["built_in"],
    )
