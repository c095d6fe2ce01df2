"""Shell completion: the names that a shell offers after the tab key.

The domain is loaded when the key is pressed, never when a command starts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from event_log import settings

if TYPE_CHECKING:
    from replay import Domain


def views(context: typer.Context, incomplete: str) -> list[str]:
    """The names of the domain's views that begin with ``incomplete``."""
    return _beginning(incomplete, (view for domain in _domain(context) for view in domain.views))


def event_types(context: typer.Context, incomplete: str) -> list[str]:
    """The event types that begin with ``incomplete``, of the stream's category if one is typed."""
    category = (context.params.get("stream") or "").partition("/")[0]
    return _beginning(
        incomplete,
        (
            kind.name
            for domain in _domain(context)
            for each in domain.categories
            if category in ("", each.name)
            for kind in each.types
        ),
    )


def _beginning(incomplete: str, names: Iterator[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _domain(context: typer.Context) -> Iterator[Domain]:
    """The domain of the archive that is typed or set; nothing if it cannot be loaded."""
    from archive import ArchiveError, domain_in_force
    from event_log import EventLogError

    typed = {
        f"STET_{name.upper()}": context.params.get(name) or context.find_root().params.get(name)
        for name in ("home", "config", "domain")
    }
    # A shell would show an error message among the names. The command itself reports the error.
    with contextlib.suppress(ArchiveError, EventLogError, OSError), settings.using(typed):
        yield domain_in_force(settings.home())
