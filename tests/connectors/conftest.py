"""What Debezium really wrote, as messages: ``captures/README.md`` says what each file shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from connectors.debezium.change import Message, Origin

CAPTURES = Path(__file__).with_name("captures")
Captured = Callable[[str], list[Message]]


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


@pytest.fixture(scope="session")
def captured() -> Captured:
    """The messages of a capture, in their order."""

    def messages(name: str) -> list[Message]:
        told = [
            orjson.loads(line) for line in (CAPTURES / f"{name}.jsonl").read_bytes().splitlines()
        ]
        return [
            Message(
                Origin(each["topic"], f"id of {each['topic']}", each["partition"], each["offset"]),
                _bytes(each["key"]),
                _bytes(each["value"]),
                [(header, _bytes(value)) for header, value in each["headers"]],
                each["timestamp"],
            )
            for each in told
        ]

    return messages
