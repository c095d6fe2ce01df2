"""The command ``settings``: the value of every setting, and where it comes from."""

from __future__ import annotations

from typing import Any

from app import show
from app.options import DEFAULT_HOME, Home, Json, errors_as_messages
from event_log import machine, settings

COMPUTED = {"STET_THREADS": machine.threads, "STET_MEMORY": machine.memory_limit}
"""Settings whose default depends on the machine."""


def show_settings(
    home: Home = DEFAULT_HOME,  # noqa: ARG001 - its callback opens the settings file
    as_json: Json = False,
) -> None:
    """Print every setting, its value and its source.

    Secrets are masked. The command line overrides the environment, and the environment overrides
    stet.toml in the home (or the file of --config).

    Example: stet settings --json
    """
    with errors_as_messages():
        lines = [_line(value) for value in settings.in_force()]
    if as_json:
        for line in lines:
            show.json(line)
        return
    headings = ("setting", "value", "from", "meaning")
    cells = [
        (
            line["name"],
            show.short(line["value"] or line["default"]),
            line["source"],
            line["meaning"],
        )
        for line in lines
    ]
    show.table(headings, cells)


def _line(value: settings.Value) -> dict[str, Any]:
    """A setting as ``--json`` prints it; the value is null if there is none."""
    setting = value.setting
    text = None if value.text is None else value.shown
    if text is None and setting.name in COMPUTED:
        text = str(COMPUTED[setting.name]())
    return {
        "name": setting.name,
        "value": text,
        "source": value.source,
        "default": setting.default or setting.otherwise,
        "takes": setting.allowed,
        "meaning": setting.meaning,
    }
