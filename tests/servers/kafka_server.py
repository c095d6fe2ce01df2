"""A real Kafka for the tests: one node that is broker and controller, without ZooKeeper.

Maven fetches it once, together with Kafka Connect and Debezium's connector for PostgreSQL (60 MB of
jars that are kept); all are under the Apache License 2.0.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from local_server import (
    HOST,
    LocalServer,
    NoServer,
    cache,
    fetched_once,
    give,
    java_home,
    maven,
    without_root,
    write_properties,
)

PORT = 9092
CONTROLLER_PORT = 9093
VERSION = "4.3.1"
DEBEZIUM = "3.6.3.Final"
LOG4J = "2.25.4"
JARS = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "connect-runtime", VERSION),
    ("org.apache.kafka", "connect-json", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),  # else they say nothing at all
)
CONNECTOR = f"io.debezium:debezium-connector-postgres:{DEBEZIUM}:tar.gz:plugin"
SHA256 = "05b1433510b06532e61d0d73da7fd8a8d842b652e85285adf4890c716bb8e140"
"""Of a list of all jars with their SHA-256, as ``digest`` makes it."""
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
OLDEST_JAVA = 17
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
TEST_TOPICS = "stet-test-"
"""What the names of topics begin with that a test made and removes."""
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "num.partitions": 1,
    "auto.create.topics.enable": "true",
    # On one broker each of these must be 1: else transactions wait for ever.
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 4194304,
    "log.segment.bytes": 67108864,
    "log.index.size.max.bytes": 1048576,
}
FLAGS = (
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"),
    "-Dfile.encoding=UTF-8",
)
LOGGING = """\
appender.c.type = Console
appender.c.name = C
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d{HH:mm:ss,SSS} %-5p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.c.ref = C
"""


def program() -> Path:
    """The folder with ``libs`` and ``plugins``, fetched if it is not there yet."""
    return fetched_once(cache() / f"kafka-{VERSION}-debezium-{DEBEZIUM}", _fetched)


def _fetched(aside: Path) -> Path:
    print(f"fetching Kafka {VERSION} and Debezium {DEBEZIUM} (90 MB, once) ...", file=sys.stderr)
    made, local = aside / "kafka", f"-Dmaven.repo.local={aside}/m2"
    (made / "plugins").mkdir(parents=True)
    (aside / "pom.xml").write_text(_pom())
    copied = [f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime"]
    maven("Kafka", "-f", f"{aside}/pom.xml", *copied, f"-DoutputDirectory={made}/libs", local)
    maven("Debezium", f"{PLUGIN}:get", "-Dtransitive=false", f"-Dartifact={CONNECTOR}", local)
    (archive,) = (aside / "m2" / "io" / "debezium").rglob("*-plugin.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(made / "plugins", filter="data")
    if (found := digest(made)) != SHA256:
        raise NoServer(f"the jars of Kafka and Debezium are not what they were: SHA-256 {found}")
    return made


def digest(folder: Path) -> str:
    """The SHA-256 of the list of all jars in a folder, each with its own."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
        for path in sorted(folder.rglob("*.jar"))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _pom() -> str:
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, name, version in JARS
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{wanted}</dependencies></project>\n"
    )


def java_command(folder: Path, *heap: str) -> list[str | Path]:
    """How a program of the jars is begun: what follows is its main class and its arguments.

    The folder is in the command line, so that a server is found again by it.
    """
    (folder / "log4j2.properties").write_text(LOGGING)
    return [
        java_home("Kafka", OLDEST_JAVA) / "bin" / "java",
        *(*FLAGS, *heap, mark(folder)),
        f"-Dlog4j2.configurationFile={folder}/log4j2.properties",
        *("-cp", f"{program()}/libs/*"),
    ]


def mark(folder: Path) -> str:
    """The word in a command line by which a server of a folder is found again."""
    return f"-Dstet.server={folder}"


@dataclass(frozen=True)
class Kafka(LocalServer):
    """One broker on one port, its controller on another."""

    title: ClassVar[str] = "Kafka"
    port_variable: ClassVar[str] = "KAFKA_PORT"

    port: int = PORT
    controller_port: int = CONTROLLER_PORT

    @property
    def folder(self) -> Path:
        """What this server has for itself."""
        return cache() / f"kafka-{self.port}"

    @property
    def mark(self) -> str:
        """The folder, as its command line has it."""
        return mark(self.folder)

    @property
    def formatted(self) -> Path:
        """The file that is written when its data folder is ready."""
        return self.folder / "formatted"

    def admin(self) -> AdminClient:
        """A client that makes and removes topics."""
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def answers(self) -> bool:
        """Whether a client is told of a broker."""
        try:
            return bool(self.admin().list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "server.properties"
        own = f"PLAINTEXT://{self.address}"
        controller = f"{HOST}:{self.controller_port}"
        write_properties(
            settings,
            {
                **SETTINGS,
                "controller.quorum.voters": f"1@{controller}",
                "listeners": f"{own},CONTROLLER://{controller}",
                "advertised.listeners": own,
                "log.dirs": f"{self.folder}/data",
            },
        )
        if not self.formatted.exists():
            self._format(settings)
        command = java_command(self.folder, "-Xms128m", "-Xmx384m")
        give(self.folder)
        self._run_apart([*command, "kafka.Kafka", settings])

    def _format(self, settings: Path) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        command = java_command(self.folder, "-Xmx128m")
        command += ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", settings]
        give(self.folder)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, **without_root())
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
            raise NoServer(f"Kafka cannot make its data folder: {said[-1] if said else ''}")
        self.formatted.touch()

    def clear(self) -> None:
        """Remove what tests that were killed have left."""
        self.remove_topics(TEST_TOPICS)

    def remove_topics(self, prefix: str) -> None:
        """Remove all topics whose names begin so."""
        admin = self.admin()
        names = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
        for removed in admin.delete_topics(names).values() if names else ():
            removed.result()
