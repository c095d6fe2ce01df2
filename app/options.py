"""What every command takes: the archive and its domain, the engine, views; and how errors are told.

What stands before the command is meant for all commands, as the environment is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from archive import Archive

DEFAULT_HOME = "stet-home"


def _home(context: typer.Context, value: str) -> str:
    """The home given to the command, else the one given before it, else the default."""
    source = context.get_parameter_source("home")
    if source is not None and source.name != "DEFAULT":
        return value
    before = context.parent.params.get("home") if context.parent else None
    return before or value


Home = Annotated[
    str,
    typer.Option(
        "--home",
        callback=_home,
        help="The folder where the archive lies, or s3://bucket/prefix (gs://, az://);"
        " STET_HOME says it for all commands.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="SEQUENCE|TIME",
        help="As of a sequence, or of an instant at which the log had been appended to.",
    ),
]

Domain = Annotated[
    str | None,
    typer.Option(
        envvar="STET_DOMAIN",
        metavar="NAME|MODULE:NAME",
        help="The domain of the archive: one that is installed, or module:NAME for one in the"
        " working folder. The archive remembers its own.",
    ),
]
Views = Annotated[
    list[str] | None, typer.Argument(metavar="[VIEW...]", help="All views if none is named.")
]
ViewName = Annotated[
    str, typer.Option("--view", metavar="VIEW", help="Where to search; the first view by default.")
]
ViewOrAll = Annotated[
    str | None, typer.Option("--view", metavar="VIEW", help="Only those of this view.")
]
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


class Failure(Exception):
    """What was asked could not be done; the message says what, where, and what to do."""


_before: dict[str, str | None] = {}
"""What stands before the command. Each run of the command line sets it anew."""


def remember(**options: str | None) -> None:
    """Keep what stands before the command: the domain, the cluster, how to be let in."""
    _before.clear()
    _before.update(options)


def open_archive(home: str, search: str | None = None) -> Archive:
    """The archive of a command, with the domain and the engine that it was told to use.

    One that is not there yet is empty. Call it where errors are told: it may raise them.
    """
    from archive import Archive
    from search import configured_connection

    folder = Path(home)
    if folder.exists() and not folder.is_dir():
        raise Failure(f"{home} is a file; --home must name a folder")
    options = dict(_before)
    domain, before = options.pop("domain", None), options.pop("url", None)
    cluster = configured_connection(before if search is None else search, **options)
    return Archive(home, domain, cluster or "embedded")


def checked_view(archive: Archive, view: str | None) -> str | None:
    """The view, if the domain has it: a usage error if not."""
    if view and view not in archive.views:
        raise typer.BadParameter(f"no view {view!r}; there is {', '.join(archive.views)}")
    return view


def checked_views(archive: Archive, views: list[str] | None) -> list[str] | None:
    """The views, if the domain has them; none when none is named."""
    for view in views or ():
        checked_view(archive, view)
    return views or None


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn what a room says went wrong into one line on stderr and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        raise typer.Exit(1) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        _fail("interrupted; what was committed is kept")
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        _fail(str(error))


def _fail(message: str) -> None:
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(1) from None


def _expected() -> tuple[type[Exception], ...]:
    """The base error of each room; imported only when something went wrong."""
    from archive import ArchiveError
    from connectors import ConnectorError
    from event_log import EventLogError
    from replay import ReplayError
    from search import SearchError

    rooms = (ArchiveError, ConnectorError, EventLogError, ReplayError, SearchError)
    return (Failure, *rooms, OSError)
