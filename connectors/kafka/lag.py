"""How much lies in a connector's topics that it has not read, while it does not run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.capture.source import Partition
from connectors.kafka.connection import KafkaError, client_settings
from connectors.kafka.source import LATEST, quiet_logger
from event_log import EventLog, InvalidSetting


def ask_lag(asking: Mapping[str, Any], log: EventLog, seconds: float) -> int | None:
    """Ask a broker how many offsets lie behind the log's positions; None without an answer.

    ``asking`` has the settings of the client (``kafka``) and the ``partitions``. Some offsets are
    no messages, so it is an upper bound.
    """
    try:
        partitions = [Partition(*each) for each in asking["partitions"]]
        admin = AdminClient(client_settings(asking["kafka"]), logger=quiet_logger)
        answers = admin.list_offsets(
            {TopicPartition(each.topic, each.number): LATEST for each in partitions},
            request_timeout=seconds,
        )
        ends = {(of.topic, of.partition): a.result(seconds).offset for of, a in answers.items()}
    except (KafkaException, KafkaError, InvalidSetting, TimeoutError, KeyError, TypeError):
        return None
    positions = log.positions_of(each.producer for each in partitions)
    lags = (ends[each.topic, each.number] - positions[each.producer] for each in partitions)
    return int(sum(max(0, lag) for lag in lags))
