"""How to reach a Kafka cluster: its addresses, and what it asks of its clients.

The settings ``STET_KAFKA`` and ``STET_KAFKA_...`` say it for all commands. A file that is given to
a command may say it for its own cluster, with the client's own names (``bootstrap.servers``,
``sasl.mechanism``); what the environment sets goes before it. A password is only read from the
environment or the settings file: whoever may read how tables are mapped need not know it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from connectors.errors import ConnectorError
from event_log import settings

BY_SETTING = {
    "STET_KAFKA": "bootstrap.servers",
    "STET_KAFKA_PROTOCOL": "security.protocol",
    "STET_KAFKA_MECHANISM": "sasl.mechanism",
    "STET_KAFKA_USER": "sasl.username",
    "STET_KAFKA_PASSWORD": "sasl.password",
    "STET_KAFKA_CA": "ssl.ca.location",
    "STET_KAFKA_CERTIFICATE": "ssl.certificate.location",
    "STET_KAFKA_KEY": "ssl.key.location",
    "STET_KAFKA_KEY_PASSWORD": "ssl.key.password",
}
"""The client's name of what each setting says."""
ADDRESS = re.compile(r"([A-Z_]+://)?([^\s:/,\[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})")
"""An address of a broker, with its port."""
SECRET = frozenset({"sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password"})


class KafkaError(ConnectorError):
    """Kafka cannot be used as asked; the message says what to do."""


def client_settings(given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The client's settings: those ``given`` in a file, and those of the environment before them.

    Raises ``KafkaError`` where the client is not installed, for a password in a file, and for what
    is no address: the client would wait for it for ever.

    >>> with settings.using({"STET_KAFKA": "kafka.example:9092"}):
    ...     client_settings({"client.id": "desk"})["bootstrap.servers"]
    'kafka.example:9092'
    """
    if find_spec("confluent_kafka") is None:
        raise KafkaError(
            "Kafka needs the package confluent-kafka; install the extra connect, in the clone:"
            " uv pip install '.[connect]'"
        )
    given = dict(given or {})
    check_given(given)
    values = {name: settings.look_up(name) for name in BY_SETTING}
    of_default = {BY_SETTING[n]: v.text for n, v in values.items() if v.source == settings.DEFAULT}
    of_settings = {BY_SETTING[n]: v.text for n, v in values.items() if v.source != settings.DEFAULT}
    chosen = {**of_default, **given, **of_settings}
    _check_addresses(cluster_of(chosen))
    return {name: value for name, value in chosen.items() if value is not None}


def _check_addresses(addresses: str) -> None:
    for address in addresses.split(","):
        found = ADDRESS.fullmatch(address.strip())
        if found is None or not 0 < int(found[3]) < 65536:
            raise KafkaError(
                f"Kafka's address: {address.strip()!r} is no host with its port, such as"
                " kafka.example:9092; mend STET_KAFKA, --bootstrap or the mapping's"
                " bootstrap.servers"
            )


def check_given(given: Mapping[str, Any]) -> None:
    """Raise ``KafkaError`` for what a file may not say about the cluster."""
    for name in given:
        if name in SECRET:
            instead = {v: k for k, v in BY_SETTING.items()}.get(name, "STET_KAFKA_PASSWORD")
            raise KafkaError(f"kafka: {name} is a secret; set {instead} in the environment instead")


def cluster_of(client: Mapping[str, Any]) -> str:
    """The cluster's addresses, for messages."""
    return str(client.get("bootstrap.servers", ""))
