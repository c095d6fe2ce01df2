"""The textbook case: what README.md of the example says is what happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archive import Archive
from examples.orders import DOMAIN
from examples.orders.main import earlier_orders, order_view

ROOT = Path(__file__).parents[2]
ORDER = "order/whale-oil"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path, DOMAIN)
    earlier_orders(archive)
    archive.append(ORDER, "NewOrderEvent", {"item": "whale oil", "quantity": 5})
    archive.append(ORDER, "ModifyOrderEvent", {"quantity": 6})
    return archive


def test_events_get_the_sequences_after_the_head(archive: Archive) -> None:
    assert [(e.sequence, e.type) for e in archive.log.read(after=320)] == [
        (321, "NewOrderEvent"),
        (322, "ModifyOrderEvent"),
    ]


def test_the_view_shows_the_last_quantity_and_at_321_the_first(archive: Archive) -> None:
    assert archive.log.head == 322
    assert order_view(archive)[ORDER] == 6
    assert order_view(archive, at=321)[ORDER] == 5
    assert ORDER not in order_view(archive, at=320)


def test_a_deleted_view_is_given_back_by_the_log(archive: Archive) -> None:
    archive.rebuild(["orders"])
    before = order_view(archive)
    (documents,) = archive.builds.glob("*/orders.parquet")
    documents.unlink()
    assert order_view(archive) == before
    assert archive.log.head == 322


def test_a_cancelled_order_leaves_the_view(archive: Archive) -> None:
    archive.append(ORDER, "CancelOrderEvent")
    assert ORDER not in order_view(archive)


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
