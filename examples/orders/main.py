"""The story of one order: append, rebuild, read, search, lose the documents and get them back.

.venv/bin/python -m examples.orders.main
"""

from __future__ import annotations

import tempfile

from archive import Archive
from event_log import NewEvent, Point
from examples.orders.domain import DOMAIN


def earlier_orders(archive: Archive) -> None:
    """Append the 320 events that come before the story."""
    archive.remember_domain()
    archive.log.append(
        [NewEvent(f"order/{n}", "NewOrderEvent", {"item": "ream of paper", "quantity": n})
         for n in range(1, 321)]
    )  # fmt: skip


def order_view(archive: Archive, at: Point = None) -> dict[str, int]:
    """The quantity of each order, as of a point in the log."""
    frame = archive.read("orders", at)
    return dict(zip(frame["id"], frame["quantity"].astype(int), strict=True))


def main() -> None:
    """Append two events, read the view at two points, search it, delete it, compute it again."""
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
