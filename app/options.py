"""The options that commands share, the archive they open, and how errors become messages.

An option before the command overrides the environment for that command, as do those after it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import completing, show
from event_log import settings

if TYPE_CHECKING:
    from archive import Archive

DEFAULT_HOME = settings.SETTINGS["STET_HOME"].default or ""
FORMER_HOME = "archive"
"""The default before it became the name of a package in the clone."""


def _home(context: typer.Context, value: str) -> str:
    """The home given to the command, else that of the settings; opens its settings file."""
    if context.resilient_parsing:
        return value
    given = value if _is_typed(context, "home") else None
    context.with_resource(settings.using({"STET_HOME": given}))
    with errors_as_messages():
        settings.check_file()
        return chosen_home()


def _is_typed(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def chosen_home() -> str:
    """The home of the settings; prints a hint if an archive lies in the default of before."""
    home = settings.look_up("STET_HOME")
    if (
        home.source == settings.DEFAULT
        and not Path(DEFAULT_HOME).exists()
        and Path(FORMER_HOME, "log").is_dir()
    ):
        show.line(
            f"the default home is now ./{DEFAULT_HOME}: the archive in ./{FORMER_HOME} is not used."
            f" To go on with it, add --home {FORMER_HOME} or set STET_HOME={FORMER_HOME}",
            err=True,
        )
    return home.text or ""


Home = Annotated[
    str,
    typer.Option(
        "--home",
        callback=_home,
        help="The archive's folder, or s3://bucket/prefix (gs://, az://). STET_HOME sets it for"
        " all commands.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="SEQUENCE|DATE",
        help="As of this sequence, or of what had been recorded by the end of this day, month or"
        " instant; yesterday and -30d count from today.",
    ),
]

Domain = Annotated[
    str | None,
    typer.Option(
        envvar="STET_DOMAIN",
        metavar="NAME|MODULE:NAME",
        help="The domain of the archive: the name of an installed one, or module:NAME for one in"
        " the working folder. An archive remembers the name of its domain.",
    ),
]
Views = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[VIEW...]", autocompletion=completing.views, help="All views if none is named."
    ),
]
ViewName = Annotated[
    str,
    typer.Option(
        "--view",
        metavar="VIEW",
        autocompletion=completing.views,
        help="The view to search; the domain's first view by default.",
    ),
]
ViewOrAll = Annotated[
    str | None,
    typer.Option(
        "--view",
        metavar="VIEW",
        autocompletion=completing.views,
        help="Only this view.",
    ),
]
ViewOfDocument = Annotated[
    str | None,
    typer.Option(
        "--view",
        metavar="VIEW",
        autocompletion=completing.views,
        help="The document's view; by default the one that its id names.",
    ),
]
Stream = Annotated[
    str, typer.Argument(metavar="STREAM", help="The entity's stream, such as article/1.")
]
Type = Annotated[
    str,
    typer.Argument(
        metavar="TYPE",
        autocompletion=completing.event_types,
        help="The event's type, such as ArticleRevised.",
    ),
]
Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="URL",
        help="The Elasticsearch to use instead of the embedded engine. STET_SEARCH sets it for"
        " all commands.",
    ),
]
SearchForAll = Annotated[
    str | None,
    typer.Option(
        envvar="STET_SEARCH",
        metavar="URL",
        help="The Elasticsearch to use instead of the embedded engine.",
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        envvar="STET_CONFIG",
        metavar="FILE",
        help="The settings file to use instead of stet.toml in the home.",
    ),
]
ApiKey = Annotated[
    str | None, typer.Option(envvar="STET_SEARCH_API_KEY", help="An API key of the Elasticsearch.")
]
User = Annotated[
    str | None,
    typer.Option(envvar="STET_SEARCH_USER", help="A user of it, instead of an API key."),
]
Password = Annotated[
    str | None, typer.Option(envvar="STET_SEARCH_PASSWORD", help="The user's password.")
]
Signer = Annotated[
    str | None,
    typer.Option(
        envvar="STET_SEARCH_CA",
        metavar="FILE",
        help="The certificate of the authority that signed the cluster's certificate.",
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        show.line(f"stet {version('stet-archive')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version."),
]


class Failure(Exception):
    """A command could not do its work; the message says what happened, where, and what to do."""


def use_options(context: typer.Context, **options: str | None) -> None:
    """Let the options before the command override the settings until the command has ended."""
    typed = {f"STET_{n.upper()}": v for n, v in options.items() if _is_typed(context, n)}
    context.with_resource(settings.using(typed))


def open_archive(home: str, search: str | None = None, *, new: bool = False) -> Archive:
    """The archive of a command, with the domain and the engine of its options and the settings.

    Its folder must exist, unless the command may begin a ``new`` one. Call it within
    ``errors_as_messages``.
    """
    from archive import Archive
    from search import configured_connection

    folder = Path(home)
    if folder.exists() and not folder.is_dir():
        raise Failure(f"{home} is a file, not a folder; name a folder with --home")
    settings.open_home(home)
    archive = Archive(home, None, configured_connection(search) or "embedded")
    return archive if new else archive.existing()


def checked_view(archive: Archive, view: str | None) -> str | None:
    """The view, if the domain has it; raises a usage error if not."""
    if view and view not in archive.views:
        names = ", ".join(archive.views)
        raise typer.BadParameter(f"there is no view {view!r}; there are: {names}")
    return view


def checked_views(archive: Archive, views: list[str] | None) -> list[str] | None:
    """The views, if the domain has them; ``None`` if none is named. Raises a usage error."""
    for view in views or ():
        checked_view(archive, view)
    return views or None


@contextlib.contextmanager
def errors_as_messages() -> Iterator[None]:
    """Turn an expected error of a room into one line on stderr and exit code 1."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        _fail("interrupted; committed events are kept")
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        _fail(_told(error))


def _told(error: Exception) -> str:
    """The message of an error; of one of the file system, the place and what to do."""
    if not isinstance(error, OSError) or error.errno is None or error.filename is None:
        return str(error)
    from event_log import hint

    return f"{os.fsdecode(error.filename)}: {hint(error)}"


def _fail(message: str) -> None:
    show.error(message)
    raise typer.Exit(1) from None


def _expected() -> tuple[type[Exception], ...]:
    """The base error of each room; imported only when an error is raised."""
    from archive import ArchiveError
    from connectors import ConnectorError
    from event_log import EventLogError
    from replay import ReplayError
    from search import SearchError

    rooms = (ArchiveError, ConnectorError, EventLogError, ReplayError, SearchError)
    return (Failure, *rooms, OSError)
