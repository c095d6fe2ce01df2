"""Tell the story of one order, on a log and a view that know nothing of a newsroom.

.venv/bin/python -m examples.orders.main
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from event_log import EventLog, NewEvent, Point
from examples.orders.domain import ORDER, ORDER_VIEW
from views import build, documents

CATEGORIES = (ORDER,)


def open_log(home: Path) -> EventLog:
    """The log of the orders below a folder."""
    return EventLog(home / "log", CATEGORIES)


def earlier_orders(log: EventLog) -> None:
    """What happened before the story begins: 320 events."""
    log.append(
        [NewEvent(f"order/{n}", "NewOrderEvent", {"item": "ream of paper", "quantity": n})
         for n in range(1, 321)]
    )  # fmt: skip


def order_view(home: Path, at: Point = None) -> dict[str, int]:
    """The OrderView: the quantity of each order, as of a point in the log."""
    frame = documents.read(ORDER_VIEW, home, at, CATEGORIES)
    return dict(zip(frame["id"], frame["quantity"].astype(int), strict=True))


def main() -> None:
    """Append two events, look at the view now and then, delete it, and get it back."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        log = open_log(home)
        earlier_orders(log)
        print(f"the log's head is {log.head}")

        order = "order/whale-oil"
        new = NewEvent(order, "NewOrderEvent", {"item": "whale oil", "quantity": 5})
        print(f"NewOrderEvent, quantity 5: eventID {log.append([new]).last}")
        modify = NewEvent(order, "ModifyOrderEvent", {"quantity": 6})
        print(f"ModifyOrderEvent, quantity 6: eventID {log.append([modify]).last}")

        with build.begin(home, categories=CATEGORIES) as built:
            written = built.write(ORDER_VIEW)
        print(f"OrderView rebuilt from {built.sequence} events: {written.documents} orders")
        print(f"the order's quantity is {order_view(home)[order]}")
        print(f"at 321 it was {order_view(home, at=321)[order]}")

        built.path(ORDER_VIEW.name).unlink()
        print("OrderView deleted")
        print(f"the log gives it back: {order_view(home)[order]}")


if __name__ == "__main__":
    main()
