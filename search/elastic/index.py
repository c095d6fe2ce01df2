"""One index in a cluster: what it says of itself, and the aliases that change with each step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from search.engine import Generation
from search.mapping import IndexMapping

OURS = "stet"
"""The key of ``_meta`` below which is what Stet says of an index."""


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

    @property
    def fence(self) -> str:
        """The alias through which it is written; only who has made it may use it."""
        (name,) = self.fences
        return name

    @property
    def fences(self) -> set[str]:
        """All aliases through which it is, or was, written."""
        return {name for name in self.aliases if name.startswith(f"{self.name}-by-")}

    @property
    def said(self) -> set[str]:
        """The aliases that say to which sequence it was brought."""
        return {name for name in self.aliases if name.startswith(f"{self.name}-at-")}

    def with_aliases(self, aliases: Iterable[str]) -> Index:
        """The index when it has these aliases; one may say how far it was brought."""
        begin = f"{self.name}-at-"
        said = [int(name.removeprefix(begin)) for name in aliases if name.startswith(begin)]
        about = replace(self.about, sequence=max([self.about.sequence, *said]))
        return replace(self, about=about, aliases=frozenset(aliases))

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


def counted(about: Generation, found: Mapping[str, Any] | None) -> Generation:
    """What an index is, with its documents and bytes as ``_stats`` tells them."""
    if found is None:  # an index that somebody closed
        return about
    now = found["primaries"]
    return replace(about, documents=now["docs"]["count"], bytes=now["store"]["size_in_bytes"])


def told(name: str, said: Mapping[str, Any]) -> Index | None:
    """An index as the cluster tells it; none when it is not Stet's."""
    meta = said.get("mappings", {}).get("_meta", {}).get(OURS)
    if meta is None:
        return None
    index = Index(
        name=name,
        about=Generation(**meta["about"]),
        mapping=IndexMapping(**json.loads(meta["mapping"])),
        aliases=frozenset(),
        finished=meta["finished"],
        built_in=meta["built_in"],
    )
    return index.with_aliases(said.get("aliases", {}))
