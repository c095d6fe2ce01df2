"""The command line: ``stet``. Thin commands over the rooms below."""

from __future__ import annotations

from typing import Annotated

import typer

from app import (
    archive,
    content,
    dead_letters,
    differing,
    engines,
    evaluation,
    explaining,
    freshness,
    keeping,
    serving,
    upkeep,
)

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
    home: Annotated[  # noqa: ARG001 - commands look it up
        str | None,
        typer.Option(
            envvar="STET_HOME",
            help="The folder where the archive lies, or s3://bucket/prefix.",
        ),
    ] = None,
    search: engines.SearchForAll = None,
    search_api_key: engines.ApiKey = None,
    search_user: engines.User = None,
    search_password: engines.Password = None,
    search_ca: engines.Signer = None,
) -> None:
    """A newsroom's search archive: append events, rebuild views from them, search.

    Example: stet import newsroom/sample/*.jsonl && stet rebuild && stet search whales
    """
    engines.remember(
        url=search,
        api_key=search_api_key,
        user=search_user,
        password=search_password,
        ca=search_ca,
    )


for name, command in (
    ("append", content.append),
    ("import", content.import_files),
    ("generate", content.generate),
    ("log", content.log_events),
    ("history", content.history),
    ("explain", explaining.explain),
    ("diff", differing.diff),
    ("rebuild", archive.rebuild),
    ("catch-up", freshness.catch_up),
    ("follow", freshness.follow),
    ("preview", freshness.preview),
    ("generations", serving.generations),
    ("promote", serving.promote),
    ("roll-back", serving.roll_back),
    ("export", archive.export),
    ("status", serving.status),
    ("seal", keeping.seal),
    ("verify", keeping.verify),
    ("prove", keeping.prove),
    ("subscriptions", keeping.subscriptions),
    ("compare", upkeep.compare),
    ("clear", upkeep.clear),
    ("growth", upkeep.growth),
    ("evaluate", evaluation.evaluate),
):
    cli.command(name)(command)

# A query may begin with a minus: `stet search -war` asks for what does not speak of war.
cli.command(
    "search",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)(archive.search)

cli.add_typer(dead_letters.dead_letters)


def main() -> None:
    """Run the command line."""
    cli()
