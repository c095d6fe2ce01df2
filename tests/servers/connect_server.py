"""A real Kafka Connect with Debezium for the tests: one standalone worker.

It delivers at least once: after a kill it sends again what it had sent. It forgets connectors when
it ends, and keeps how far each had read.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kafka_server import PORT as KAFKA_PORT
from kafka_server import java_command, mark, program
from local_server import HOST, LocalServer, NoServer, cache, give, write_properties

PORT = 8083
CONNECTOR = "io.debezium.connector.postgresql.PostgresConnector"
SETTINGS = {
    "plugin.discovery": "service_load",  # else it needs 6 s and 460 MB
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    # Else NULL in a column that has a default arrives as the default.
    "key.converter.replace.null.with.default": "false",
    "value.converter.replace.null.with.default": "false",
    "offset.flush.interval.ms": 1000,
    "producer.linger.ms": 5,
}


@dataclass(frozen=True)
class Connect(LocalServer):
    """One worker on one port, for the broker on another."""

    title: ClassVar[str] = "Kafka Connect"
    port_variable: ClassVar[str] = "CONNECT_PORT"

    port: int = PORT
    kafka_port: int = KAFKA_PORT

    @property
    def folder(self) -> Path:
        """What this server has for itself."""
        return cache() / f"connect-{self.port}"

    @property
    def mark(self) -> str:
        """The folder, as its command line has it."""
        return mark(self.folder)

    @property
    def address(self) -> str:
        """Where its REST interface is."""
        return f"http://{HOST}:{self.port}"

    @property
    def offsets(self) -> Path:
        """How far each connector has read."""
        return self.folder / "offsets"

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask its REST interface; an error of its own is told in its words."""
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
                said = answer.read()
        except urllib.error.HTTPError as refused:
            told = refused.read().decode(errors="replace")
            raise NoServer(f"Kafka Connect refuses {method} {path}: {told}") from refused
        return json.loads(said) if said else None

    def answers(self) -> bool:
        """Whether it offers Debezium."""
        try:
            offered = self.ask("GET", "/connector-plugins")
        except (OSError, NoServer):
            return False
        return any(each["class"] == CONNECTOR for each in offered)

    def put(self, name: str, settings: Mapping[str, str]) -> None:
        """Make a connector, and wait until its task runs."""
        self.ask("PUT", f"/connectors/{name}/config", {**settings, "name": name})
        until = time.monotonic() + 60
        while (state := self._state(name)) != "RUNNING":
            if state.startswith("FAILED") or time.monotonic() > until:
                raise NoServer(f"connector {name} does not run: {state}")
            time.sleep(0.1)

    def _state(self, name: str) -> str:
        try:
            status = self.ask("GET", f"/connectors/{name}/status")
        except NoServer as refused:
            if isinstance(refused.__cause__, urllib.error.HTTPError):
                return str(refused)  # it is not known yet
            raise
        tasks = status["tasks"] or [{"state": "no task"}]
        return f"{tasks[0]['state']} {tasks[0].get('trace', '')}".strip()

    def remove(self, name: str) -> None:
        """Remove a connector; one that the worker has forgotten is gone already."""
        try:
            self.ask("DELETE", f"/connectors/{name}")
        except NoServer as refused:
            cause = refused.__cause__
            if not (isinstance(cause, urllib.error.HTTPError) and cause.code == 404):
                raise

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "connect.properties"
        write_properties(
            settings,
            {
                **SETTINGS,
                "bootstrap.servers": f"{HOST}:{self.kafka_port}",
                "listeners": self.address,
                "plugin.path": str(program() / "plugins"),
                "offset.storage.file.filename": str(self.offsets),
            },
        )
        command = java_command(self.folder, "-Xms64m", "-Xmx256m")
        give(self.folder)
        self._run_apart([*command, "org.apache.kafka.connect.cli.ConnectStandalone", settings])
