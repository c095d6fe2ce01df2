"""How commands are called: the line of usage, ``-h``, and mistakes in a call."""

from __future__ import annotations

import difflib
import io
import sys
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from app import show

LABEL = "Error: "
"""What Typer prints before a message."""
PREFIX = ": Value error, "
"""What it prints before a reason that its checks of values give; it says nothing to a person."""


class Command(TyperCommand):
    """A command whose usage names arguments as manuals do: ``STREAM``, ``[VIEW...]``."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The options, then each argument; one that may be left out stands in brackets."""
        options = super().collect_usage_pieces(ctx)[:1]
        arguments = [each for each in self.params if isinstance(each, TyperArgument)]
        return [*options, *(_in_usage(argument) for argument in arguments)]


class Query(Command):
    """A command whose text may begin with a minus: ``stet search -war`` excludes a word.

    A lone ``-h`` is help; to exclude documents with an h, write ``-- -h``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take a lone ``-h`` for ``--help``."""
        end = args.index("--") if "--" in args else len(args)
        options = ["--help" if each == "-h" else each for each in args[:end]]
        self._check_names(ctx, options)
        try:
            parsed: list[str] = super().parse_args(ctx, [*options, *args[end:]])
        except typer.TyperException as mistake:
            if mistake.message.startswith("Got unexpected extra argument"):
                ctx.fail("the text is one argument; put its words in quotes, as in 'moon -shot'")
            raise
        return parsed

    def _check_names(self, ctx: Any, given: list[str]) -> None:
        """Refuse two minuses before what is no option: it is a mistyped one, not a word to exclude.

        What comes after an option that takes a value is that value.
        """
        takes_value = {
            name: not getattr(each, "is_flag", False)
            for each in self.get_params(ctx)
            for name in (*each.opts, *each.secondary_opts)
        }
        before = ""
        for each in given:
            name = each.partition("=")[0]
            if each.startswith("--") and name not in takes_value and not takes_value.get(before):
                near = difflib.get_close_matches(name, [n for n in takes_value if n[:2] == "--"])
                meant = f" (Possible options: {', '.join(sorted(near))})" if near else ""
                ctx.fail(f"No such option: {name}{meant}")
            before = each


class Commands(TyperGroup):
    """A group of commands; a mistake in a call is told as every other error is."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands below the headings of what they are for."""
        width = max(map(len, self.commands)) + 2
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None)
                heading = heading if isinstance(heading, str) else "Commands"
                about = command.get_short_help_str(formatter.width - width - 4)
                groups.setdefault(heading, []).append((name.ljust(width - 2), about))
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command, and end the process with its exit code."""
        if not options.get("standalone_mode", True):
            return super().main(*args, **options)
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except typer.TyperException as mistake:
            _print_mistake(mistake)
            code = mistake.exit_code
        except typer.Abort:
            show.error("ended before it was done")
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def _in_usage(argument: TyperArgument) -> str:
    name = argument.metavar or str(argument.name).upper()
    if argument.nargs != 1 and "..." not in name:
        name += "..."
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _print_mistake(mistake: typer.TyperException) -> None:
    """Print the usage and what is wrong; a call without a command gets the help alone."""
    told = io.StringIO()
    mistake.show(told)  # type: ignore[attr-defined]  # each error that Typer itself raises has it
    before, label, message = told.getvalue().partition(LABEL)
    for line in before.rstrip().split("\n"):
        show.note(line)
    if label:
        show.error(message.rstrip().replace(PREFIX, ": "))
