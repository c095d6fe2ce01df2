"""The shop's events: all that its services share. Nobody imports anything else of another."""

from __future__ import annotations

import pyarrow as pa

from event_log import INSTANT, Category, Effect, EventType, Upcaster, filled, renamed

OF_THE_CART = [("customer", pa.string()), ("email", pa.string()), ("checked_out_at", INSTANT)]
"""What a cart is: these stay until an event changes them."""
OF_A_LINE = [("sku", pa.string()), ("title", pa.string()), ("quantity", pa.int64())]
"""What an event of a cart says of one of its lines: it belongs to that event."""
TYPES = (
    EventType("CartOpened", Effect.CREATES, ("customer", "email")),
    EventType("QuantityChanged", Effect.REVISES, ("sku", "quantity")),
    EventType("ItemRemoved", Effect.REVISES, ("sku",)),
    EventType("CartCheckedOut", Effect.REVISES, ("checked_out_at",)),
)
PRICED_ONCE = pa.schema([*OF_A_LINE, ("price", pa.int64())])
PRICED = pa.schema([*OF_A_LINE, ("amount", pa.int64()), ("currency", pa.string())])
"""Money is whole numbers of the currency's smallest unit: 1250 EUR are 12.50 euros."""

CART_1 = Category(
    "cart",
    pa.schema(OF_THE_CART),
    (EventType("ItemAdded", Effect.REVISES, ("sku", "title", "quantity", "price")), *TYPES),
    annotations=PRICED_ONCE,
)
"""Carts as the shop first had them, when every price was in euros."""

CART = Category(
    "cart",
    pa.schema(OF_THE_CART),
    (
        EventType("ItemAdded", Effect.REVISES, ("sku", "title", "quantity", "amount", "currency")),
        *TYPES,
    ),
    schema_version=2,
    upcasters={
        1: Upcaster(
            CART_1.carried, renamed("price", "amount"), filled("currency", "EUR", ["ItemAdded"])
        )
    },
    annotations=PRICED,
)
"""Carts as they are now. An ``ItemAdded`` of version 1 is read as one of version 2."""

CHECK = Category(
    "check",
    pa.schema([("cart_id", pa.string()), ("customer", pa.string()), ("reason", pa.string())]),
    (
        EventType("CheckoutApproved", Effect.CREATES, ("cart_id", "customer")),
        EventType("CheckoutBlocked", Effect.CREATES, ("cart_id", "customer", "reason")),
    ),
)
"""What fraud decides of a cart: the stream of ``cart/7`` is ``check/7``."""

INVOICE = Category(
    "invoice",
    pa.schema(
        [
            ("cart_id", pa.string()),
            ("customer", pa.string()),
            ("number", pa.int64()),
            ("amount", pa.int64()),
            ("currency", pa.string()),
            ("lines", pa.list_(pa.string())),
        ]
    ),
    (EventType("InvoiceIssued", Effect.CREATES, ("cart_id", "number", "amount", "currency")),),
)
"""What billing issues: the stream of ``cart/7`` is ``invoice/7``."""

EVENTS = (CART, CHECK, INVOICE)
EVENTS_1 = (CART_1, CHECK, INVOICE)


def money(amount: int, currency: str) -> str:
    """An amount for people.

    >>> money(1250, "EUR")
    '12.50 EUR'
    """
    return f"{amount // 100}.{amount % 100:02} {currency}"
