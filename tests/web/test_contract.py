"""The contract of the API: its file, and that every answer keeps it, whatever is asked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import Server

from app.api.contract import FILE, as_text, contract
from app.web.access import Role

KEPT = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
ENDLESS = "/api/v1/events/stream"
"""An answer without an end, which is tried in ``test_api_events.py``."""


def test_the_file_of_the_contract_is_that_of_the_code() -> None:
    assert FILE.read_text() == contract(), (
        "the API has changed: see that clients can follow, and write the file anew with"
        " .venv/bin/python -m app.api.contract"
    )


def test_a_server_describes_the_contract(reading: Server) -> None:
    assert as_text(reading.ask().get("/api/v1/openapi.json").json()) == FILE.read_text()


def test_every_call_is_described(reading: Server) -> None:
    told = reading.ask().get("/api/v1/openapi.json").json()
    calls = [call for path in told["paths"].values() for call in path.values()]
    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        assert call["operationId"].isidentifier()
        assert call["summary"], call
        assert call["description"], call
        assert {"401", "422", "429", "503"} <= {*call["responses"]}, call
        for status, response in call["responses"].items():
            if status >= "400":
                assert [*response["content"]] == ["application/problem+json"], call


def _try(home: Path, role: Role, examples: int, mode: GenerationMode) -> int:
    """Call everything with generated requests; returns how many calls were tried."""
    server = Server(home, query_seconds=60.0)
    headers = {"Authorization": server.ask(role).headers["Authorization"]}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", server.app)
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [each for each in operations if each.path != ENDLESS]
    tried: set[str] = set()
    for operation in operations:

        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        @hypothesis.settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        def keeps_its_contract(case: schemathesis.Case) -> None:
            if isinstance(seconds := (case.query or {}).get("timeout"), int | float):
                case.query["timeout"] = min(seconds, 0.01)  # nothing comes that is waited for
            response = case.call(headers=headers, base_url="http://localhost:8000", timeout=60)
            case.validate_response(response, checks=list(KEPT))
            tried.add(case.operation.path)

        with suppress(Unsatisfiable):  # a call without parameters cannot be made wrong
            keeps_its_contract()
    return len(tried)


def test_an_editor_gets_what_the_contract_says(home: Path) -> None:
    assert _try(home, Role.editor, 1, GenerationMode.POSITIVE) > 10


@pytest.mark.slow
@pytest.mark.parametrize("role", [*Role])
@pytest.mark.parametrize("mode", [*GenerationMode])
def test_everybody_gets_what_the_contract_says(
    home: Path, role: Role, mode: GenerationMode
) -> None:
    assert _try(home, role, 25, mode) >= (10 if mode is GenerationMode.POSITIVE else 5)
