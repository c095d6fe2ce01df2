"""The schema that a message may bring: how its columns are encoded, planned once for each schema.

JSON has neither dates nor decimals nor bytes. With ``schemas.enable`` each message says by names
such as ``io.debezium.time.MicroTimestamp`` what its numbers and texts stand for.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import orjson

Decoder: TypeAlias = Callable[[Any], Any]
Decoders: TypeAlias = Mapping[str, Decoder]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
MOST_SCHEMAS = 1_000
BEGIN, BETWEEN = b'{"schema":', b',"payload":'
_planned: dict[bytes, Decoders] = {}


def day(days: int) -> date | str:
    """Return the day so many days after 1970 began; as text where Python has no such day.

    >>> day(20455)
    datetime.date(2026, 1, 2)
    """
    try:
        return FIRST_DAY + timedelta(days=days)
    except OverflowError:
        return f"{days} days after 1970-01-01"


def instant(number: int, each: int = 1) -> datetime | str:
    """Return the instant so many microseconds after 1970, or that number times or over ``each``.

    >>> instant(1_500, 1_000)
    datetime.datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=datetime.timezone.utc)
    """
    try:
        return EPOCH + timedelta(microseconds=number * each)
    except OverflowError:
        return f"{number * each} microseconds after 1970-01-01"


def instant_of_nanoseconds(number: int) -> datetime | str:
    """Return the instant so many nanoseconds after 1970; what is below a microsecond is dropped."""
    return instant(number // 1_000)


def decimal(text: str, scale: int) -> Decimal:
    """Return the number of Kafka Connect's form: a big-endian integer in base64, and its scale.

    >>> decimal("A94=", 2)
    Decimal('9.90')
    """
    number = int.from_bytes(b64decode(text), "big", signed=True)
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


def _clock(number: int, each: int) -> str:
    return (EPOCH + timedelta(microseconds=number * each)).time().isoformat()


NAMED: Mapping[str, Decoder] = {
    "io.debezium.time.Date": day,
    "org.apache.kafka.connect.data.Date": day,
    "io.debezium.time.MicroTimestamp": instant,
    "io.debezium.time.Timestamp": partial(instant, each=1_000),
    "org.apache.kafka.connect.data.Timestamp": partial(instant, each=1_000),
    "io.debezium.time.NanoTimestamp": instant_of_nanoseconds,
    "io.debezium.time.MicroTime": partial(_clock, each=1),
    "io.debezium.time.Time": partial(_clock, each=1_000),
    "org.apache.kafka.connect.data.Time": partial(_clock, each=1_000),
    "io.debezium.time.NanoTime": lambda number: _clock(number // 1_000, 1),
    "io.debezium.data.VariableScaleDecimal": lambda it: decimal(it["value"], it["scale"]),
}


def _or_null(decode: Decoder) -> Decoder:
    return lambda value: None if value is None else decode(value)


def _decoder(schema: Mapping[str, Any]) -> Decoder | None:
    """Return how a value of a schema is decoded; None when JSON has it as it is."""
    name = schema.get("name")
    if name == "org.apache.kafka.connect.data.Decimal":
        return partial(decimal, scale=int(schema["parameters"]["scale"]))
    if isinstance(name, str) and name in NAMED:
        return NAMED[name]
    if schema.get("type") == "bytes":
        return b64decode
    if schema.get("type") == "array":
        decode = _decoder(schema["items"])
        if decode:
            each = _or_null(decode)
            return lambda values: [each(value) for value in values]
    return None


def _of_columns(struct: Mapping[str, Any]) -> Decoders:
    decoders = {field["field"]: _decoder(field) for field in struct.get("fields") or ()}
    return {name: _or_null(decode) for name, decode in decoders.items() if decode}


def _of_message(schema: Mapping[str, Any] | None) -> Decoders:
    """Return the decoders of a key's columns, or of those in ``before`` and ``after``."""
    fields = (schema or {}).get("fields") or ()
    whole = [field for field in fields if field.get("field") in ("after", "before")]
    return _of_columns(whole[-1] if whole else {"fields": fields})


def parsed(text: bytes) -> tuple[Any, Decoders]:
    """Return what a key or a value says, without its schema, and the decoders of its columns.

    Raises ``ValueError`` for what is not JSON, and for a schema that is none.

    >>> parsed(b'{"id": 7}')
    ({'id': 7}, {})
    >>> payload, decoders = parsed(b'{"schema":{"type":"struct","fields":[{"field":"on",'
    ...     b'"type":"int32","name":"io.debezium.time.Date"}]},"payload":{"on":20455}}')
    >>> decoders["on"](payload["on"])
    datetime.date(2026, 1, 2)
    """
    schema = None
    if text.startswith(BEGIN):
        end = text.find(BETWEEN)
        schema = text[len(BEGIN) : end]
        decoders = _planned.get(schema)
        if decoders is not None:
            return orjson.loads(text[end + len(BETWEEN) : text.rindex(b"}")]), decoders
    said = orjson.loads(text)
    if not isinstance(said, dict) or said.keys() != {"schema", "payload"}:
        return said, {}
    try:
        decoders = _of_message(said["schema"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"its schema is none of Kafka Connect's ({error!r})") from None
    if schema is not None and _is(schema, said["schema"]):
        if len(_planned) >= MOST_SCHEMAS:
            _planned.clear()
        _planned[schema] = decoders
    return said["payload"], decoders


def _is(text: bytes, schema: Any) -> bool:
    """Whether the text up to the first ``,"payload":`` is all of the schema."""
    try:
        return bool(orjson.loads(text) == schema)
    except orjson.JSONDecodeError:
        return False
