"""Where what serves stands to the code: which views no catching up brings forward, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from views import VIEWS, View

if TYPE_CHECKING:
    from search.engine import Engine, Generation

Wanted = Mapping[str, tuple[int, str]]
"""By view, the version of its code and the digest of its mapping, as they are now."""


def wanted(engine: Engine, known: Mapping[str, View] = VIEWS) -> Wanted:
    """What a generation of each view would be if it were built now."""
    return {name: (known[name].code_version, engine.mapping(name)) for name in known}


def why(now: tuple[int, str], serving: Generation | None) -> str:
    """Why a view needs a rebuild, in a few words that follow its name; empty if it does not."""
    code_version, mapping = now
    if serving is None:
        return "nothing serves yet"
    if serving.code_version != code_version:
        return (
            f"was built by version {serving.code_version} of its code, which is at"
            f" {code_version} now"
        )
    return "" if serving.mapping == mapping else "is indexed in another way now"


def needs_rebuild(
    engine: Engine, serving: Mapping[str, Generation], known: Mapping[str, View] = VIEWS
) -> dict[str, str]:
    """The views that no catching up brings forward, and why.

    >>> import tempfile
    >>> from search import open_engine
    >>> needs_rebuild(open_engine(tempfile.mkdtemp()), {})["topics"]
    'nothing serves yet'
    """
    found = {name: why(now, serving.get(name)) for name, now in wanted(engine, known).items()}
    return {name: reason for name, reason in found.items() if reason}
