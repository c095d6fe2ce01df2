"""The shop of README.md: services that share events alone, and agree with a plain fold."""

from __future__ import annotations

import ast
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import plain_shop
import pytest
from hypothesis import strategies as st
from tiers import COSTLY, given_in_tiers

from archive import Archive
from connectors import FromLog, Message, Subscriber, Transport, append_to
from event_log import Category, Event, EventLog, IncompatibleSchema, NewEvent, WrongExpectedVersion
from examples.shopping_cart import (
    DOMAIN,
    billing,
    demand,
    fraud,
    letters,
    old_demand,
    recommendations,
    status,
)
from examples.shopping_cart import cart as front
from examples.shopping_cart.cart import OPENING, Tab, two_tabs
from examples.shopping_cart.events import CHECK, EVENTS, EVENTS_1, INVOICE
from examples.shopping_cart.mail_folder import MailFolder
from examples.shopping_cart.running import Twice
from replay import Refused

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/shopping_cart"
SERVICES = {
    "fraud": fraud,
    "billing": billing,
    "letters": letters,
    "recommendations": recommendations,
}


def as_it_is(transport: Transport) -> Transport:
    return transport


def subscriber(home: Path, name: str) -> Subscriber:
    """A service, as its program makes it."""
    deliver = {
        "fraud": append_to(EventLog(home / "log", [CHECK])),
        "billing": append_to(EventLog(home / "log", [INVOICE])),
        "letters": MailFolder(home / "mail").send,
    }
    path = home / "services" / f"{name}.sqlite"
    return Subscriber(path, SERVICES[name].apply, SERVICES[name].TABLES, deliver.get(name))


def run_all(
    home: Path,
    names: Sequence[str] = ("fraud", "billing", "letters"),
    through: Callable[[Transport], Transport] = as_it_is,
) -> None:
    """Run services until the log grows no more by them."""
    log, head = EventLog(home / "log", EVENTS), -1
    while head != log.head:
        head = log.head
        for name in names:
            transport = through(FromLog(EventLog(home / "log", EVENTS), name))
            subscriber(home, name).run(transport, until_idle=True)


def events(home: Path) -> list[Event]:
    return list(EventLog(home / "log", EVENTS).read())


def assert_all_agree(home: Path, recommended: bool = False) -> None:
    """What the services have, what they appended, and a plain fold over the log are the same."""
    expected, found = plain_shop.fold(events(home)), plain_shop.services(home)
    added = plain_shop.appended(events(home))
    assert added.verdicts == found.verdicts == expected.verdicts
    assert added.invoices == found.invoices == expected.invoices
    assert found.letters == expected.letters
    if recommended:
        assert found.together == expected.together


def filled(home: Path, seed: int = 1, carts: int = 5) -> None:
    EventLog(home / "log", EVENTS).append(plain_shop.history(seed, carts))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "shop"


# 1: processes and files that share events alone


@pytest.mark.parametrize("name", [*SERVICES, "cart"])
def test_a_service_imports_nothing_of_another(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    imported = {
        node.module.rpartition(".")[2]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("examples.")
    }
    assert imported <= {"events", "running", "mail_folder", "domain"}


def test_a_service_does_not_load_the_views() -> None:
    script = "import sys, examples.shopping_cart.fraud; sys.exit('ibis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


# 2: the cart, by the project's own means


def test_two_tabs_conflict_visibly(home: Path) -> None:
    archive = Archive(home, DOMAIN)
    told = two_tabs(archive, "cart/1")
    assert "cart/1: expected version 1, but it is at version 2" in told
    assert Tab(archive, "cart/1").quantities == {"tea": 1, "cup": 1}


def test_customers_who_come_again_are_told_what_to_give_instead(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["cart", "--home", str(home), "--carts", "1"])
    front.main()
    with pytest.raises(SystemExit, match=r"cart/7-tabs exists already.* give another --seed"):
        front.main()


def test_a_folder_without_services_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["status", "--home", str(home)])
    with pytest.raises(SystemExit, match="shop has no services: start the shop first"):
        status.main()
    assert not home.exists()


def test_a_cart_adds_changes_removes_and_checks_out(home: Path) -> None:
    tab = Tab(Archive(home, DOMAIN), "cart/1")
    tab.open("ana")
    tab.add("tea", 2)
    tab.add("cup")
    tab.add("tea")
    tab.change("cup", 4)
    tab.remove("cup")
    tab.check_out(OPENING)
    told = [(e.type, e.data.get("sku"), e.data.get("quantity")) for e in events(home)]
    assert told == [
        ("CartOpened", None, None),
        ("ItemAdded", "tea", 2),
        ("ItemAdded", "cup", 1),
        ("QuantityChanged", "tea", 3),
        ("QuantityChanged", "cup", 4),
        ("ItemRemoved", "cup", None),
        ("CartCheckedOut", None, None),
    ]
    with pytest.raises(Refused, match="is checked out"):
        tab.add("cup")


def test_less_than_one_is_refused_and_an_old_tab_too(home: Path) -> None:
    archive = Archive(home, DOMAIN)
    tab = Tab(archive, "cart/1")
    tab.open("ana")
    old = Tab(archive, "cart/1")
    with pytest.raises(Refused, match="0 is too few"):
        tab.add("tea", 0)
    tab.add("tea")
    with pytest.raises(WrongExpectedVersion):
        old.check_out(OPENING)


def test_carts_and_invoices_are_found_by_a_search(home: Path) -> None:
    archive = Archive(home, DOMAIN)
    tab = Tab(archive, "cart/1")
    tab.open("ana")
    tab.add("atlas", 2)
    tab.add("tea")
    tab.remove("tea")
    tab.check_out(OPENING)
    run_all(home)
    archive.rebuild()
    (cart,) = archive.search("whales", view="carts").hits
    assert cart.document["items"] == ["Atlas of Whales"]
    assert (cart.document["amount"], cart.document["currency"]) == (9600, "EUR")
    (invoice,) = archive.search("whales", view="invoices").hits
    assert invoice.document["amount"] == 9600
    assert archive.search("tea", view="carts").hits == []


@pytest.mark.slow
def test_a_cart_is_found_by_what_is_put_into_it_later(home: Path) -> None:
    filled(home, carts=20)
    archive = Archive(home, DOMAIN)
    archive.rebuild()
    tab = Tab(archive, "cart/new")
    tab.open("bo")
    tab.add("rope")
    archive.catch_up()
    tab.remove("rope")
    tab.add("cup")
    archive.catch_up()
    found = archive.search("customer:bo cup", view="carts").hits
    assert "cart/new" in {hit.id for hit in found}
    assert not any(view.differences for view in archive.compare())


# 3: own models, and events that name their cause


def test_what_answers_an_event_names_it_as_its_cause(home: Path) -> None:
    filled(home)
    run_all(home)
    assert_all_agree(home)
    by_id = {event.event_id: event for event in events(home)}
    issued = [event for event in by_id.values() if event.type == "InvoiceIssued"]
    assert issued
    for invoice in issued:
        approval = by_id[invoice.causation_id]
        checkout = by_id[approval.causation_id]
        assert (approval.type, checkout.type) == ("CheckoutApproved", "CartCheckedOut")
        assert invoice.correlation_id == approval.correlation_id == checkout.event_id


def test_fraud_blocks_before_billing_and_by_the_times_that_events_say(home: Path) -> None:
    log = EventLog(home / "log", EVENTS)
    for cart, minutes in enumerate((0, 20, 40, 59, 61, 119, 300)):
        opened = {"customer": "mallory", "email": "m@mail.example"}
        out = {"checked_out_at": OPENING + timedelta(minutes=minutes)}
        stream = f"cart/{cart}"
        log.append([NewEvent(stream, "CartOpened", opened)])
        log.append([NewEvent(stream, "CartCheckedOut", out)])
    run_all(home)
    verdicts = plain_shop.services(home).verdicts
    assert [*verdicts.values()] == ["approved"] * 3 + ["blocked"] * 2 + ["approved"] * 2
    blocked = {cart for cart, verdict in verdicts.items() if verdict == "blocked"}
    assert blocked.isdisjoint(plain_shop.services(home).invoices)
    assert_all_agree(home)


# 4: delivered twice, on made-up histories (killed: test_shopping_cart_kills.py)


@given_in_tiers(2, COSTLY, seed=st.integers(0, 2**32), carts=st.integers(1, 8))
def test_what_is_delivered_twice_counts_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, carts: int
) -> None:
    home = tmp_path_factory.mktemp("shop")
    filled(home, seed, carts)
    (home / "mail/new").mkdir(parents=True)
    run_all(home, tuple(SERVICES), Twice)
    assert_all_agree(home, recommended=True)


# 5: a side effect happens once


def test_letters_from_the_first_event_on_sends_nothing_again(home: Path) -> None:
    filled(home)
    run_all(home)
    before = {path.name: path.stat().st_mtime_ns for path in (home / "mail/new").iterdir()}
    assert before
    subscriber(home, "letters").reset()
    run_all(home)
    (home / "services/letters.sqlite").unlink()
    run_all(home)
    after = {path.name: path.stat().st_mtime_ns for path in (home / "mail/new").iterdir()}
    assert after == before
    assert_all_agree(home)


def test_a_letter_that_was_read_meanwhile_does_not_come_again(home: Path) -> None:
    filled(home)
    run_all(home)
    for path in (home / "mail/new").iterdir():
        path.rename(home / "mail/cur" / f"{path.name}:2,S")
    (home / "services/letters.sqlite").unlink()
    run_all(home)
    assert [*(home / "mail/new").iterdir()] == []


def test_a_letter_says_its_id_and_what_is_owed(home: Path) -> None:
    tab = Tab(Archive(home, DOMAIN), "cart/1")
    tab.open("ana")
    tab.add("atlas", 2)
    tab.check_out(OPENING)
    run_all(home)
    (path,) = (home / "mail/new").iterdir()
    letter = message_from_bytes(path.read_bytes())
    assert letter["Message-ID"] == f"<{path.name}@shop.example>"
    assert letter["To"] == "ana <ana@mail.example>"
    text = str(letter.get_payload())
    assert text == "2 x Atlas of Whales, 48.00 EUR\nPlease pay 96.00 EUR.\n"


def test_a_model_made_anew_issues_no_second_invoice(home: Path) -> None:
    filled(home)
    run_all(home)
    before = events(home)
    for name in ("fraud", "billing"):
        (home / "services" / f"{name}.sqlite").unlink()
    run_all(home)
    assert events(home) == before
    assert_all_agree(home)


# 6: a service joins later


def test_recommendations_join_later_and_begin_with_the_first_event(home: Path) -> None:
    filled(home, seed=1)
    run_all(home)
    filled(home, seed=2)
    run_all(home, tuple(SERVICES))
    assert_all_agree(home, recommended=True)


# 7: a poison message


def minus_one(home: Path) -> tuple[int, int]:
    """Import what the till's old program wrote: a quantity that cannot be billed."""
    log = EventLog(home / "log", EVENTS)
    item = {"sku": "tea", "title": "Tea", "amount": 495, "currency": "EUR"}
    opened = {"customer": "ana", "email": "ana@mail.example"}
    out = {"checked_out_at": OPENING}
    log.append(
        [NewEvent(f"cart/{name}", "CartOpened", opened) for name in ("bad", "good")]
        + [NewEvent("cart/bad", "ItemAdded", {**item, "quantity": -1})]
        + [NewEvent("cart/good", "ItemAdded", {**item, "quantity": 2})]
        + [NewEvent(f"cart/{name}", "CartCheckedOut", out) for name in ("bad", "good")]
    )
    return 3, 5


def test_a_poison_message_lets_its_cart_wait_and_no_other(home: Path) -> None:
    poison, checkout = minus_one(home)
    run_all(home)
    waiting = subscriber(home, "billing").waiting()
    assert [(each.sequence, each.stream) for each in waiting] == [
        (poison, "cart/bad"),
        (checkout, "cart/bad"),
    ]
    assert waiting[0].reason == "ValueError: -1 of tea cannot be billed"
    assert set(plain_shop.services(home).invoices) == {"cart/good"}
    assert subscriber(home, "fraud").waiting() == []


def test_a_mended_message_is_replayed_and_its_cart_billed(home: Path) -> None:
    poison, _ = minus_one(home)
    run_all(home)
    mended = {"sku": "tea", "title": "Tea", "amount": 495, "currency": "EUR", "quantity": 1}
    subscriber(home, "billing").mend(poison, mended, "the till wrote -1 for 1")
    run_all(home)
    assert subscriber(home, "billing").waiting() == []
    invoices = plain_shop.services(home).invoices
    assert {cart: amount for cart, (_, _, amount, _) in invoices.items()} == {
        "cart/bad": 495,
        "cart/good": 990,
    }
    issued = plain_shop.appended(events(home)).invoices
    (home / "services/billing.sqlite").rename(home / "services/billing-lost.sqlite")
    subscriber(home, "billing").run(FromLog(EventLog(home / "log", EVENTS), "billing"), True)
    assert plain_shop.appended(events(home)).invoices == issued


def test_an_approval_may_come_before_the_cart_that_waited(home: Path) -> None:
    """The invoice's id is made from the approval, whichever of its two events came last."""
    minus_one(home)
    run_all(home)

    def lenient(message: Message, model: sqlite3.Connection) -> object:
        quantity = abs(message.data.get("quantity", 1))
        data = {**message.data, **({"quantity": quantity} if "quantity" in message.data else {})}
        return billing.apply(Message(**{**_fields(message), "data": data}), model)

    def run(path: Path) -> None:
        log = EventLog(home / "log", EVENTS)
        Subscriber(path, lenient, billing.TABLES, append_to(log)).run(FromLog(log, "b"), True)

    run(home / "services/billing.sqlite")
    issued = plain_shop.appended(events(home)).invoices
    assert set(issued) == {"cart/bad", "cart/good"}
    run(home / "services/anew.sqlite")  # here the approval comes after the check-out
    assert plain_shop.appended(events(home)).invoices == issued


# 8: another version of an event


def first_version(home: Path) -> None:
    """What the shop wrote while each price was in euros."""
    EventLog(home / "log", EVENTS_1).append(
        NewEvent(event.stream, event.type, in_euros(event.data))
        for event in plain_shop.history(1, 5, prefix="old-")
    )


def in_euros(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event of version 1."""
    if "amount" not in data:
        return dict(data)
    others = {name: data[name] for name in data if name not in ("amount", "currency")}
    return {**others, "price": data["amount"]}


def counted(home: Path, apply: Callable[..., None], categories: Sequence[Category]) -> None:
    log = EventLog(home / "log", categories)
    Subscriber(home / "services/demand.sqlite", apply, demand.TABLES).run(
        FromLog(log, "demand"), until_idle=True
    )


def demanded(home: Path) -> dict[tuple[str, str], int]:
    with closing(sqlite3.connect(home / "services/demand.sqlite")) as connection:
        found = connection.execute("SELECT sku, currency, amount FROM demand").fetchall()
    return {(sku, currency): amount for sku, currency, amount in found}


def expected_demand(home: Path) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for event in events(home):
        if event.type == "ItemAdded":
            said = event.data
            found[said["sku"], said["currency"]] += said["quantity"] * said["amount"]
    return found


def test_new_services_read_what_was_written_with_version_1(home: Path) -> None:
    first_version(home)
    run_all(home)
    assert_all_agree(home)
    assert {currency for *_, currency in plain_shop.services(home).invoices.values()} == {"EUR"}


def test_an_old_service_stops_at_what_it_would_misread_and_its_successor_goes_on(
    home: Path,
) -> None:
    first_version(home)
    counted(home, old_demand.apply, EVENTS_1)
    before = expected_demand(home)
    assert demanded(home) == before
    run_all(home)  # the others are new; there is nothing yet that the old one cannot read
    counted(home, old_demand.apply, EVENTS_1)

    pounds = {"sku": "tea", "title": "Tea", "quantity": 1, "amount": 420, "currency": "GBP"}
    opened = {"customer": "zoe", "email": "zoe@mail.example"}
    log = EventLog(home / "log", EVENTS)
    log.append([NewEvent("cart/new", "CartOpened", opened)])
    log.append([NewEvent("cart/new", "ItemAdded", pounds)])
    with pytest.raises(IncompatibleSchema, match=r"'cart': .* version 2.*install the newer one"):
        counted(home, old_demand.apply, EVENTS_1)
    assert demanded(home) == before

    counted(home, demand.apply, EVENTS)
    assert demanded(home) == {**before, ("tea", "GBP"): 420} == expected_demand(home)
    run_all(home)
    assert_all_agree(home)


def _fields(message: Message) -> dict[str, object]:
    return {name: getattr(message, name) for name in Message.__dataclass_fields__}
