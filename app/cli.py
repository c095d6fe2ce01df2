"""The command line: ``stet``. Thin commands over the rooms below."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app import archive, content, keeping

cli = typer.Typer(
    name="stet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.callback()
def stet(
    home: Annotated[
        Path | None,
        typer.Option(envvar="STET_HOME", help="The folder where the archive lies."),
    ] = None,
) -> None:
    """A newsroom's search archive: append events, rebuild views from them, search.

    Example: stet import newsroom/sample/*.jsonl && stet rebuild && stet search whales
    """


for name, command in (
    ("append", content.append),
    ("import", content.import_files),
    ("generate", content.generate),
    ("log", content.log_events),
    ("history", content.history),
    ("rebuild", archive.rebuild),
    ("export", archive.export),
    ("status", archive.status),
    ("seal", keeping.seal),
    ("verify", keeping.verify),
    ("prove", keeping.prove),
    ("subscriptions", keeping.subscriptions),
):
    cli.command(name)(command)

# A query may begin with a minus: `stet search -war` asks for what does not speak of war.
cli.command(
    "search",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)(archive.search)


def main() -> None:
    """Run the command line."""
    cli()
