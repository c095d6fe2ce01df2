"""Demand as it was when every price was in euros: a program that nobody has replaced yet."""

from __future__ import annotations

import sqlite3

from connectors import Message, Subscriber
from examples.shopping_cart.events import EVENTS_1
from examples.shopping_cart.running import Started

TABLES = (
    "CREATE TABLE demand (sku TEXT, currency TEXT, amount INTEGER, PRIMARY KEY (sku, currency))"
)


def apply(message: Message, model: sqlite3.Connection) -> None:
    """Count an item when it is added, in euros: it knows nothing else."""
    if message.type == "ItemAdded":
        said = message.data
        model.execute(
            "INSERT INTO demand VALUES (?, 'EUR', ?)"
            " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            (said["sku"], said["quantity"] * said["price"]),
        )


def main() -> None:
    """Run until it is stopped, or until an event comes that it would misread."""
    me = Started.by_command("demand")
    me.run(Subscriber(me.database, apply, TABLES, tell=me.tell), EVENTS_1)


if __name__ == "__main__":
    main()
