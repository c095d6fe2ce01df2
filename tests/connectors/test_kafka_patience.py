"""What Kafka's client says is waited for, told, or mended by a new producer."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError as ClientError
from confluent_kafka import KafkaException

from connectors.kafka import patience
from connectors.kafka.connection import KafkaError
from connectors.kafka.patience import AWAY, LOST, REFUSED, Patience
from connectors.relay import Interrupted, Stopped


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(patience, "SILENT_SECONDS", 0.0)


class Answers:
    """Fails with each of some errors, and then answers."""

    def __init__(self, *errors: ClientError) -> None:
        self._errors = iter(errors)

    def __call__(self) -> str:
        error = next(self._errors, None)
        if error is not None:
            raise KafkaException(error)
        return "an answer"


def test_errors_that_waiting_mends_are_waited_for_and_told_once() -> None:
    told: list[str] = []
    waited: list[str] = []

    def waiting(why: str) -> bool:
        waited.append(why)
        return False

    patient = Patience("kafka:9092", told.append, waiting)
    call = Answers(*map(ClientError, sorted(AWAY)))
    assert patient.until_answered(call) == "an answer"
    assert len(waited) == len(AWAY)
    first, last = told
    assert first.startswith("Kafka at kafka:9092 does not answer (")
    assert last == "Kafka at kafka:9092 answers again"
    assert patient.until_answered(call) == "an answer"
    assert len(told) == 2


def test_an_error_that_the_client_calls_retriable_is_waited_for() -> None:
    error = ClientError(ClientError.UNKNOWN, "busy", retriable=True)
    patient = Patience("kafka:9092", print, lambda _: False)
    assert patient.until_answered(Answers(error)) == "an answer"


def test_who_is_told_to_end_waits_no_more() -> None:
    patient = Patience("kafka:9092", print, lambda _: True)
    with pytest.raises(Stopped):
        patient.until_answered(Answers(ClientError(ClientError._TRANSPORT)))


@pytest.mark.parametrize(
    "error",
    [
        *map(ClientError, sorted(LOST)),
        ClientError(ClientError.UNKNOWN, "over", fatal=True),
        ClientError(ClientError.UNKNOWN, "over", txn_requires_abort=True),
        ClientError(ClientError._TRANSPORT, "over", retriable=True, txn_requires_abort=True),
    ],
    ids=str,
)
def test_what_only_a_new_producer_mends_interrupts(error: ClientError) -> None:
    with pytest.raises(Interrupted):
        Patience("kafka:9092", print, lambda _: False).until_answered(Answers(error))


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_what_an_operator_must_mend_is_told(code: int) -> None:
    with pytest.raises(KafkaError, match=r"Kafka at kafka:9092 refuses: .*; see the settings"):
        Patience("kafka:9092", print, lambda _: False).until_answered(Answers(ClientError(code)))


def test_any_other_error_ends_with_its_name() -> None:
    with pytest.raises(KafkaError, match=r"\(INVALID_CONFIG\)"):
        Patience("kafka:9092", print, lambda _: False).until_answered(
            Answers(ClientError(ClientError.INVALID_CONFIG))
        )
