"""Demand: for how much each item was put into carts, by currency."""

from __future__ import annotations

import sqlite3

from connectors import Message, Subscriber
from examples.shopping_cart.events import EVENTS
from examples.shopping_cart.running import Started

TABLES = (
    "CREATE TABLE demand (sku TEXT, currency TEXT, amount INTEGER, PRIMARY KEY (sku, currency))"
)


def apply(message: Message, model: sqlite3.Connection) -> None:
    """Count an item when it is added; an addition of version 1 comes in its newest form."""
    if message.type == "ItemAdded":
        said = message.data
        model.execute(
            "INSERT INTO demand VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            (said["sku"], said["currency"], said["quantity"] * said["amount"]),
        )


def main() -> None:
    """Run until it is stopped."""
    me = Started.by_command("demand")
    me.run(Subscriber(me.database, apply, TABLES, tell=me.tell), EVENTS)


if __name__ == "__main__":
    main()
