"""How Sphinx builds the documentation: ``make docs`` writes it to ``build/docs``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(DOCS / "extensions"))
sys.path.insert(0, str(ROOT))

project = "Stet"
author = "The authors of Stet"
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_nb",  # Markdown, and the analyst's page, which is executed
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
    "commands",  # docs/extensions: the reference of commands, from the command line itself
    "settings",  # docs/extensions: the table of settings, from their registry
    "public_names",  # docs/extensions: what a room's face offers
]
exclude_patterns = ["extensions", "begin.md"]

html_theme = "furo"
html_title = f"Stet {release}"
html_copy_source = False
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]  # GitHub draws the same fence
myst_heading_anchors = 4

nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}

copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

# A reference that leads nowhere is a warning, and a warning is an error. What is left out has its
# documentation elsewhere, and the build must do without a network.
nitpicky = True
STANDARD = r"(collections|datetime|enum|os|pathlib|sqlite3|types|typing|uuid)\."
LIBRARIES = r"(duckdb|ibis|numpy|pandas|pyarrow|tantivy)\."
BELOW_A_FACE = r"(archive|connectors|event_log|replay|search)\.\w+\."  # of a room's own modules
FOR_TYPES_ONLY = (  # names that a module imports, or defines, for type checkers alone
    r"(ir|pa|pd)\.|(AbstractContextManager|Backend|Digest|DuckDBPyConnection|IndexMapping|Moment|Path|Tell|datetime)$|dict\["
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({STANDARD}|{LIBRARIES}|{BELOW_A_FACE}|{FOR_TYPES_ONLY}).*"),
]

# Links to other sites are checked by hand, where there is a network: make docs-links.
linkcheck_timeout = 20
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost|.*\.example)[:/].*"]


def setup(app: Sphinx) -> None:
    """Let the log's format show bytes in a block that is marked ``hex``."""
    app.add_lexer("hex", TextLexer)
