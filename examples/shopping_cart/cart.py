"""The cart: the shop's front, where customers fill carts and check out.

Run as a program it plays some customers, the same ones for the same seed.
"""

from __future__ import annotations

import argparse
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archive import Archive
from event_log import WrongExpectedVersion
from examples.shopping_cart.domain import DOMAIN
from replay import Refused

CATALOGUE = {
    "moby": ("Moby-Dick", 1250),
    "atlas": ("Atlas of Whales", 4800),
    "lamp": ("Lamp without oil", 3990),
    "tea": ("Tea, 100 g", 495),
    "cup": ("Cup", 800),
    "rope": ("Rope, 10 m", 1120),
}
CUSTOMERS = ("ana", "bo", "cyd", "dee")
IN_A_HURRY = "mallory"
"""The customer who checks out one cart after the other."""
OPENING = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Tab:
    """A cart as one tab of a browser shows it: it changes the version that it has seen.

    Raises ``WrongExpectedVersion`` when another tab was quicker; ``reload`` then shows the cart as
    it is.
    """

    def __init__(self, archive: Archive, cart: str) -> None:
        self._archive, self.cart = archive, cart
        self.reload()

    def reload(self) -> None:
        """Read the cart from its events."""
        self.version, self.quantities = 0, dict[str, int]()
        for event in self._archive.log.stream(self.cart):
            self.version = event.version
            if event.type == "ItemRemoved":
                self.quantities.pop(event.data["sku"])
            elif "quantity" in event.data:
                self.quantities[event.data["sku"]] = event.data["quantity"]

    def open(self, customer: str) -> None:
        """Begin the cart."""
        self._append("CartOpened", customer=customer, email=f"{customer}@mail.example")

    def add(self, sku: str, quantity: int = 1) -> None:
        """Put so many of an item into the cart."""
        if sku in self.quantities:
            self.change(sku, self.quantities[sku] + quantity)
            return
        title, amount = CATALOGUE[sku]
        price: dict[str, Any] = {"amount": amount, "currency": "EUR"}
        self._append("ItemAdded", sku=sku, title=title, quantity=quantity, **price)
        self.quantities[sku] = quantity

    def change(self, sku: str, quantity: int) -> None:
        """Say how many of an item there are to be."""
        self._append("QuantityChanged", sku=sku, quantity=quantity)
        self.quantities[sku] = quantity

    def remove(self, sku: str) -> None:
        """Take an item out of the cart."""
        self._append("ItemRemoved", sku=sku)
        del self.quantities[sku]

    def check_out(self, at: datetime) -> None:
        """Order what is in the cart."""
        self._append("CartCheckedOut", checked_out_at=at)

    def _append(self, type: str, **data: Any) -> None:
        receipt = self._archive.append(self.cart, type, data, expected_version=self.version)
        self.version = receipt.version


def shop(archive: Archive, carts: int, seed: int) -> int:
    """Play so many carts; returns how many are checked out."""
    chance = random.Random(seed)  # noqa: S311 - the same customers for the same seed
    checked_out = 0
    for number in range(carts):
        now = OPENING + timedelta(minutes=5 * number)
        hurried = number % 2 == 1
        tab = Tab(archive, f"cart/{seed}-{number}")
        tab.open(IN_A_HURRY if hurried else chance.choice(CUSTOMERS))
        for _ in range(chance.randint(1, 4)):
            _do_something(tab, chance)
        if tab.quantities and (hurried or chance.random() < 0.8):
            tab.check_out(now)
            checked_out += 1
    return checked_out


def _do_something(tab: Tab, chance: random.Random) -> None:
    held = sorted(tab.quantities)
    if held and chance.random() < 0.2:
        tab.remove(chance.choice(held))
    elif held and chance.random() < 0.3:
        tab.change(chance.choice(held), chance.randint(1, 3))
    else:
        tab.add(chance.choice(sorted(CATALOGUE)), chance.randint(1, 2))


def two_tabs(archive: Archive, cart: str) -> str:
    """Two tabs change one cart: the second has to look again; returns what it was told."""
    first = Tab(archive, cart)
    first.open("ana")
    second = Tab(archive, cart)
    first.add("tea")
    try:
        second.add("cup")
    except WrongExpectedVersion as conflict:
        told = str(conflict)
    second.reload()
    second.add("cup")
    return told


def main() -> None:
    """Play some customers."""
    read = argparse.ArgumentParser(prog="python -m examples.shopping_cart.cart")
    read.add_argument("--home", type=Path, default=Path("shop"), help="the shop's folder")
    read.add_argument("--carts", type=int, default=12)
    read.add_argument("--seed", type=int, default=7, help="other customers for another number")
    given = read.parse_args()
    archive = Archive(given.home, DOMAIN)
    archive.remember_domain()
    try:
        told = two_tabs(archive, f"cart/{given.seed}-tabs")
        print(f"two tabs: {told}")
        checked_out = shop(archive, given.carts, given.seed)
    except Refused as refused:
        raise SystemExit(f"cart: {refused}; or give another --seed, or another --home") from None
    print(f"cart: {given.carts + 1} carts, {checked_out} of them checked out")


if __name__ == "__main__":
    main()
