"""Letters: tells customers by mail what they owe, or that their order is held."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from connectors import Message, SideEffect, Subscriber
from examples.shopping_cart.events import EVENTS, money
from examples.shopping_cart.mail_folder import MailFolder
from examples.shopping_cart.running import Started

TABLES = """
CREATE TABLE addresses (cart TEXT PRIMARY KEY, customer TEXT NOT NULL, email TEXT NOT NULL);
CREATE TABLE letters (about TEXT PRIMARY KEY, email TEXT NOT NULL, subject TEXT NOT NULL);
"""


def apply(message: Message, model: sqlite3.Connection) -> Iterator[SideEffect]:
    """A letter for each invoice, and for each order that fraud blocks."""
    data = message.data
    if message.type == "CartOpened":
        model.execute(
            "INSERT INTO addresses VALUES (?, ?, ?)",
            (message.stream, data["customer"], data["email"]),
        )
    elif message.type == "InvoiceIssued":
        owed = money(data["amount"], data["currency"])
        text = "\n".join([*data.get("lines", ()), f"Please pay {owed}."])
        yield _letter(message, model, f"Your invoice {data['number']}", text)
    elif message.type == "CheckoutBlocked":
        yield _letter(message, model, "Your order is held", "Please call us.")


def _letter(message: Message, model: sqlite3.Connection, subject: str, text: str) -> SideEffect:
    cart = message.data["cart_id"]
    found = model.execute(
        "SELECT customer, email FROM addresses WHERE cart = ?", (cart,)
    ).fetchone()
    if found is None:
        raise LookupError(f"{cart} has no address yet")
    customer, email = found
    model.execute("INSERT INTO letters VALUES (?, ?, ?)", (message.stream, email, subject))
    return SideEffect("letter", {"to": f"{customer} <{email}>", "subject": subject, "text": text})


def main() -> None:
    """Run until it is stopped."""
    me = Started.by_command("letters")
    mail = MailFolder(me.home / "mail")
    letters = Subscriber(me.database, apply, TABLES, mail.send, me.tell)
    me.run(letters, EVENTS)


if __name__ == "__main__":
    main()
