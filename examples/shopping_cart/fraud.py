"""Fraud: how often each customer checks out; who does so too often is blocked before billing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors import Message, SideEffect, Subscriber, append_to
from examples.shopping_cart.events import CHECK, EVENTS
from examples.shopping_cart.running import Started

MOST = 3
"""The most check-outs of one customer in an hour."""
HOUR = timedelta(hours=1)
TABLES = """
CREATE TABLE carts (cart TEXT PRIMARY KEY, customer TEXT NOT NULL);
CREATE TABLE checkouts (cart TEXT PRIMARY KEY, customer TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX checkouts_customer ON checkouts (customer, at);
CREATE TABLE rates (customer TEXT PRIMARY KEY, most_an_hour INTEGER NOT NULL);
CREATE TABLE decisions (cart TEXT PRIMARY KEY, customer TEXT NOT NULL, verdict TEXT NOT NULL);
"""


def apply(message: Message, model: sqlite3.Connection) -> Iterator[SideEffect]:
    """Count by the times that the events say: a clock would decide otherwise on each replay."""
    data = message.data
    if message.type == "CartOpened":
        model.execute("INSERT INTO carts VALUES (?, ?)", (message.stream, data["customer"]))
    elif message.type == "CartCheckedOut":
        customer, rate = _counted(model, message.stream, data["checked_out_at"])
        yield _decision(message.stream, customer, rate)
    elif message.type in ("CheckoutApproved", "CheckoutBlocked"):  # as the log has it
        model.execute(
            "INSERT INTO decisions VALUES (?, ?, ?)",
            (data["cart_id"], data["customer"], message.type.removeprefix("Checkout").lower()),
        )


def _counted(model: sqlite3.Connection, cart: str, at: str) -> tuple[str, int]:
    """The customer of a cart, and how often they checked out in the hour up to then."""
    (customer,) = model.execute("SELECT customer FROM carts WHERE cart = ?", (cart,)).fetchone()
    now = datetime.fromisoformat(at)
    model.execute("INSERT INTO checkouts VALUES (?, ?, ?)", (cart, customer, now.isoformat()))
    (rate,) = model.execute(
        "SELECT count(*) FROM checkouts WHERE customer = ? AND at > ? AND at <= ?",
        (customer, (now - HOUR).isoformat(), now.isoformat()),
    ).fetchone()
    model.execute(
        "INSERT INTO rates VALUES (?, ?) ON CONFLICT DO UPDATE"
        " SET most_an_hour = max(most_an_hour, excluded.most_an_hour)",
        (customer, rate),
    )
    return customer, rate


def _decision(cart: str, customer: str, rate: int) -> SideEffect:
    check = "check/" + cart.removeprefix("cart/")
    said = {"cart_id": cart, "customer": customer}
    if rate <= MOST:
        return SideEffect.event(check, "CheckoutApproved", said)
    reason = f"{rate} check-outs in an hour, and {MOST} are the most"
    return SideEffect.event(check, "CheckoutBlocked", {**said, "reason": reason})


def main() -> None:
    """Run until it is stopped."""
    me = Started.by_command("fraud")
    fraud = Subscriber(me.database, apply, TABLES, append_to(me.log([CHECK])), me.tell)
    me.run(fraud, EVENTS)


if __name__ == "__main__":
    main()
