"""The command ``serve``, and the commands of ``access``: who may use the server."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from app import show
from app.commands import Command
from app.options import DEFAULT_HOME, Failure, Home, Json, errors_as_messages, open_archive


class RoleName(StrEnum):
    """A role, as the command line takes it."""

    reader = "reader"
    editor = "editor"
    operator = "operator"


access = typer.Typer(
    name="access",
    help="Make, list and revoke the tokens that people and machines use the server with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any that is free.")
    ] = 8000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes answer requests.")
    ] = 1,
    follow: Annotated[
        bool, typer.Option(help="Keep fresh what is served, by following the log.")
    ] = True,
    certificate: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="A certificate (PEM).")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key (PEM), no password.")
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="A proxy on this machine encrypts, and says who asks."),
    ] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Serve the HTTP API and the pages for readers, editors and operators.

    It keeps what it serves fresh: it follows the log in a process of its own. While another process
    follows, it waits, and takes over when that one ends.

    Example: stet serve --port 8000
    """
    with errors_as_messages():
        if find_spec("fastapi") is None or find_spec("uvicorn") is None:
            raise Failure("install the extra web, in the clone: uv pip install '.[web]'")
        from app.server.run import Binding, run

        run(
            open_archive(home), Binding(host, port, certificate, key, behind_proxy), workers, follow
        )


@access.command("add", cls=Command)
def add(
    name: Annotated[str, typer.Argument(help="Who gets the token: the actor of their events.")],
    role: Annotated[RoleName, typer.Option(help="What they may do.")] = RoleName.editor,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Make a token for somebody, and print it: it is shown this once.

    Example: stet access add ana --role editor
    """
    from app.web.access import Access, Role

    with errors_as_messages():
        secret = Access(open_archive(home).folder).add(name, Role(role.value))
    if as_json:
        show.json({"name": name, "role": role.value, "token": secret})
        return
    show.line(secret)
    show.note(f"the token of {name} ({role.value}); it is not shown again")


@access.command("list", cls=Command)
def list_tokens(home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """List the tokens, with their last use; the secrets are stored nowhere.

    Example: stet access list
    """
    from app.web.access import Access

    with errors_as_messages():
        tokens = Access(open_archive(home).folder).tokens()
    if as_json:
        show.json([asdict(token) for token in tokens])
        return
    headings = ("name", "role", "made", "last used", "revoked")
    show.table(
        headings,
        [(t.name, t.role, t.made_at, t.used_at or "never", t.revoked_at or "") for t in tokens],
    )


@access.command("revoke", cls=Command)
def revoke(
    name: Annotated[str, typer.Argument(help="Whose tokens end.")], home: Home = DEFAULT_HOME
) -> None:
    """Revoke all tokens of somebody; their sessions end.

    Example: stet access revoke ana
    """
    from app.web.access import Access
    from event_log import counted

    with errors_as_messages():
        revoked = Access(open_archive(home).folder).revoke(name)
        if not revoked:
            raise Failure(f"{name} has no token to revoke; stet access list shows all")
    show.line(f"{counted(revoked, 'token')} of {name} revoked")
