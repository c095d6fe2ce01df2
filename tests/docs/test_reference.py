"""The generated reference has every command and every setting."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from event_log.settings import SETTINGS

ROOT = Path(__file__).parents[2]


def extension(name: str) -> ModuleType:
    """One of the modules that make the reference when the site is built."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/extensions/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = extension("commands")
SETTINGS_TABLE = extension("settings")


@pytest.mark.parametrize("words", COMMANDS.all_commands(), ids=" ".join)
def test_every_command_has_its_help_with_an_example_in_the_reference(
    words: tuple[str, ...],
) -> None:
    text = COMMANDS.help_text(words)
    assert text.startswith(f"Usage: stet {' '.join(words)}")
    assert "Example: stet" in " ".join(text.split())


@pytest.mark.parametrize("words", COMMANDS.all_commands(), ids=" ".join)
def test_the_reference_leads_to_a_guide_that_shows_the_command(words: tuple[str, ...]) -> None:
    assert COMMANDS.shown_on(words, ROOT / "docs")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_a_line_of_the_table(name: str) -> None:
    line = SETTINGS_TABLE.line(SETTINGS[name])
    assert line.startswith(f"| `{name}` | ")
    assert line.count("|") == 6
