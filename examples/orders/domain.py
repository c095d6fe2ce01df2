"""Orders: the textbook domain of event sourcing, in one category and one view."""

from __future__ import annotations

import ibis.expr.types as ir
import pyarrow as pa

from event_log import Category, Effect, EventType
from views.entities import Entities
from views.view import View

ORDER = Category(
    "order",
    pa.schema([("item", pa.string()), ("quantity", pa.int64())]),
    (
        EventType("NewOrderEvent", Effect.CREATES, ("quantity",)),
        EventType("ModifyOrderEvent", Effect.REVISES),
        EventType("CancelOrderEvent", Effect.REMOVES),
    ),
)


def documents(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document an order that was not cancelled: its item and its quantity."""
    orders = state.entities("order")
    if keys is not None:
        orders = orders.semi_join(keys, "id")
    return orders.filter(orders.live).select("id", "item", "quantity")


def lineage(state: Entities, keys: ir.Table | None = None) -> ir.Table:
    """An order's document is made from that order alone."""
    orders = state.entities("order")
    if keys is not None:
        orders = orders.semi_join(keys, "id")
    return orders.select("id", entity="id")


ORDER_VIEW = View(
    name="orders",
    code_version=1,
    documents=documents,
    lineage=lineage,
    title="item",
    text={"item": ("item",)},
)
