"""The command line ``stet``: the table of commands, and the options for all of them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app import (
    configuring,
    content,
    dead_letters,
    differing,
    evaluation,
    explaining,
    freshness,
    keeping,
    options,
    rebuilding,
    searching,
    serving,
    suggesting,
    upkeep,
)
from app.commands import Command, Commands, Query
from app.terminal import exit_code

cli = typer.Typer(
    name="stet",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cli.callback()
def stet(
    context: typer.Context,
    home: Annotated[
        str | None,
        typer.Option(
            envvar="STET_HOME",
            help="The archive's folder, or s3://bucket/prefix.",
        ),
    ] = None,
    config: options.Config = None,
    domain: options.Domain = None,
    search: options.SearchForAll = None,
    search_api_key: options.ApiKey = None,
    search_user: options.User = None,
    search_password: options.Password = None,
    search_ca: options.Signer = None,
    _version: options.Version = False,
) -> None:
    """Keep a search archive: append events to a log, rebuild views from it, search them.

    Example: stet import newsroom/sample/*.jsonl && stet rebuild && stet search whales
    """
    options.use_options(
        context,
        home=home,
        config=config,
        domain=domain,
        search=search,
        search_api_key=search_api_key,
        search_user=search_user,
        search_password=search_password,
        search_ca=search_ca,
    )


for name, command in (
    ("append", content.append),
    ("import", content.import_files),
    ("generate", content.generate),
    ("log", content.log_events),
    ("history", content.history),
    ("explain", explaining.explain),
    ("diff", differing.diff),
    ("rebuild", rebuilding.rebuild),
    ("catch-up", freshness.catch_up),
    ("follow", freshness.follow),
    ("preview", freshness.preview),
    ("generations", serving.generations),
    ("promote", serving.promote),
    ("roll-back", serving.roll_back),
    ("export", searching.export),
    ("suggest", suggesting.suggest),
    ("similar", suggesting.similar),
    ("on-this-day", suggesting.on_this_day),
    ("status", serving.status),
    ("seal", keeping.seal),
    ("verify", keeping.verify),
    ("prove", keeping.prove),
    ("subscriptions", keeping.subscriptions),
    ("compare", upkeep.compare),
    ("references", upkeep.references),
    ("clear", upkeep.clear),
    ("growth", upkeep.growth),
    ("evaluate", evaluation.evaluate),
    ("settings", configuring.show_settings),
):
    cli.command(name, cls=Command)(command)

cli.command(
    "search",
    cls=Query,
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)(searching.search)

cli.add_typer(dead_letters.dead_letters)


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    sys.exit(exit_code(cli))
