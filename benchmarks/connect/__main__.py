"""Measure the way from tables into the log, and from the log to Kafka; tables in docs/measured/.

    make bench-connect                          # about twenty minutes
    make bench-connect BENCH="--lines 20000 --minutes 1 --print-only"

PostgreSQL, Kafka and Debezium are those of `make services`, the tables those of ``examples/cms``,
with generated articles; what is made in them is removed in the end. All of it runs on the same
machine: what Debezium and the broker take, Stet does not have. The long run comes last.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import real_services

from archive import Archive
from benchmarks.connect import latency, newspaper, rates
from benchmarks.connect.watch import Failed, running, wait_until
from benchmarks.measuring import into_page, machine

SECTIONS = 20
"""The lines beside the articles that become events."""
IN_ONE = 100
"""Lines of a transaction of the source, where changes are streamed."""
FLAT = 1.1
HEAD = "| what | target | measured | the bare client | ratio |\n|---|---|---|---|---|"


def main() -> None:
    """Measure, print, and write the page's table."""
    chosen = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    lines = []
    try:
        with tempfile.TemporaryDirectory() as name:
            for line in _measured(Path(name), chosen):
                print(line, file=sys.stderr, flush=True)
                lines.append(line)
    except Failed as error:
        raise SystemExit(f"error: {error}") from error
    what = f"{machine()}; {chosen.lines:,} lines of 0.6 kB, messages of {lines.pop(0)}:"
    printed = "\n".join([what, "", HEAD, *lines]) + "\n"
    print(printed)
    if not chosen.print_only:
        into_page("connect", "bench-connect", printed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.connect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lines", type=int, default=100_000, help="articles in the table")
    parser.add_argument("--served", type=int, default=10_000, help="articles while it is searched")
    parser.add_argument("--samples", type=int, default=100, help="inserts that are timed")
    parser.add_argument("--minutes", type=float, default=10, help="of the long run")
    parser.add_argument("--a-second", type=int, default=100, help="changes of the long run")
    parser.add_argument("--print-only", action="store_true", help="only print")
    return parser


def _measured(folder: Path, chosen: argparse.Namespace) -> Iterator[str]:
    """How large a message is; then the lines of the table."""
    home = folder / "rates"
    yield from _snapshot(folder, home, chosen.lines)
    yield from _out(home)
    yield from _streamed(folder, chosen.lines)
    yield from _kept_up(folder, chosen)


def _snapshot(folder: Path, home: Path, lines: int) -> Iterator[str]:
    """A snapshot while `stet connect` waits for it; then the same topic read again, alone."""
    with real_services.postgres() as database:
        newspaper.make(database)
        newspaper.fill(database, 1, lines)
        begun = time.perf_counter()
        with real_services.debezium(database, newspaper.FOLLOWED) as connector:
            mapping = newspaper.mapping(connector.topic, folder)
            live = Archive(folder / "live")
            with running(folder / "live.log", "connect", mapping, "--home", live.home) as process:
                wait_until(lambda: live.log.head >= lines + SECTIONS, "the snapshot", 0.05, process)
            together = time.perf_counter() - begun
            count = real_services.end_of(connector.topic)
            read, messages = rates.subscribed(real_services.kafka(), connector.topic, count)
            yield f"{read.bytes / read.messages / 1000:.1f} kB"
            yield _line(
                f"{lines:,} lines of a snapshot, from the connector's start to the log",
                "",
                f"{together:.1f} s, {lines / together:,.0f} lines/s",
            )
            messages.clear()
            done = rates.connected(mapping, home)
    yield _into_log("a snapshot's lines", count, done, read)


def _streamed(folder: Path, lines: int) -> Iterator[str]:
    """Changes in many transactions, as Debezium has sent them, read by `stet connect`."""
    with real_services.postgres() as database:
        newspaper.make(database)
        with real_services.debezium(database, newspaper.FOLLOWED) as connector:
            mapping = newspaper.mapping(connector.topic, folder)
            newspaper.fill(database, 1, lines, in_one=IN_ONE)
            count = _settled(connector.topic, lines)
            read, messages = rates.subscribed(real_services.kafka(), connector.topic, count)
            messages.clear()
            done = rates.connected(mapping, folder / "streamed")
    what = f"inserts, {IN_ONE} in a transaction"
    yield _into_log(what, count, done, read)


def _settled(topic: str, least: int) -> int:
    """How many messages a topic has when no more come."""
    before = -1
    while (now := real_services.end_of(topic)) < least or now != before:
        before = now
        time.sleep(2)
    return now


def _into_log(what: str, count: int, done: rates.Done, read: rates.Rate) -> str:
    told = _told(count, "messages", done)
    return _ratio(f"Kafka to the log: {what}", "20,000/s", told, count / done.seconds, read)


def _told(count: int, what: str, done: rates.Done) -> str:
    took = f"{done.seconds:.1f} s, {done.cpu:.1f} s of processor, {done.peak:,.0f} MB"
    return f"{count / done.seconds:,.0f}/s ({count:,} {what} in {took}; {done.idle:.1f} s to begin)"


def _ratio(what: str, target: str, told: str, rate: float, bare: rates.Rate) -> str:
    return _line(what, target, told, f"{bare.a_second:,.0f}/s", f"{rate / bare.a_second:.2f}")


def _out(home: Path) -> Iterator[str]:
    """The log's events to a topic; then the same messages by the bare client.

    They were sent once before, to another topic: a broker that has just begun is still compiling
    itself, and the bare client comes later.
    """
    events = Archive(home).log.head
    broker = real_services.kafka()
    with real_services.own_topic() as topic:
        rates.relayed(home, topic)
    with real_services.own_topic() as relayed, real_services.own_topic() as bare:
        done = rates.relayed(home, relayed)
        read, messages = rates.subscribed(broker, relayed, events)
        sent = rates.produced(broker, bare, messages)
    what = f"log to Kafka, {read.bytes / events / 1000:.1f} kB an event"
    told = _told(events, "events", done)
    yield _ratio(what, "50,000/s", told, events / done.seconds, sent)


def _kept_up(folder: Path, chosen: argparse.Namespace) -> Iterator[str]:
    """Latencies, then the long run, on an archive that `stet connect` and `stet follow` keep up."""
    with real_services.postgres() as database:
        newspaper.make(database)
        newspaper.fill(database, 1, chosen.served)
        with real_services.debezium(database, newspaper.FOLLOWED) as connector:
            mapping = newspaper.mapping(connector.topic, folder)
            events, home = chosen.served + SECTIONS, folder / "served"
            with latency.served(home, mapping, events, folder) as (archive, process, following):
                found = latency.latencies(archive, database, chosen.samples, process)
                logged = sorted(each.logged for each in found)
                searched = sorted(each.searched for each in found)
                yield _latency("insert to the log", "100 ms at the median", logged)
                yield _latency("insert to a search's hit", "under 1,000 ms", searched)
                held = _long_run(folder, archive, database, chosen, process.pid, following)
    yield from _memory(held, chosen)


def _long_run(
    folder: Path,
    archive: Archive,
    database: str,
    chosen: argparse.Namespace,
    connecting: int,
    following: int,
) -> list[latency.Held]:
    """Changes that keep coming, followed into the log, into the search and out to Kafka."""
    with real_services.own_topic() as topic:
        command = ("relay", "--topic", topic, "--home", archive.home)
        with running(folder / "relay.log", *command) as relaying:
            processes = {"connect": connecting, "follow": following, "relay": relaying.pid}
            seconds = chosen.minutes * 60
            return latency.long_run(archive, database, seconds, chosen.a_second, processes)


def _latency(what: str, target: str, times: list[float]) -> str:
    p95 = quantiles(times, n=20)[-1]
    told = f"{median(times):,.0f} ms; 95th percentile {p95:,.0f} ms ({len(times)})"
    return _line(what, target, told)


def _memory(held: list[latency.Held], chosen: argparse.Namespace) -> Iterator[str]:
    """Of each command its memory at the beginning, in the middle third and in the last."""
    third = len(held) // 3
    middle, last = held[third : 2 * third], held[2 * third :]
    what = f"{chosen.a_second} changes a second for {chosen.minutes:g} minutes"
    for name, first in held[0].megabytes.items():
        before, after = (median(each.megabytes[name] for each in part) for part in (middle, last))
        flat = "flat" if after <= before * FLAT else "it grows"
        told = f"{flat}: {first:,.0f} MB, then {before:,.0f}, in the last third {after:,.0f}"
        yield _line(f"{what}: memory of `stet {name}`", "flat", told)
    behind = f"{median(each.lag for each in last):,.0f} changes"
    yield _line(f"{what}: the log is behind by", "", behind)


def _line(what: str, target: str, told: str, bare: str = "", ratio: str = "") -> str:
    return f"| {what} | {target} | {told} | {bare} | {ratio} |"


if __name__ == "__main__":
    main()
