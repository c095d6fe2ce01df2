"""Orders: a domain of one category and two views."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa

from event_log import INSTANT, Category, Effect, EventType, NewEvent
from replay import HISTORY, Domain, Entities, Entity, Refused, View, chosen, visible

ORDER = Category(
    "order",
    pa.schema(
        [
            ("item", pa.string()),
            ("quantity", pa.int64()),
            ("shop", pa.string()),
            ("ordered_at", INSTANT),
            ("replaces_id", pa.string()),
        ]
    ),
    (
        EventType("NewOrderEvent", Effect.CREATES, ("quantity",)),
        EventType("ModifyOrderEvent", Effect.REVISES),
        EventType("CancelOrderEvent", Effect.REMOVES),
    ),
)


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document for each order that was not cancelled."""
    orders = visible(state, "order", keys)
    return orders.select("id", "item", "quantity", "shop", "ordered_at", "replaces_id")


def lineage(state: Entities, keys: ir.Table | None) -> ir.Table:
    """Each order's document is computed from that order alone."""
    return chosen(state.entities("order"), keys).select("id", entity="id")


ORDERS = View(
    name="orders",
    code_version=1,
    documents=documents,
    lineage=lineage,
    title="item",
    text={"item": ("item",)},
    filters={"id": "id", "shop": "shop"},
    date="ordered_at",
    per="order",
)


def check(current: Entity, event: NewEvent) -> None:
    """Refuse an order of less than one item."""
    quantity = event.data.get("quantity")
    if isinstance(quantity, int) and quantity < 1:
        raise Refused(f"data.quantity: {quantity} is too few for {current.stream}; give 1 or more")


DOMAIN = Domain(
    name="orders",
    categories=[ORDER],
    references={"order": {"replaces_id": "order"}},
    views=[ORDERS, HISTORY],
    rules=check,
    sample=Path(__file__).with_name("sample"),
)
