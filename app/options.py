"""What every command takes, and how what went wrong is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from views.log import open_log as archive_log

if TYPE_CHECKING:
    from event_log import EventLog

DEFAULT_HOME = "archive"


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


class Failure(Exception):
    """What was asked could not be done; the message says what, where, and what to do."""


def open_log(home: str) -> EventLog:
    """The newsroom's log of an archive; an archive that is not there yet is empty."""
    folder = Path(home)
    if folder.exists() and not folder.is_dir():
        raise Failure(f"{home} is a file; --home must name a folder")
    return archive_log(home)


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
    from connectors.errors import ConnectorError
    from event_log import EventLogError
    from newsroom.rules import NewsroomError
    from search import SearchError
    from views.errors import ViewError

    return (Failure, EventLogError, NewsroomError, ConnectorError, ViewError, SearchError, OSError)
