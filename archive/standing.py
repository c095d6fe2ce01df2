"""Whether the live generation of a view was built by the current code, or needs a rebuild."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay import View
    from search import Engine, Generation

Built = tuple[int, str]
"""The version of a view's code, and the digest of its mapping in the index."""


def as_now(engine: Engine, views: Mapping[str, View]) -> dict[str, Built]:
    """By view, what the current code would build a generation with."""
    return {name: (view.code_version, engine.mapping(name)) for name, view in views.items()}


def reason(now: Built, live: Generation | None) -> str:
    """Why a view needs a rebuild, in words that follow its name; empty if it needs none."""
    code_version, mapping = now
    if live is None:
        return "has no live generation yet"
    if live.code_version != code_version:
        return (
            f"was built by version {live.code_version} of its code, which is at {code_version} now"
        )
    return "" if live.mapping == mapping else "is indexed in another way now"


def needs_rebuild(
    engine: Engine, views: Mapping[str, View], live: Mapping[str, Generation]
) -> dict[str, str]:
    """The views that cannot be caught up, and why."""
    reasons = {name: reason(now, live.get(name)) for name, now in as_now(engine, views).items()}
    return {name: why for name, why in reasons.items() if why}
