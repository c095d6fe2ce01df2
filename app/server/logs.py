"""The log of the server on standard error: one line for each request, and for what fails."""

from __future__ import annotations

import logging
from typing import Any

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logs() -> None:
    """Write the lines of the server's own loggers to standard error."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)


def uvicorn_logs() -> dict[str, Any]:
    """The configuration of uvicorn's loggers: theirs go where all lines go."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": FORMAT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    }
