"""The directive ``settings``: the table of all settings, made from the list of them."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from event_log.settings import SETTINGS, Setting


def line(setting: Setting) -> str:
    """A setting as a line of a Markdown table."""
    default = f"`{setting.default}`" if setting.default is not None else setting.otherwise
    cells = (f"`{setting.name}`", setting.meaning, setting.takes, default, setting.room)
    return f"| {' | '.join(cells)} |"


class Settings(SphinxDirective):
    """One table: each setting's name, meaning, values, default, and the rooms that use it."""

    def run(self) -> list[nodes.Node]:
        """Write the table as Markdown, and have it parsed."""
        head = ["| setting | meaning | takes | default | used in |", "|---|---|---|---|---|"]
        return self.parse_text_to_nodes("\n".join([*head, *map(line, SETTINGS.values())]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("settings", Settings)
    return {"parallel_read_safe": True}
