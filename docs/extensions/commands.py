"""The directive ``commands``: the reference of every command, made from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.testing import CliRunner

import app.cli

GUIDES = ("tutorials", "how-to")


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command that does something, in the order in which they are registered."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


def all_commands() -> list[tuple[str, ...]]:
    """The words of every command of ``stet``."""
    return list(leaves(typer.main.get_command(app.cli.cli)))


def help_text(words: tuple[str, ...]) -> str:
    """What ``--help`` prints for a command, 88 columns wide."""
    environment = {"COLUMNS": "88", "TERMINAL_WIDTH": "88"}
    result = CliRunner().invoke(app.cli.cli, [*words, "--help"], prog_name="stet", env=environment)
    if result.exit_code:
        raise RuntimeError(f"stet {' '.join(words)} --help exits with {result.exit_code}")
    return re.sub(r"\n{3,}", "\n\n", result.stdout.strip())


def shown_on(words: tuple[str, ...], docs: Path) -> list[str]:
    """The guides that show a command, as document names."""
    shows = re.compile(rf"\bstet (?:--?\S+ (?:\S+ )?)*{' '.join(words)}(?![-\w])")
    pages = (page for guide in GUIDES for page in sorted((docs / guide).glob("*.md")))
    return [
        page.relative_to(docs).with_suffix("").as_posix()
        for page in pages
        if shows.search(page.read_text())
    ]


class Commands(SphinxDirective):
    """A section for each command: its help, and the guides that show it."""

    def run(self) -> list[nodes.Node]:
        """Write the sections as Markdown, and have it parsed."""
        docs = Path(self.env.srcdir)
        for page in docs.glob("*/*.md"):
            self.env.note_dependency(str(page))
        lines: list[str] = []
        for words in ((), *all_commands()):
            lines += [
                f"## `{' '.join(('stet', *words))}`",
                "",
                "```text",
                help_text(words),
                "```",
                "",
            ]
            guides = shown_on(words, docs) if words else []
            if guides:
                lines += ["Shown in: " + ", ".join(f"{{doc}}`/{guide}`" for guide in guides), ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
