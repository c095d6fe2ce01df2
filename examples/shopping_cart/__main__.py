"""The whole shop by one command: a cart, and three services that know nothing of each other."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from archive import Archive
from examples.shopping_cart.domain import DOMAIN
from examples.shopping_cart.events import money
from examples.shopping_cart.mail_folder import MailFolder
from examples.shopping_cart.status import status

SERVICES = ("fraud", "billing", "letters")
PATIENCE_SECONDS = 120


@contextmanager
def processes(commands: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that run until the block ends, and are then told to end."""
    running = [subprocess.Popen(command) for command in commands]  # noqa: S603 - our own
    try:
        yield running
    finally:
        for each in running:
            each.send_signal(signal.SIGTERM)
        for each in running:
            each.wait()


def program(name: str, home: Path, *more: str) -> list[str]:
    """The command that starts one of the shop's programs."""
    return [sys.executable, "-m", f"examples.shopping_cart.{name}", "--home", str(home), *more]


def relay(home: Path, topic: str) -> list[str]:
    """The command that sends the log's events to a topic of Kafka."""
    stet = str(Path(sys.executable).with_name("stet"))
    of_shop = ("--domain", "examples.shopping_cart:DOMAIN")
    return [stet, *of_shop, "relay", "--home", str(home), "--topic", topic]


def wait_until_all_is_done(
    home: Path, names: Sequence[str], running: Sequence[subprocess.Popen[bytes]] = ()
) -> None:
    """Wait until each service has handled the whole log, its own events too."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        lines = {line.name: line for line in status(home)}
        if all(
            name in lines and not lines[name].behind and not lines[name].undelivered
            for name in names
        ):
            return
        for each in running:
            if each.poll() is not None:  # it has said why
                raise SystemExit(f"{each.args} ended, and the shop with it")
        time.sleep(0.05)
    raise SystemExit(f"not done after {PATIENCE_SECONDS} s: {status(home)}")


def told(home: Path) -> Iterator[str]:
    """What each service knows in the end."""
    sql = "SELECT verdict, count(*) FROM decisions GROUP BY verdict"
    verdicts = dict(_answer(home, "fraud", sql))
    approved, blocked = (verdicts.get(name, 0) for name in ("approved", "blocked"))
    yield f"fraud: {approved} check-outs approved, {blocked} blocked"
    ((count, amount),) = _answer(home, "billing", "SELECT count(*), sum(amount) FROM invoices")
    yield f"billing: {count} invoices, {money(amount or 0, 'EUR')}"
    yield f"letters: {len(MailFolder(home / 'mail').subjects())} letters in {home / 'mail'}"


def _answer(home: Path, name: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "services" / f"{name}.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def main() -> None:
    """Start the services, play some customers, wait until all is done, and say what came of it."""
    read = argparse.ArgumentParser(prog="python -m examples.shopping_cart")
    read.add_argument("--home", type=Path, default=Path("shop"), help="the shop's folder")
    read.add_argument("--carts", type=int, default=12)
    read.add_argument("--seed", type=int, default=7, help="other customers for another number")
    read.add_argument("--kafka", metavar="TOPIC", help="over a broker (STET_KAFKA), by stet relay")
    read.add_argument("--twice", action="store_true", help="deliver every event twice")
    given = read.parse_args()
    more = [*(["--kafka", given.kafka] if given.kafka else []), *(["--twice"] * given.twice)]
    commands = [program(name, given.home, *more) for name in SERVICES]
    if given.kafka:
        commands.append(relay(given.home, given.kafka))
    Archive(given.home, DOMAIN).remember_domain()
    played = ("--carts", str(given.carts), "--seed", str(given.seed))
    with processes(commands) as running:
        customers = subprocess.run(program("cart", given.home, *played))  # noqa: S603 - our own
        if customers.returncode:
            raise SystemExit(customers.returncode)
        wait_until_all_is_done(given.home, SERVICES, running)
    print("\n".join(told(given.home)))


if __name__ == "__main__":
    main()
