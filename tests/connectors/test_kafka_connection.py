"""Reaching a cluster: what is no address is told at once, and not waited for."""

from __future__ import annotations

import pytest

from connectors.kafka.connection import KafkaError, client_settings
from event_log import settings


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "host:port",
        "http://a.example:80/",
        "a b:1",
        "a:0",
        "a:65536",
        "a:1,",
        "::1:9092",
    ],
)
def test_what_is_no_address_with_a_port_is_refused(address: str) -> None:
    with settings.using({"STET_KAFKA": address}), pytest.raises(KafkaError, match="no host with"):
        client_settings()


@pytest.mark.parametrize(
    "addresses", ["a:1", "127.0.0.1:9092", "[::1]:9092", "SSL://a.example:65535, b_2.example:9092"]
)
def test_addresses_with_their_ports_are_given_to_the_client(addresses: str) -> None:
    with settings.using({"STET_KAFKA": addresses}):
        assert client_settings()["bootstrap.servers"] == addresses


def test_an_address_in_a_mapping_is_looked_at_as_well() -> None:
    with pytest.raises(KafkaError, match="'broker'"):
        client_settings({"bootstrap.servers": "a:1,broker"})
