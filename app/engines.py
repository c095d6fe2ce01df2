"""Which engine a command uses: the embedded one, or the cluster that it was told of.

What says so may stand before the command, for all of them, or be in the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from search.engine import Engine

Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="URL",
        help="The Elasticsearch to use instead of the embedded engine; STET_SEARCH says it for all"
        " commands.",
    ),
]
SearchForAll = Annotated[
    str | None,
    typer.Option(
        envvar="STET_SEARCH",
        metavar="URL",
        help="An Elasticsearch to use instead of the embedded engine.",
    ),
]
ApiKey = Annotated[str | None, typer.Option(envvar="STET_SEARCH_API_KEY", help="Its API key.")]
User = Annotated[str | None, typer.Option(envvar="STET_SEARCH_USER", help="Or one of its users,")]
Password = Annotated[
    str | None, typer.Option(envvar="STET_SEARCH_PASSWORD", help="and the user's password.")
]
Signer = Annotated[
    str | None,
    typer.Option(
        envvar="STET_SEARCH_CA",
        metavar="FILE",
        help="The certificate of who signed the cluster's.",
    ),
]
_before: dict[str, str | None] = {}
"""What was said before the command. Each run of the command line says it anew."""


def remember(**said: str | None) -> None:
    """Keep what stands before the command: the URL, and how to be let in."""
    _before.clear()
    _before.update(said)


def engine(home: str, url: str | None) -> Engine:
    """The engine of an archive, as this command was told; to be called where errors are told."""
    from search import open_engine
    from search.connection import connection

    said = dict(_before)
    before = said.pop("url", None)
    return open_engine(home, connection(before if url is None else url, **said))
