"""One index in a cluster: its metadata in ``_meta``, and the aliases that change with each step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from search.engine import Generation
from search.mapping import IndexMapping

OURS = "stet"
"""The key of ``_meta`` below which Stet keeps an index's metadata."""


@dataclass(frozen=True)
class Index:
    """One index in a cluster: one view of one generation."""

    name: str
    metadata: Generation
    mapping: IndexMapping
    aliases: frozenset[str]
    finished: bool
    built_in: str
    """The machine and the archive that it is built from."""

    @property
    def fence(self) -> str:
        """The alias through which it is written; only the writer that made it may use it."""
        (name,) = self.fences
        return name

    @property
    def fences(self) -> set[str]:
        """All aliases through which it is, or was, written."""
        return {name for name in self.aliases if name.startswith(f"{self.name}-by-")}

    @property
    def sequence_aliases(self) -> set[str]:
        """The aliases whose names end with the sequence that the index was advanced to."""
        return {name for name in self.aliases if name.startswith(f"{self.name}-at-")}

    def with_aliases(self, aliases: Iterable[str]) -> Index:
        """The index with these aliases, and with the sequence that one of them may end with."""
        start = f"{self.name}-at-"
        sequences = [int(name.removeprefix(start)) for name in aliases if name.startswith(start)]
        metadata = replace(self.metadata, sequence=max([self.metadata.sequence, *sequences]))
        return replace(self, metadata=metadata, aliases=frozenset(aliases))

    def meta(self) -> dict[str, Any]:
        """The content of the index's ``_meta``."""
        content = {
            "about": asdict(self.metadata),
            "mapping": json.dumps(
                self.mapping.as_json()
            ),  # as text: objects lose their order there
            "finished": self.finished,
            "built_in": self.built_in,
            "built_by": f"stet {version('stet-archive')}",
        }
        return {OURS: content}


def counted(metadata: Generation, stats: Mapping[str, Any] | None) -> Generation:
    """The metadata with the numbers of documents and bytes from the index's ``_stats``."""
    if stats is None:  # an index that somebody closed
        return metadata
    primaries = stats["primaries"]
    size = primaries["store"]["size_in_bytes"]
    return replace(metadata, documents=primaries["docs"]["count"], bytes=size)


def read_index(name: str, response: Mapping[str, Any]) -> Index | None:
    """The index of a cluster's response about it; None when it is not Stet's."""
    meta = response.get("mappings", {}).get("_meta", {}).get(OURS)
    if meta is None:
        return None
    metadata = Generation(**meta["about"])
    index = Index(
        name=name,
        metadata=metadata,
        mapping=IndexMapping.read(json.loads(meta["mapping"]), metadata.mapping),
        aliases=frozenset(),
        finished=meta["finished"],
        built_in=meta["built_in"],
    )
    return index.with_aliases(response.get("aliases", {}))
