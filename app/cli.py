"""The command line ``stet``: the table of commands, and the options for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from app import (
    configuring,
    connecting,
    content,
    dead_letters,
    differing,
    editing,
    evaluation,
    explaining,
    freshness,
    importing,
    keeping,
    merging,
    options,
    rebuilding,
    relaying,
    reverting,
    searching,
    serve,
    serving,
    suggesting,
    upkeep,
)
from app.commands import Command, Commands, Query
from app.terminal import exit_code
from app.without_pandas import import_arrow_without_pandas
from event_log import user_cache
from replay import keep_compiled

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


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Edit": {
        "append": content.append,
        "batch": editing.batch,
        "preview": freshness.preview,
        "restore": reverting.restore,
        "undo": reverting.undo,
        "merge": merging.merge,
        "edit": editing.edit,
        "show": editing.show_entity,
        "types": editing.types,
    },
    "Read": {
        "search": searching.search,
        "suggest": suggesting.suggest,
        "similar": suggesting.similar,
        "on-this-day": suggesting.on_this_day,
        "export": searching.export,
        "log": content.log_events,
        "history": content.history,
        "explain": explaining.explain,
        "diff": differing.diff,
        "growth": upkeep.growth,
    },
    "Bring": {
        "import": importing.import_files,
        "generate": importing.generate,
        "connect": connecting.connect,
        "relay": relaying.relay,
    },
    "Operate": {
        "serve": serve.serve,
        "rebuild": rebuilding.rebuild,
        "catch-up": freshness.catch_up,
        "follow": freshness.follow,
        "status": serving.status,
        "generations": serving.generations,
        "promote": serving.promote,
        "roll-back": serving.roll_back,
        "clear": upkeep.clear,
        "seal": keeping.seal,
        "subscriptions": keeping.subscriptions,
    },
    "Check": {
        "verify": keeping.verify,
        "prove": keeping.prove,
        "compare": upkeep.compare,
        "references": upkeep.references,
        "evaluate": evaluation.evaluate,
        "settings": configuring.show_settings,
    },
}
"""The commands, by what they are for; ``stet --help`` lists them so."""
TAKES_MINUS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}

for heading, commands in COMMANDS.items():
    for name, command in commands.items():
        if name == "search":
            cli.command(name, cls=Query, context_settings=TAKES_MINUS, rich_help_panel=heading)(
                command
            )
        else:
            cli.command(name, cls=Command, rich_help_panel=heading)(command)

cli.add_typer(serve.access, rich_help_panel="Operate")
cli.add_typer(dead_letters.dead_letters, rich_help_panel="Check")


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    import_arrow_without_pandas()
    keep_compiled(lambda: user_cache("compiled"))
    sys.exit(exit_code(cli))
