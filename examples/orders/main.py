"""Tell the story of one order, in an archive that knows nothing of a newsroom.

.venv/bin/python -m examples.orders.main
"""

from __future__ import annotations

import tempfile

from archive import Archive
from event_log import NewEvent, Point
from examples.orders.domain import DOMAIN


def earlier_orders(archive: Archive) -> None:
    """What happened before the story begins: 320 events."""
    archive.remember_domain()
    archive.log.append(
        [NewEvent(f"order/{n}", "NewOrderEvent", {"item": "ream of paper", "quantity": n})
         for n in range(1, 321)]
    )  # fmt: skip


def order_view(archive: Archive, at: Point = None) -> dict[str, int]:
    """The OrderView: the quantity of each order, as of a point in the log."""
    frame = archive.read("orders", at)
    return dict(zip(frame["id"], frame["quantity"].astype(int), strict=True))


def main() -> None:
    """Append two events, look at the view now and then, search it, lose it, and get it back."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(folder, DOMAIN)
        earlier_orders(archive)
        print(f"the log's head is {archive.log.head}")

        order = "order/whale-oil"
        new = archive.append(order, "NewOrderEvent", {"item": "whale oil", "quantity": 5})
        print(f"NewOrderEvent, quantity 5: eventID {new.last}")
        modified = archive.append(order, "ModifyOrderEvent", {"quantity": 6})
        print(f"ModifyOrderEvent, quantity 6: eventID {modified.last}")

        rebuilt = archive.rebuild(["orders"])
        print(
            f"OrderView rebuilt from {rebuilt.sequence} events: {rebuilt.views[0].documents} orders"
        )
        print(f"the order's quantity is {order_view(archive)[order]}")
        print(f"at 321 it was {order_view(archive, at=321)[order]}")
        print(f"found by 'whale': {[hit.id for hit in archive.search('whale').hits]}")

        for documents in archive.builds.glob("*/orders.parquet"):
            documents.unlink()
        print("OrderView deleted")
        print(f"the log gives it back: {order_view(archive)[order]}")


if __name__ == "__main__":
    main()
