"""What a message of Debezium says: on what it really wrote, and on what nobody should write."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.debezium.change import (
    Boundary,
    Change,
    Ignored,
    Message,
    Origin,
    OutboxEvent,
    PoisonMessage,
)
from connectors.debezium.envelope import Reading, read_message
from connectors.debezium.identity import event_id, id_of_removal
from connectors.debezium.schema import decimal

Captured = Callable[[str], list[Message]]
FULL = Reading(full=frozenset({"public.article"}))
WITH_AND_WITHOUT = ("", ".schemas")


def changes(messages: list[Message], reading: Reading | None = None) -> list[Change]:
    said = [read_message(message, reading or Reading()) for message in messages]
    return [each for each in said if isinstance(each, Change)]


def message(value: Any, key: Any = None, topic: str = "cms", offset: int = 0) -> Message:
    text = value if isinstance(value, bytes) else orjson.dumps(value)
    return Message(Origin(topic, "T", 0, offset), None if key is None else orjson.dumps(key), text)


def enveloped(after: Any, op: str = "c", before: Any = None, **source: Any) -> dict[str, Any]:
    told = {"name": "cms", "schema": "public", "table": "tag", "lsn": 25, "txId": 7} | source
    return {"op": op, "before": before, "after": after, "source": told}


@pytest.mark.parametrize("schemas", WITH_AND_WITHOUT)
def test_before_is_the_key_alone_where_the_rest_is_made_up(
    captured: Captured, schemas: str
) -> None:
    found = changes(captured(f"default_identity{schemas}"))
    assert [change.op for change in found] == list("ccuudcdc")
    assert [change.before for change in found if change.op == "d"] == [{"id": 2}, {"id": 1}]
    assert all(change.before is None for change in found if change.op != "d")


def test_before_is_whole_where_the_mapping_says_that_the_identity_is_full(
    captured: Captured,
) -> None:
    found = changes(captured("full_identity"), FULL)
    updated = next(change for change in found if change.op == "u")
    assert updated.before is not None
    assert updated.before["headline"] == "Two Planes"
    deleted = next(change for change in found if change.op == "d")
    assert deleted.before is not None
    assert deleted.before["headline"] == "A Fire"
    assert all(c.before is None or c.op == "d" for c in changes(captured("full_identity")))


@pytest.mark.parametrize("schemas", WITH_AND_WITHOUT)
def test_a_change_of_the_key_tells_the_other_key_and_names_its_first_half(
    captured: Captured, schemas: str
) -> None:
    found = changes(captured(f"default_identity{schemas}"))
    gone, come = next((one, two) for one, two in pairwise(found) if two.old_key is not None)
    assert (gone.op, gone.key, gone.new_key) == ("d", {"id": 2}, {"id": 7})
    assert (come.op, come.key, come.old_key) == ("c", {"id": 7}, {"id": 2})
    assert gone.lsn == come.lsn
    assert id_of_removal(come, "article/2") == event_id(gone, "article/2")
    for change in (gone, come):
        change.order = None  # as without transaction metadata
    assert id_of_removal(come, "article/2") == event_id(gone, "article/2")


@pytest.mark.parametrize("schemas", WITH_AND_WITHOUT)
def test_long_values_that_did_not_change_are_not_given(captured: Captured, schemas: str) -> None:
    made, renamed, shortened, _, moved, _ = changes(captured(f"toast{schemas}"))
    columns = {"body", "picture", "tags", "counts", "more", "more_text"}
    assert made.withheld == frozenset()
    assert columns <= set(made.after or ())
    assert renamed.withheld == columns
    assert renamed.after == {"id": 1, "headline": "still long"}
    assert shortened.after == {"id": 1, "headline": "still long", "body": "short"}
    assert moved.withheld == columns - {"body"}
    assert moved.old_key == {"id": 1}


def test_a_text_that_only_speaks_of_the_placeholder_is_a_value() -> None:
    told = {"id": 1, "name": "__debezium_unavailable_value, they call it", "kind": ["", None]}
    change = read_message(message(enveloped(told), {"id": 1}))
    assert isinstance(change, Change)
    assert change.after == told
    assert not change.withheld


def test_a_withheld_value_is_taken_from_before_where_that_is_true() -> None:
    after = {"id": 1, "name": "Sea", "note": "__debezium_unavailable_value"}
    before = {"id": 1, "name": "See", "note": "long"}
    reading = Reading(full=frozenset({"public.tag"}))
    change = read_message(message(enveloped(after, "u", before), {"id": 1}), reading)
    assert isinstance(change, Change)
    assert change.after == {"id": 1, "name": "Sea", "note": "long"}
    assert not change.withheld


def test_a_truncation_has_neither_key_nor_line(captured: Captured) -> None:
    found = [c for c in changes(captured("truncate")) if c.op == "t"]
    assert [(c.table, c.key, c.before, c.after) for c in found] == [
        ("public.article", None, None, None),
        ("public.byline_of", None, None, None),
    ]


def test_a_table_without_a_key_tells_its_lines_whole(captured: Captured) -> None:
    found = changes(captured("no_primary_key"))
    assert {c.key is None for c in found} == {True}
    assert [c.before for c in found if c.op == "d"] == [{"article_id": 1, "said": "twice"}] * 2


def test_what_a_snapshot_read_is_known_by_where_its_message_lies(captured: Captured) -> None:
    for name in ("snapshot", "incremental_snapshot"):
        found = changes(captured(name))
        read = [change for change in found if change.op == "r"]
        assert read
        assert {change.transaction for change in read} == {None}
        assert all(change.snapshot for change in read)
        assert all(change.snapshot is None for change in found if change.op != "r")
        assert len({event_id(change, "article/1") for change in read}) == len(read)
        again = replace(read[0], origin=read[0].origin._replace(topic_id="made again"))
        assert event_id(again, "article/1") != event_id(read[0], "article/1")


@pytest.mark.parametrize("snapshot", [None, "false", False])
def test_what_was_streamed_is_no_snapshot_however_it_is_said(snapshot: Any) -> None:
    change = read_message(message(enveloped({"id": 1}, snapshot=snapshot), {"id": 1}))
    assert isinstance(change, Change)
    assert (change.snapshot, change.transaction) == (None, "7")


def test_lines_of_one_transaction_have_one_name_for_it_and_its_end_counts_them(
    captured: Captured,
) -> None:
    said = [read_message(each) for each in captured("transactions")]
    ends = [each for each in said if isinstance(each, Boundary) and each.status == "END"]
    lines = [each for each in said if isinstance(each, Change)]
    counted = {
        end.transaction: sum(change.transaction == end.transaction for change in lines)
        for end in ends
    }
    assert counted == {end.transaction: end.count for end in ends}
    assert sum(counted.values()) == len(lines)
    assert len({(c.transaction, c.order) for c in lines}) == len(lines)


def test_a_change_that_is_sent_again_has_the_same_id_and_no_other_has(captured: Captured) -> None:
    """Lines that were copied in share their lsn; those of other transactions share their order."""
    messages = captured("transactions")
    later = [replace(each, origin=each.origin._replace(offset=900)) for each in messages]
    ids = [event_id(change, "article/1") for change in changes(messages)]
    assert ids == [event_id(change, "article/1") for change in changes(later)]
    assert len(set(ids)) == len(ids)
    keyed = [replace(c, order=None) for c in changes(messages)]
    assert len({event_id(change, "article/1") for change in keyed}) == len(ids)


def test_types_are_decoded_by_their_schema(captured: Captured) -> None:
    first = changes(captured("types.schemas"))[0].after or {}
    assert first["a_date"] == date(2026, 1, 2)
    assert first["a_timestamp"] == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert first["a_timestamp_ms"] == datetime(2026, 1, 2, 3, 4, 5, 123000, UTC)
    assert first["a_bytea"] == b"\0\xff\x10"
    assert first["dates"] == [date(2026, 1, 2)]
    assert first["a_time"] == "23:59:59.123456"
    assert first["with_default"] is None
    other = changes(captured("other_forms.schemas"))[0].after or {}
    assert other["a_numeric"] == Decimal("99.90")
    assert other["a_free_numeric"] == Decimal("12345678901234567890.000000001")
    assert other["numerics"] == [Decimal("1.50"), Decimal("2.00")]


def test_a_schema_is_planned_once_and_says_the_same_the_second_time(captured: Captured) -> None:
    once, twice = changes(captured("types.schemas")), changes(captured("types.schemas"))
    assert [repr(c.after) for c in once] == [repr(c.after) for c in twice]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_a_decimal_keeps_all_its_digits(number: Decimal) -> None:
    unscaled = int(number.scaleb(3)) if abs(number) < 10**20 else None
    if unscaled is None:
        unscaled = int(str(number).replace(".", ""))
    size = (unscaled.bit_length() // 8) + 1
    text = b64encode(unscaled.to_bytes(size, "big", signed=True)).decode()
    assert decimal(text, 3) == Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -3))


def test_messages_that_say_nothing_are_ignored_with_the_reason(captured: Captured) -> None:
    said = [read_message(each) for each in captured("heartbeats")]
    assert {each.why for each in said if isinstance(each, Ignored)} == {"a heartbeat"}
    said = [read_message(each) for each in captured("default_identity")]
    assert {each.why for each in said if isinstance(each, Ignored)} == {"a tombstone"}
    said = [read_message(each) for each in captured("messages")]
    assert {each.why for each in said if isinstance(each, Ignored)} == {
        "a message with the prefix 'article/a'",
        "a message with the prefix 'alone'",
    }


def outbox(messages: list[Message], reading: Reading) -> list[OutboxEvent]:
    said = [read_message(each, reading) for each in messages]
    return [each for each in said if isinstance(each, OutboxEvent)]


def test_an_outbox_says_the_same_as_a_table_and_through_the_router(captured: Captured) -> None:
    tables = outbox(captured("outbox_table"), Reading(outbox="public.outbox"))
    assert [(e.aggregate, e.aggregate_id, e.type, e.payload) for e in tables] == [
        (
            "article",
            "two-planes",
            "ArticlePublished",
            {"headline": "Two Planes", "abstract": "By night."},
        ),
        ("article", "two-planes", "ArticleRetracted", {}),
    ]
    for schemas in WITH_AND_WITHOUT:
        routed = outbox(
            captured(f"outbox_routed{schemas}"), Reading(routed=r"cms\.(outbox)|article")
        )
        assert [(e.event_id, e.type, e.payload) for e in routed] == [
            (e.event_id, e.type, e.payload) for e in tables
        ]


def test_an_event_in_the_wal_needs_only_stream_and_type() -> None:
    said = {"stream": "tag/sea", "type": "TagDefined", "data": {"name": "Sea"}}
    told = {
        "op": "m",
        "source": {"name": "cms", "lsn": 9, "txId": 7, "schema": "", "table": ""},
        "message": {"prefix": "stet", "content": b64encode(orjson.dumps(said)).decode()},
    }
    (event,) = outbox([message(told)], Reading(prefix="stet"))
    (again,) = outbox([message(told, offset=8)], Reading(prefix="stet"))
    assert (event.aggregate, event.aggregate_id, event.payload) == ("tag", "sea", {"name": "Sea"})
    assert event.event_id == again.event_id
    told["source"]["lsn"] = 10
    (other,) = outbox([message(told)], Reading(prefix="stet"))
    assert other.event_id != event.event_id


def emitted(**source: Any) -> dict[str, Any]:
    """An event in the WAL."""
    content = b64encode(b'{"stream":"tag/sea","type":"TagDefined"}').decode()
    told = {"name": "cms", "lsn": 9, "txId": 7} | source
    return {"op": "m", "source": told, "message": {"prefix": "stet", "content": content}}


def test_an_event_of_a_router_has_no_time_where_kafka_knows_none() -> None:
    routed = message({"name": "Sea"}, "sea")
    routed.headers = [("id", b"1"), ("eventType", b"TagDefined")]
    times = []
    for at in (-1, None, 1_700_000_000_000):
        routed.at = at
        times += [event.at for event in outbox([routed], Reading(routed="cms"))]
    assert times == [None, None, 1_700_000_000_000_000]


CLOCK = {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTime"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (emitted(ts_us={}), "ts_us is {}, not a number"),
        (emitted(ts_us=10**18), "no time at which something happened"),
        (emitted() | {"transaction": {"id": "7", "total_order": "x"}}, "total_order is 'x'"),
        (
            {
                "schema": {"fields": [{"field": "after", "fields": [CLOCK]}]},
                "payload": enveloped({"id": 1, "at": 2**63 - 1}),
            },
            "does not have the form",
        ),
        (b"\0\0\0\0\1abc", "in the binary form of a schema registry"),
        (b"{", "is not JSON"),
        (b"7", "no object"),
        ({"id": 7, "name": "Sea"}, "ExtractNewRecordState"),
        (enveloped({"id": 1}, "x"), "op is 'x'"),
        (enveloped(None), "there is no after"),
        (enveloped(None, "d"), "neither a key nor a before"),
        ({"op": "c", "after": {}, "source": {"name": "cms"}}, "lacks 'table'"),
        ({"op": "c", "after": {}, "source": 7}, "does not have the form"),
        ({"schema": {"fields": [7]}, "payload": {}}, "its schema is none of Kafka Connect's"),
    ],
)
def test_a_poison_message_is_told_with_its_place(value: Any, reason: str) -> None:
    with pytest.raises(PoisonMessage, match=r"cms, partition 0, offset 1,234: ") as error:
        read_message(message(value, offset=1234), Reading(prefix="stet"))
    assert reason in str(error.value)


@given(
    st.binary(max_size=60)
    | st.builds(
        orjson.dumps,
        st.recursive(
            st.none() | st.integers(-5, 5) | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "op",
                            "source",
                            "after",
                            "before",
                            "schema",
                            "payload",
                            "fields",
                            "id",
                            "status",
                            "message",
                            "table",
                            "name",
                            "transaction",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        ),
    )
)
def test_no_message_whatsoever_ends_the_reading_otherwise(value: bytes) -> None:
    with suppress(PoisonMessage):
        read_message(message(value, {"id": 1}), Reading(outbox="public.outbox", prefix="p"))
