"""The shop as a domain of Stet: its carts and invoices are documents, and found by a search."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from event_log import NewEvent
from examples.shopping_cart.events import EVENTS
from replay import HISTORY, Domain, Entities, Entity, Refused, View, chosen, visible

LINES = ("ItemAdded", "QuantityChanged", "ItemRemoved")


def carts(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document for each cart: whose it is, and what is in it."""
    found = visible(state, "cart", keys)
    held = _in_carts(state, keys)
    found = found.left_join(held, found.id == held.cart)
    return found.select(
        "id", "customer", "checked_out_at", "currency", "amount", items=found.titles
    )


def _in_carts(state: Entities, keys: ir.Table | None) -> ir.Table:
    """What each cart holds: the last event of an item says how many, its addition for how much."""
    events = chosen(state.events("cart").mutate(id=ibis._.stream), keys)
    events = events.filter(events.type.isin(LINES))
    added = events.type == "ItemAdded"
    items = events.group_by(cart=events.stream, sku=events.sku).agg(
        first=events.sequence.min(),
        quantity=ibis.cases((events.type == "ItemRemoved", 0), else_=events.quantity).argmax(
            events.sequence
        ),
        title=events.title.argmax(events.sequence, where=added),
        price=events.amount.argmax(events.sequence, where=added),
        currency=events.currency.argmax(events.sequence, where=added),
    )
    held = items.filter(items.quantity > 0)
    return held.group_by("cart").agg(
        titles=held.title.collect(order_by=held.first),
        amount=(held.price * held.quantity).sum().cast("int64"),
        currency=held.currency.max(),
    )


def lineage_of_carts(state: Entities, keys: ir.Table | None) -> ir.Table:
    """Each cart's document is computed from that cart alone."""
    return chosen(state.entities("cart"), keys).select("id", entity="id")


def invoices(state: Entities, keys: ir.Table | None) -> ir.Table:
    """One document for each invoice."""
    found = visible(state, "invoice", keys)
    return found.select("id", "cart_id", "customer", "number", "amount", "currency", "lines")


def lineage_of_invoices(state: Entities, keys: ir.Table | None) -> ir.Table:
    """Each invoice's document is computed from that invoice alone."""
    return chosen(state.entities("invoice"), keys).select("id", entity="id")


CARTS = View(
    name="carts",
    code_version=1,
    documents=carts,
    lineage=lineage_of_carts,
    title="customer",
    text={"customer": ("customer",), "items": ("items",)},
    filters={"id": "id", "customer": "customer"},
    date="checked_out_at",
    embargo=False,  # a clock that runs ahead hides no cart
    per="cart",
)
INVOICES = View(
    name="invoices",
    code_version=1,
    documents=invoices,
    lineage=lineage_of_invoices,
    title="customer",
    text={"customer": ("customer",), "lines": ("lines",)},
    filters={"id": "id", "customer": "customer", "currency": "currency", "cart": "cart_id"},
    per="invoice",
)


def check(cart: Entity, event: NewEvent) -> None:
    """Refuse less than one of an item, and any change of a cart that is checked out."""
    if cart.stream.startswith("cart/") and cart.fields.get("checked_out_at"):
        raise Refused(f"{cart.stream} is checked out; open another cart")
    quantity = event.data.get("quantity")
    if isinstance(quantity, int) and quantity < 1:
        raise Refused(f"data.quantity: {quantity} is too few for {cart.stream}; give 1 or more")


DOMAIN = Domain(
    name="shopping_cart",
    categories=EVENTS,
    references={"check": {"cart_id": "cart"}, "invoice": {"cart_id": "cart"}},
    views=[CARTS, INVOICES, HISTORY],
    rules=check,
)
