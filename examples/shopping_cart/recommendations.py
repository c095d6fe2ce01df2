"""Recommendations: which items are bought together. It joined the shop last."""

from __future__ import annotations

import sqlite3

from connectors import Message, Subscriber
from examples.shopping_cart.events import EVENTS
from examples.shopping_cart.running import Started

TABLES = """
CREATE TABLE lines (cart TEXT, sku TEXT, PRIMARY KEY (cart, sku));
CREATE TABLE together (sku TEXT, other TEXT, carts INTEGER NOT NULL, PRIMARY KEY (sku, other));
"""


def apply(message: Message, model: sqlite3.Connection) -> None:
    """Count the pairs of a cart when it is checked out."""
    if message.type == "ItemAdded":
        line = (message.stream, message.data["sku"])
        model.execute("INSERT OR IGNORE INTO lines VALUES (?, ?)", line)
    elif message.type == "ItemRemoved":
        line = (message.stream, message.data["sku"])
        model.execute("DELETE FROM lines WHERE cart = ? AND sku = ?", line)
    elif message.type == "CartCheckedOut":
        model.execute(
            "INSERT INTO together SELECT a.sku, b.sku, 1 FROM lines a, lines b"
            " WHERE a.cart = ?1 AND b.cart = ?1 AND a.sku < b.sku"
            " ON CONFLICT DO UPDATE SET carts = carts + 1",
            (message.stream,),
        )


def main() -> None:
    """Run until it is stopped."""
    me = Started.by_command("recommendations")
    me.run(Subscriber(me.database, apply, TABLES, tell=me.tell), EVENTS)


if __name__ == "__main__":
    main()
