"""Dagster as an operator has it: webserver and daemon, started together, asked over GraphQL."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "pipelines.definitions"}
LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
EVENTS = """
query Events($id: ID!) {
  logsForRun(runId: $id, limit: 1000) {
    ... on EventConnection { events { __typename ... on MessageEvent { message } } }
  }
}
"""
CANCEL = "mutation Cancel($id: String!) { terminateRun(runId: $id) { __typename } }"
REPOSITORIES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
POOLS = "{ instance { concurrencyLimits { concurrencyKey activeSlotCount } } }"


class Server:
    """One instance on this machine; ``home`` is Dagster's, ``archive`` the newsroom's."""

    def __init__(self, home: Path, archive: Path, **environment: str) -> None:
        self.log = home / "server.log"
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1"),
                    *("-p", str(self.port), "-m", "pipelines.definitions"),
                ],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DAGSTER_HOME": str(home),
                    "DAGSTER_DISABLE_TELEMETRY": "1",
                    "STET_HOME": str(archive),
                    **environment,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it, and whatever of it is still there after half a minute."""
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it is ended with its group
            self.process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data that a GraphQL query gives."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
            said = json.load(answer)
        assert not said.get("errors"), said["errors"]
        return said["data"]

    def ready(self) -> bool:
        """Does it answer, with the project's jobs loaded?"""
        assert self.process.poll() is None, self.log.read_text()
        try:
            found = self.ask(
                "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            )
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return bool(found["repositoriesOrError"].get("nodes"))

    def launch(self, job: str, config: dict[str, Any] | None = None) -> str:
        """Launch a job; returns the run's id."""
        selector = {**LOCATION, "jobName": job}
        params = {"selector": selector, "runConfigData": config or {}}
        said = self.ask(LAUNCH, params=params)["launchRun"]
        assert said["__typename"] == "LaunchRunSuccess", said
        run: str = said["run"]["runId"]
        return run

    def status(self, run: str) -> str:
        """How a run is."""
        status: str = self.ask(RUN, id=run)["runOrError"]["status"]
        return status

    def messages(self, run: str) -> list[str]:
        """What a run has logged."""
        events = self.ask(EVENTS, id=run)["logsForRun"]["events"]
        return [event.get("message") or "" for event in events]

    def cancel(self, run: str) -> None:
        """Cancel a run, as the button in the UI does."""
        assert self.ask(CANCEL, id=run)["terminateRun"]["__typename"] == "TerminateRunSuccess"

    def slots(self) -> int:
        """How many places in pools are taken."""
        pools = self.ask(POOLS)["instance"]["concurrencyLimits"]
        return sum(pool["activeSlotCount"] for pool in pools)


def until(true: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    """Wait until something is so; fails with what there is instead."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.2)


@contextlib.contextmanager
def running(home: Path, archive: Path, **environment: str) -> Iterator[Server]:
    """A server that answers; it is gone afterwards."""
    server = Server(home, archive, **environment)
    try:
        until(server.ready, 60, server.log.read_text)
        yield server
    finally:
        server.stop()
