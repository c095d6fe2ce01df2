"""The last runs of the Dagster that ``STET_DAGSTER_URL`` names, asked of its GraphQL interface.

Dagster keeps its runs itself, and only ``pipelines`` imports it. Where it does not answer soon, the
page has the link alone, and says so.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

SECONDS = 2.0
"""How long the page waits for Dagster."""
MOST_RUNS = 10
MOST_BYTES = 1_000_000
QUERY = """
query Last($most: Int!) {
  runsOrError(limit: $most) {
    __typename
    ... on Runs { results { runId jobName status startTime endTime } }
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True)
class Run:
    """A run of a job."""

    job: str
    status: str
    address: str
    begun: str | None
    seconds: float | None


@dataclass(frozen=True)
class Runs:
    """The last runs, the latest first; or the reason why they cannot be told."""

    url: str
    runs: tuple[Run, ...] = ()
    problem: str = ""


def last_runs(url: str) -> Runs:
    """Ask a Dagster for its last runs.

    >>> last_runs("http://127.0.0.1:9").problem
    'it does not answer: Connection refused'
    """
    url = url.rstrip("/")
    body = json.dumps({"query": QUERY, "variables": {"most": MOST_RUNS}}).encode()
    request = urllib.request.Request(  # noqa: S310 - the setting takes http and https only
        f"{url}/graphql", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            told = json.loads(answer.read(MOST_BYTES))["data"]["runsOrError"]
        return Runs(url, tuple(_run(url, each) for each in told["results"]))
    except urllib.error.HTTPError as error:
        return Runs(url, problem=f"it answers {error.code} {error.reason}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        return Runs(url, problem=f"it does not answer: {getattr(reason, 'strerror', 0) or reason}")
    except (ValueError, KeyError, TypeError):
        return Runs(url, problem="its answer is not that of a Dagster")


def _run(url: str, told: dict[str, Any]) -> Run:
    begun, ended = told["startTime"], told["endTime"]
    return Run(
        str(told["jobName"]),
        str(told["status"]).lower().replace("_", " "),
        f"{url}/runs/{quote(str(told['runId']), safe='')}",
        datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds") if begun else None,
        ended - begun if begun and ended else None,
    )
