"""Read a mapping from YAML, and check it against a domain's categories."""

from __future__ import annotations

from connectors.mapping.declared import Mapping
from replay import Domain


def read_mapping(path: str, domain: Domain) -> Mapping:
    """Read a mapping; raises ``InvalidMapping`` with all its mistakes, ``UnreadableFile``."""
    raise NotImplementedError
