"""Waiting for a cluster: what its client says is told to people, and waited for if that helps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from confluent_kafka import KafkaError as ClientError
from confluent_kafka import KafkaException

from connectors.kafka.connection import KafkaError
from connectors.relay import Interrupted, Stopped

T = TypeVar("T")
TRY_SECONDS = 1.0
"""How long one call may take, so that a signal is seen meanwhile."""
PAUSE_SECONDS = 0.1
SILENT_SECONDS = 5.0
"""After so long without an answer it is said that the cluster does not answer."""
AWAY = frozenset(
    {
        ClientError._TRANSPORT,
        ClientError._ALL_BROKERS_DOWN,
        ClientError._TIMED_OUT,
        ClientError._TIMED_OUT_QUEUE,
        ClientError._RESOLVE,
        ClientError._WAIT_COORD,
        ClientError.UNKNOWN_TOPIC_OR_PART,  # a topic that was just made
        ClientError._UNKNOWN_TOPIC,
        ClientError._UNKNOWN_PARTITION,
        ClientError.NOT_LEADER_FOR_PARTITION,
        ClientError.LEADER_NOT_AVAILABLE,
        ClientError.FENCED_LEADER_EPOCH,
        ClientError.UNKNOWN_LEADER_EPOCH,
        ClientError.REPLICA_NOT_AVAILABLE,
        ClientError.BROKER_NOT_AVAILABLE,
        ClientError.NOT_CONTROLLER,
        ClientError.NOT_ENOUGH_REPLICAS,
        ClientError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ClientError.OFFSET_NOT_AVAILABLE,
        ClientError.COORDINATOR_NOT_AVAILABLE,
        ClientError.COORDINATOR_LOAD_IN_PROGRESS,
        ClientError.NOT_COORDINATOR,
        ClientError.CONCURRENT_TRANSACTIONS,
        ClientError.REQUEST_TIMED_OUT,
        ClientError.NETWORK_EXCEPTION,
        ClientError.KAFKA_STORAGE_ERROR,
        ClientError.THROTTLING_QUOTA_EXCEEDED,
    }
)
"""Errors that waiting mends, beside those that the client calls so itself."""
LOST = frozenset(
    {
        ClientError._FENCED,
        ClientError._FATAL,
        ClientError._STATE,
        ClientError._PURGE_QUEUE,
        ClientError._PURGE_INFLIGHT,
        ClientError._MSG_TIMED_OUT,
        ClientError.PRODUCER_FENCED,
        ClientError.INVALID_PRODUCER_EPOCH,
        ClientError.INVALID_PRODUCER_ID_MAPPING,
        ClientError.INVALID_TXN_STATE,
    }
)
"""Errors after which only a new producer can send."""
REFUSED = frozenset(
    {
        ClientError._AUTHENTICATION,
        ClientError._SSL,
        ClientError.SASL_AUTHENTICATION_FAILED,
        ClientError.TOPIC_AUTHORIZATION_FAILED,
        ClientError.CLUSTER_AUTHORIZATION_FAILED,
        ClientError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
"""Errors that only an operator mends."""
logger = logging.getLogger("stet.kafka")
logger.setLevel(logging.CRITICAL)  # what the client logs is told once, as an error


class Patience:
    """Calls a cluster until it answers; says once that it does not, and once that it does again."""

    def __init__(
        self, cluster: str, tell: Callable[[str], None], waiting: Callable[[str], bool]
    ) -> None:
        """``waiting`` is called while nothing answers, with the reason; it says whether to end."""
        self._cluster, self._tell, self._waiting = cluster, tell, waiting
        self._since: float | None = None
        self._said = False

    def until_answered(self, call: Callable[[], T]) -> T:
        """Return what a call returns, however long the cluster is away.

        Raises ``Interrupted`` where only a new producer can go on, ``Stopped``, and ``KafkaError``
        for what waiting does not mend.
        """
        while True:
            try:
                result = call()
            except KafkaException as error:
                self._wait(error.args[0])
            else:
                if self._said:
                    self._tell(f"Kafka at {self._cluster} answers again")
                self._since, self._said = None, False
                return result

    def _wait(self, error: ClientError) -> None:
        if not self._is_away(error):
            self.give_up(error)
        now = time.monotonic()
        self._since = self._since or now
        why = f"Kafka at {self._cluster} does not answer ({error.name()})"
        silent = now - self._since >= SILENT_SECONDS
        if silent and not self._said:
            self._said = True
            self._tell(f"{why}; waiting for it")
        if self._waiting(why if silent else ""):
            raise Stopped(f"Kafka at {self._cluster} did not answer")
        time.sleep(PAUSE_SECONDS)

    def _is_away(self, error: ClientError) -> bool:
        lost = error.fatal() or error.txn_requires_abort() or error.code() in LOST | REFUSED
        return not lost and (error.retriable() or error.code() in AWAY)

    def give_up(self, error: ClientError) -> NoReturn:
        """Raise what an error means, which waiting does not mend."""
        if error.code() in REFUSED:
            raise KafkaError(
                f"Kafka at {self._cluster} refuses: {error.str()}; see the settings STET_KAFKA_..."
            )
        if error.fatal() or error.txn_requires_abort() or error.code() in LOST:
            raise Interrupted(error.str())
        raise KafkaError(f"Kafka at {self._cluster}: {error.str()} ({error.name()})")


def made(make: Any, client: Mapping[str, Any]) -> Any:
    """A client; what is wrong with its settings is told as such."""
    try:
        return make(dict(client), logger=logger)
    except KafkaException as error:
        raise KafkaError(f"{error.args[0].str()}; see the settings STET_KAFKA_...") from None
    except (TypeError, ValueError) as error:
        raise KafkaError(f"{error}; see the settings STET_KAFKA_...") from None
