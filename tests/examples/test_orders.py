"""The textbook case: what README.md of the example says is what happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from event_log import EventLog, NewEvent
from examples.orders.domain import ORDER_VIEW
from examples.orders.main import CATEGORIES, earlier_orders, open_log, order_view
from views import build

ROOT = Path(__file__).parents[2]
ORDER = "order/whale-oil"


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    log = open_log(tmp_path)
    earlier_orders(log)
    log.append([NewEvent(ORDER, "NewOrderEvent", {"item": "whale oil", "quantity": 5})])
    log.append([NewEvent(ORDER, "ModifyOrderEvent", {"quantity": 6})])
    return log


def test_events_get_the_sequences_after_the_head(log: EventLog) -> None:
    assert [(e.sequence, e.type) for e in log.read(after=320)] == [
        (321, "NewOrderEvent"),
        (322, "ModifyOrderEvent"),
    ]


def test_the_view_shows_the_last_quantity_and_at_321_the_first(
    log: EventLog, tmp_path: Path
) -> None:
    assert log.head == 322
    assert order_view(tmp_path)[ORDER] == 6
    assert order_view(tmp_path, at=321)[ORDER] == 5
    assert ORDER not in order_view(tmp_path, at=320)


def test_a_deleted_view_is_given_back_by_the_log(log: EventLog, tmp_path: Path) -> None:
    with build.begin(tmp_path, categories=CATEGORIES) as built:
        built.write(ORDER_VIEW)
    before = order_view(tmp_path)
    built.path(ORDER_VIEW.name).unlink()
    assert order_view(tmp_path) == before
    assert log.head == 322


def test_a_cancelled_order_leaves_the_view(log: EventLog, tmp_path: Path) -> None:
    log.append([NewEvent(ORDER, "CancelOrderEvent")])
    assert ORDER not in order_view(tmp_path)


def test_the_readme_shows_what_the_example_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "examples.orders.main"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() in (ROOT / "examples/orders/README.md").read_text()


def test_the_example_uses_nothing_of_the_newsroom() -> None:
    script = (
        "import sys, examples.orders.main as m; m.main();"
        "sys.exit(any(n.split('.')[0] == 'newsroom' for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
