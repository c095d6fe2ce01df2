"""The shop's programs as processes: by one command, and killed at random moments."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import plain_shop
import pytest

from archive import Archive
from event_log import EventLog
from examples.shopping_cart import DOMAIN
from examples.shopping_cart.__main__ import (
    SERVICES,
    processes,
    program,
    relay,
    wait_until_all_is_done,
)
from examples.shopping_cart.events import EVENTS
from examples.shopping_cart.status import status

ROOT = Path(__file__).parents[2]
KILLS = 20
NURSERY = """
import importlib, os, random, signal, sys, time
name, home, seed, kills, longest, *options = sys.argv[1:]
module = importlib.import_module(f"examples.shopping_cart.{name}")
from connectors import Subscriber
from connectors.subscriber import run
run.BATCH = 3
made = Subscriber(f"{home}/services/{name}.sqlite", print, "")
chance, usual, before = random.Random(int(seed)), float(longest), 0
longest = usual
for _ in range(int(kills)):
    child = os.fork()
    if child == 0:
        sys.argv = [name, "--home", home, *options]
        module.main()
        os._exit(0)
    time.sleep(chance.uniform(0.0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    reached = made.status().sequence if made.path.exists() else 0
    longest = usual if reached > before else 1.3 * longest  # a busy machine takes longer to begin
    before = reached
    print(reached, flush=True)
"""
"""Starts a service as a process again and again, and kills each a moment later."""


@pytest.fixture(autouse=True)
def in_the_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def killed_again_and_again(
    home: Path, name: str, seed: int, longest: float, *options: str
) -> subprocess.Popen[str]:
    arguments = (name, home, seed, KILLS, longest, "--twice", *options)
    command = [sys.executable, "-c", NURSERY, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def write_slowly(home: Path, seed: int, pause: float, until: list[subprocess.Popen[str]]) -> None:
    """Append a history while these programs run: what is left when they have ended, at once."""
    log, history = EventLog(home / "log", EVENTS), plain_shop.history(seed, 60)
    while history and any(each.poll() is None for each in until):
        log.append(history[:3])
        del history[:3]
        time.sleep(pause)
    if history:
        log.append(history)


def assert_all_agree(home: Path) -> None:
    events = list(EventLog(home / "log", EVENTS).read())
    expected, found = plain_shop.fold(events), plain_shop.services(home)
    added = plain_shop.appended(events)
    assert added.verdicts == found.verdicts == expected.verdicts
    assert added.invoices == found.invoices == expected.invoices
    assert found.letters == expected.letters
    assert found.together == expected.together
    assert expected.invoices


@contextmanager
def running(home: Path, *names: str, options: tuple[str, ...] = ()) -> Iterator[None]:
    with processes([program(name, home, *options) for name in names]):
        yield


@pytest.fixture
def topic() -> Iterator[str]:
    """The name of a topic that nobody else has, for a relay to make."""
    import real_services

    real_services.kafka()  # skips where there is none
    name = f"{real_services.TEST_TOPICS}{uuid.uuid4().hex[:12]}"
    try:
        yield name
    finally:
        real_services.usual().kafka.remove_topics(name)


ALL = (*SERVICES, "recommendations")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_services_that_are_killed_twenty_times_have_what_a_plain_fold_gives(
    tmp_path: Path, seed: int
) -> None:
    killed_twenty_times(tmp_path / "shop", seed, 0.75)


def killed_twenty_times(home: Path, seed: int, longest: float, *options: str) -> None:
    """Kill each service twenty times while customers come, then let all finish, and compare."""
    killing = [killed_again_and_again(home, name, seed, longest, *options) for name in ALL]
    write_slowly(home, seed, longest / 4, killing)
    for each in killing:
        printed, _ = each.communicate()
        reached = [int(line) for line in printed.split()]
        assert len(reached) == KILLS
        assert len(set(reached)) > 3, "the kills came before there was anything to kill"
    with running(home, *ALL, options=("--twice", *options)):
        wait_until_all_is_done(home, ALL)
    assert_all_agree(home)


@pytest.mark.slow
@pytest.mark.server
def test_services_that_are_killed_have_the_same_over_kafka(tmp_path: Path, topic: str) -> None:
    home = tmp_path / "shop"
    Archive(home, DOMAIN).remember_domain()
    with processes([relay(home, topic)]):
        EventLog(home / "log", EVENTS).append(plain_shop.history(4, 2))
        with running(home, "recommendations", options=("--kafka", topic)):
            wait_until_all_is_done(home, ["recommendations"])  # the relay has begun
        killed_twenty_times(home, 3, 1.0, "--kafka", topic)


@pytest.mark.slow
@pytest.mark.server
def test_one_command_runs_the_whole_shop_over_kafka(tmp_path: Path, topic: str) -> None:
    home = tmp_path / "shop"
    options = ("--home", str(home), "--twice", "--kafka", topic)
    command = [sys.executable, "-m", "examples.shopping_cart", *options]
    subprocess.run(command, check=True)
    events = list(EventLog(home / "log", EVENTS).read())
    assert plain_shop.services(home).invoices == plain_shop.fold(events).invoices != {}


@pytest.mark.slow
@pytest.mark.server
def test_while_the_broker_is_away_the_cart_goes_on_and_then_everything_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import real_services

    home = tmp_path / "shop"
    Archive(home, DOMAIN).remember_domain()
    log = EventLog(home / "log", EVENTS)
    with real_services.own_services() as services:
        services.kafka.start()
        monkeypatch.setenv("STET_KAFKA", services.kafka.address)
        with processes([relay(home, "shop")]), running(home, *ALL, options=("--kafka", "shop")):
            log.append(plain_shop.history(1, 10))
            wait_until_all_is_done(home, ALL)
            services.kafka.kill()
            history = plain_shop.history(2, 10)
            for first in range(0, len(history), 5):
                log.append(history[first : first + 5])  # the cart goes on
                time.sleep(0.2)
            behind = {line.name: line.behind for line in status(home)}
            assert behind == dict.fromkeys(sorted(ALL), len(history))
            services.kafka.start()
            wait_until_all_is_done(home, ALL)
    assert_all_agree(home)
    assert all(not line.waiting for line in status(home))


@pytest.mark.slow
def test_one_command_runs_the_whole_shop(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    command = [sys.executable, "-m", "examples.shopping_cart", "--home", str(home), "--twice"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = dict(line.split(": ", 1) for line in printed.splitlines())
    events = list(EventLog(home / "log", EVENTS).read())
    expected = plain_shop.fold(events)
    assert plain_shop.services(home).invoices == expected.invoices
    assert lines["cart"] == f"13 carts, {len(expected.verdicts)} of them checked out"
    approved, blocked = ([*expected.verdicts.values()].count(v) for v in ("approved", "blocked"))
    assert blocked
    assert lines["fraud"] == f"{approved} check-outs approved, {blocked} blocked"
    assert lines["letters"] == f"{approved + blocked} letters in {home / 'mail'}"
    assert all(not line.behind and not line.waiting for line in status(home))
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert "give another --seed" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_shop_does_not_wait_for_a_service_that_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        with pytest.raises(SystemExit, match=r"true.* ended, and the shop with it"):
            wait_until_all_is_done(tmp_path, ["billing"], [ended])


@pytest.mark.slow
def test_a_second_process_on_one_store_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    EventLog(home / "log", EVENTS).append(plain_shop.history(1, 3))
    with ExitStack() as stack:
        stack.enter_context(running(home, "fraud"))
        wait_until_all_is_done(home, ["fraud"])
        second = subprocess.run(program("fraud", home), capture_output=True, text=True)
    assert second.returncode == 1
    assert "fraud.sqlite is held by process" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.slow
def test_an_old_program_says_that_a_newer_one_is_needed(tmp_path: Path) -> None:
    home = tmp_path / "shop"
    EventLog(home / "log", EVENTS).append(plain_shop.history(1, 3))
    old = subprocess.run(program("old_demand", home), capture_output=True, text=True)
    assert old.returncode == 1
    assert "install the newer one" in old.stderr
    assert "Traceback" not in old.stderr
    new = subprocess.run(program("demand", home, "--catch-up"), capture_output=True, text=True)
    assert (new.returncode, new.stderr) == (0, "")
