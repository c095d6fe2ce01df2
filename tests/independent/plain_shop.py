"""The shop's models by a plain fold of twenty lines, what its services have, and made-up histories.

It uses nothing of the services of ``examples.shopping_cart``.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from itertools import combinations
from pathlib import Path
from typing import Any

from event_log import Event, NewEvent

SKUS = ("atlas", "cup", "lamp", "moby", "rope", "tea")
HOUR = timedelta(hours=1)


@dataclass
class Shop:
    """All that the services know, as plain values."""

    verdicts: dict[str, str] = field(default_factory=dict)
    invoices: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    letters: Counter[tuple[str, str]] = field(default_factory=Counter)
    together: Counter[tuple[str, str]] = field(default_factory=Counter)


def fold(events: Iterable[Event]) -> Shop:
    """What there is to be: verdicts by the carts alone, and an invoice for each approval."""
    shop, who, lines, times = Shop(), {}, defaultdict[str, Any](dict), defaultdict(list)
    for event in events:
        cart, said = event.stream, event.data
        match event.type:
            case "CartOpened":
                who[cart] = said["customer"], said["email"]
            case "ItemAdded":
                lines[cart][said["sku"]] = [said["quantity"], said["amount"], said["currency"]]
            case "QuantityChanged":
                lines[cart][said["sku"]][0] = said["quantity"]
            case "ItemRemoved":
                del lines[cart][said["sku"]]
            case "CartCheckedOut":
                at, known = said["checked_out_at"], times[who[cart][0]]
                known.append(at)
                often = sum(at - HOUR < each <= at for each in known) > 3
                shop.verdicts[cart] = "blocked" if often else "approved"
                shop.together.update(combinations(sorted(lines[cart]), 2))
                if often:
                    shop.letters[who[cart][1], "Your order is held"] += 1
            case "CheckoutApproved":
                cart, owed = said["cart_id"], lines[said["cart_id"]].values()
                amount, currency = sum(q * a for q, a, _ in owed), {c for *_, c in owed} or {"EUR"}
                shop.invoices[cart] = (event.sequence, who[cart][0], amount, *currency)
                shop.letters[who[cart][1], f"Your invoice {event.sequence}"] += 1
    return shop


def services(home: Path) -> Shop:
    """What the services have in their stores, and in the mail folder."""
    shop = Shop()
    shop.verdicts.update(_asked(home, "fraud", "SELECT cart, verdict FROM decisions"))
    sql = "SELECT cart, number, customer, amount, currency FROM invoices"
    shop.invoices.update({cart: tuple(rest) for cart, *rest in _asked(home, "billing", sql)})
    for path in (home / "mail" / "new").iterdir():
        letter = message_from_bytes(path.read_bytes())
        shop.letters[letter["To"].partition("<")[2].rstrip(">"), letter["Subject"]] += 1
    noted = Counter(_asked(home, "letters", "SELECT email, subject FROM letters"))
    assert noted == shop.letters, "the model of letters is not what was sent"
    pairs = _asked(home, "recommendations", "SELECT sku, other, carts FROM together")
    shop.together.update({(sku, other): carts for sku, other, carts in pairs})
    return shop


def appended(events: Iterable[Event]) -> Shop:
    """What the services have appended to the log; each event of theirs names its cause."""
    shop, causes = Shop(), {}
    for event in events:
        causes[event.event_id] = event
        match event.type:
            case "CheckoutApproved" | "CheckoutBlocked":
                assert event.data["cart_id"] not in shop.verdicts
                assert causes[event.causation_id].type == "CartCheckedOut"
                verdict = event.type.removeprefix("Checkout").lower()
                shop.verdicts[event.data["cart_id"]] = verdict
            case "InvoiceIssued":
                assert event.data["cart_id"] not in shop.invoices
                assert causes[event.causation_id].type == "CheckoutApproved"
                names = ("number", "customer", "amount", "currency")
                shop.invoices[event.data["cart_id"]] = tuple(event.data[n] for n in names)
    return shop


def _asked(home: Path, name: str, sql: str) -> list[tuple[Any, ...]]:
    path = home / "services" / f"{name}.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def history(seed: int, carts: int, prefix: str = "") -> list[NewEvent]:
    """A made-up history of so many carts, whose events are mixed as customers come and go."""
    chance = random.Random(seed)
    waiting = [_cart(f"cart/{prefix}{seed}-{n}", chance) for n in range(carts)]
    mixed: list[NewEvent] = []
    while waiting:
        some = chance.choice(waiting)
        mixed.append(some.pop(0))
        waiting = [each for each in waiting if each]
    return mixed


def _cart(cart: str, chance: random.Random) -> list[NewEvent]:
    customer = chance.choice(("ana", "bo", "cyd", "mallory", "mallory"))
    opened = {"customer": customer, "email": f"{customer}@mail.example"}
    events, held = [NewEvent(cart, "CartOpened", opened)], set[str]()
    for _ in range(chance.randint(0, 6)):
        sku, quantity = chance.choice(SKUS), chance.randint(1, 4)
        if sku in held and chance.random() < 0.4:
            held.remove(sku)
            events.append(NewEvent(cart, "ItemRemoved", {"sku": sku}))
        elif sku in held:
            said = {"sku": sku, "quantity": quantity}
            events.append(NewEvent(cart, "QuantityChanged", said))
        else:
            held.add(sku)
            priced = {"amount": chance.randint(1, 9_999), "currency": "EUR"}
            said = {"sku": sku, "title": sku.title(), "quantity": quantity, **priced}
            events.append(NewEvent(cart, "ItemAdded", said))
    if chance.random() < 0.8:
        at = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=chance.randint(0, 600))
        events.append(NewEvent(cart, "CartCheckedOut", {"checked_out_at": at}))
    return events
