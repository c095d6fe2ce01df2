"""Billing: an invoice for each cart that is checked out and that fraud approved."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from connectors import Message, SideEffect, Subscriber, append_to
from examples.shopping_cart.events import EVENTS, INVOICE, money
from examples.shopping_cart.running import Started

TABLES = """
CREATE TABLE carts (cart TEXT PRIMARY KEY, customer TEXT, checked_out INTEGER NOT NULL DEFAULT 0,
    approval TEXT, number INTEGER);
CREATE TABLE lines (cart TEXT, sku TEXT, title TEXT NOT NULL, quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, PRIMARY KEY (cart, sku));
CREATE TABLE invoices (number INTEGER PRIMARY KEY, cart TEXT NOT NULL UNIQUE,
    customer TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL);
"""


def apply(message: Message, model: sqlite3.Connection) -> Iterator[SideEffect]:
    """An invoice waits for two events, the check-out and the approval, in whichever order."""
    data, cart = message.data, message.stream
    if message.type == "CartOpened":
        model.execute(
            "INSERT INTO carts (cart, customer) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET customer = excluded.customer",
            (cart, data["customer"]),
        )
    elif message.type in ("ItemAdded", "QuantityChanged", "ItemRemoved"):
        _change_lines(message, model)
    elif message.type == "CartCheckedOut":
        model.execute("UPDATE carts SET checked_out = 1 WHERE cart = ?", (cart,))
        yield from _invoice(model, cart)
    elif message.type == "CheckoutApproved":
        model.execute(
            "INSERT INTO carts (cart, approval, number) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET approval = excluded.approval, number = excluded.number",
            (data["cart_id"], message.event_id, message.sequence),
        )
        yield from _invoice(model, data["cart_id"])
    elif message.type == "InvoiceIssued":  # its own event comes back: what the log has counts
        model.execute(
            "INSERT INTO invoices VALUES (?, ?, ?, ?, ?)",
            (data["number"], data["cart_id"], data["customer"], data["amount"], data["currency"]),
        )


def _change_lines(message: Message, model: sqlite3.Connection) -> None:
    data, cart = message.data, message.stream
    if data.get("quantity", 1) < 1:
        raise ValueError(f"{data['quantity']} of {data['sku']} cannot be billed")
    if message.type == "ItemAdded":
        line = (cart, *(data[n] for n in ("sku", "title", "quantity", "amount", "currency")))
        model.execute("INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?)", line)
    elif message.type == "QuantityChanged":
        model.execute(
            "UPDATE lines SET quantity = ? WHERE cart = ? AND sku = ?",
            (data["quantity"], cart, data["sku"]),
        )
    else:
        model.execute("DELETE FROM lines WHERE cart = ? AND sku = ?", (cart, data["sku"]))


def _invoice(model: sqlite3.Connection, cart: str) -> Iterator[SideEffect]:
    """The invoice of a cart, once both events are there.

    Its id is made from the approval's, and its number is the approval's place in the log. Both are
    the same on each replay, which a counter would not be.
    """
    customer, ready, approval, number = model.execute(
        "SELECT customer, checked_out, approval, number FROM carts WHERE cart = ?", (cart,)
    ).fetchone()
    if not ready or approval is None:
        return
    lines = model.execute(
        "SELECT title, quantity, amount, currency FROM lines WHERE cart = ? ORDER BY sku", (cart,)
    ).fetchall()
    currencies = {currency for *_, currency in lines}
    if len(currencies) > 1:
        raise ValueError(f"{cart} is in {' and '.join(sorted(currencies))}; one invoice has one")
    currency = currencies.pop() if currencies else "EUR"
    said = {
        "cart_id": cart,
        "customer": customer,
        "number": number,
        "amount": sum(quantity * amount for _, quantity, amount, _ in lines),
        "currency": currency,
        "lines": [
            f"{quantity} x {title}, {money(amount, c)}" for title, quantity, amount, c in lines
        ],
    }
    stream = "invoice/" + cart.removeprefix("cart/")
    yield SideEffect.event(stream, "InvoiceIssued", said, cause=approval)


def main() -> None:
    """Run until it is stopped."""
    me = Started.by_command("billing")
    billing = Subscriber(me.database, apply, TABLES, append_to(me.log([INVOICE])), me.tell)
    me.run(billing, EVENTS)


if __name__ == "__main__":
    main()
