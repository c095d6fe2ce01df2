"""The directive ``public-names``: all that a room offers to other rooms, from its ``__all__``."""

from __future__ import annotations

import importlib
import inspect

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class PublicNames(SphinxDirective):
    """The documentation of every name that a package exports, those first that are named first.

    The others come by kind, and by name.
    """

    required_arguments = 1
    optional_arguments = 10

    def run(self) -> list[nodes.Node]:
        """Hand each name to autodoc."""
        room, *first = self.arguments
        module = importlib.import_module(room)
        lines = ["```{eval-rst}", f".. automodule:: {room}", "   :no-members:", ""]
        others = sorted(set(module.__all__) - set(first), key=lambda n: (self._kind(module, n), n))
        for name in (*first, *others):
            kind = self._kind(module, name)
            home = self._home(module, name)
            if home == room or kind == "data":
                lines += [f".. auto{kind}:: {room}.{name}", *self._inherited(module, name), ""]
            else:  # handed on from the room below, which documents it
                lines += [f"- ``{name}`` is that of :py:obj:`{home}.{name}`.", ""]
        return self.parse_text_to_nodes("\n".join([*lines, "```"]), allow_section_headings=True)

    @staticmethod
    def _home(module: object, name: str) -> str:
        return str(getattr(getattr(module, name), "__module__", "")).partition(".")[0]

    @staticmethod
    def _inherited(module: object, name: str) -> list[str]:
        """Show what a class has from one of its room that is not public itself."""
        bases = getattr(getattr(module, name), "__bases__", ())
        room = getattr(module, "__name__", "")
        of_room = [base for base in bases if base.__module__.startswith(f"{room}.")]
        private = any(base.__name__ not in getattr(module, "__all__", ()) for base in of_room)
        return ["   :inherited-members: object"] if private else []

    @staticmethod
    def _kind(module: object, name: str) -> str:
        value = getattr(module, name)
        if inspect.isclass(value):
            return "exception" if issubclass(value, BaseException) else "class"
        return "function" if inspect.isfunction(value) else "data"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("public-names", PublicNames)
    return {"parallel_read_safe": True}
