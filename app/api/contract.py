"""The OpenAPI description of the API, and the file of it that the documentation has.

python -m app.api.contract       write docs/reference/openapi.json anew
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.api.models import ProblemModel
from app.api.security import READERS, SCHEMES

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
INFO: dict[str, Any] = {
    "title": "Stet",
    "version": "1",
    "summary": "A newspaper's archive: search it, read it, append to it, follow it",
}


def describe(app: FastAPI) -> None:
    """Let an application describe its API with the errors and the ways to log in."""
    described = app.openapi
    app.openapi = lambda: completed(described)  # type: ignore[method-assign]


def completed(described: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A description with what the calls share."""
    told = described()
    schemas = told.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemModel.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    told["components"]["securitySchemes"] = SCHEMES
    told["security"] = READERS
    return told


def as_text(told: dict[str, Any]) -> str:
    """The description as its file has it: sorted, so that a change is a small difference."""
    return json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def contract() -> str:
    """The file's content, from the routes alone: it needs no archive."""
    from app.api.router import router

    app = FastAPI(**INFO)
    app.include_router(router)
    describe(app)
    return as_text(app.openapi())


def main() -> None:
    """Write the file."""
    FILE.write_text(contract())
    sys.stdout.write(f"{FILE} written\n")


if __name__ == "__main__":
    main()
