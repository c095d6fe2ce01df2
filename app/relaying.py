"""The command ``relay``: every event of the log, sent on to Kafka."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.freshness import alerting, stop_by_signals
from app.options import DEFAULT_HOME, Home, Json, errors_as_messages, open_archive
from event_log import counted, settings

if TYPE_CHECKING:
    from archive import Archive
    from connectors import KafkaRelay, Relay, Standing

Topic = Annotated[str, typer.Option(help="The topic to send the events to.")]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="start|now|SEQUENCE",
        help="While nothing was relayed to the topic: begin at the first event, at the next one"
        " that is appended, or at a sequence.",
    ),
]
UntilEnd = Annotated[
    bool, typer.Option("--until-end", "--once", help="End when all that the log has now is sent.")
]
Categories = Annotated[
    str | None,
    typer.Option(metavar="NAME,NAME", help="Only the events of these categories."),
]
PerCategory = Annotated[
    bool,
    typer.Option(
        "--per-category", help="Send the events of each category to a topic TOPIC.CATEGORY."
    ),
]
Partitions = Annotated[
    int,
    typer.Option(
        min=1,
        help="Make topics with so many partitions. With more than one, only the events of one"
        " stream are in order.",
    ),
]
Bootstrap = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The addresses of the Kafka cluster. STET_KAFKA sets them for all commands.",
    ),
]
MostEvents = Annotated[
    int, typer.Option(min=1, metavar="N", help="Events that are sent together at most.")
]
MostMegabytes = Annotated[
    int, typer.Option("--most-mb", min=1, metavar="MB", help="Megabytes of events sent together.")
]


def relay(
    topic: Topic = "stet",
    from_: From = "start",
    until_end: UntilEnd = False,
    categories: Categories = None,
    per_category: PerCategory = False,
    partitions: Partitions = 1,
    bootstrap: Bootstrap = None,
    most_events: MostEvents = 20_000,
    most_megabytes: MostMegabytes = 32,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Send every event of the log to Kafka as CloudEvents, each once and in order.

    Whoever reads the topic with isolation.level=read_committed gets them so, whatever is killed. A
    relay goes on where the last one of the topic was, and stops it if it still runs. It runs until
    it is interrupted.

    Example: stet relay --topic newsroom --once
    """
    with errors_as_messages(), settings.using({"STET_KAFKA": bootstrap}), alerting("relay"):
        archive = open_archive(home)
        chosen = None if categories is None else [each.strip() for each in categories.split(",")]
        begin = int(from_) if from_.isascii() and from_.isdigit() else from_
        size = most_megabytes * 2**20
        _run(
            _relay(archive, topic, chosen, per_category, partitions, begin, most_events, size),
            until_end,
            as_json,
        )


def _relay(archive: Archive, topic: str, categories: list[str] | None, *more: object) -> KafkaRelay:
    from connectors import KafkaRelay, source_of

    source = source_of(settings.look_up("STET_SITE_URL").text)
    return KafkaRelay(archive.log, archive.folder, source, topic, categories, *more)  # type: ignore[arg-type]


def _run(kafka_relay: KafkaRelay, until_end: bool, as_json: bool) -> None:
    """Run a relay until a signal ends it, and print what it did."""

    def started(running: Relay) -> None:
        stop_by_signals(running.stop)

    with show.progress_bar(f"relay to {show.name(kafka_relay.topic)}", None) as advance:

        def said(standing: Standing) -> None:
            if as_json:
                show.json(standing_object(standing))
            advance(0, _line(standing))

        ended = kafka_relay.run(show.note, until_end, started, said)
    if not as_json:
        reached = f", through sequence {ended.position:,}" if ended.position is not None else ""
        show.line(f"{counted(ended.events, 'event')} sent to {kafka_relay.topic}{reached}")


def standing_object(standing: Standing) -> dict[str, object]:
    """How a relay does, as ``--json`` prints it."""
    told = asdict(standing)
    return {name: told[name] for name in ("name", "positions", "lag", "rate", "events", "note")}


def _line(standing: Standing) -> str:
    lag = "" if standing.lag is None else f", {standing.lag:,} to go"
    note = f"; {standing.note}" if standing.note else ""
    return f"{counted(standing.events, 'event')}, {standing.rate:,.0f} events/s{lag}{note}"
