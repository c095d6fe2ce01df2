"""The commands that maintain the log: seal, verify, prove, subscriptions."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import show
from app.options import DEFAULT_HOME, At, Failure, Home, Json, errors_as_messages, open_archive
from event_log import counted

if TYPE_CHECKING:
    from event_log import EventLog, Proof, SubscriptionStatus, Verified

DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


def seal(
    grace: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long replaced files are kept for running readers."
        ),
    ] = 3600.0,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Rewrite many small commits into large files.

    Readers, writers and other sealers may run meanwhile.

    Example: stet seal --grace 600
    """
    with errors_as_messages():
        sealed = open_archive(home).log.seal(grace)
    if as_json:
        show.json(asdict(sealed))
        return
    result = "no commit was open"
    if sealed.events:
        events = f"{counted(sealed.events, 'event')} of {counted(sealed.commits, 'commit')}"
        merged = f" (with them {sealed.merged:,} sealed before)" if sealed.merged else ""
        result = f"sealed {events}{merged} into {counted(sealed.files, 'file')}"
    removed = counted(sealed.removed, "file")
    show.line(f"{result}; sealed through sequence {sealed.through:,}; removed {removed}")


def _digest(value: str | None) -> str | None:
    if value is not None and not DIGEST.fullmatch(value.strip()):
        raise typer.BadParameter(f"{value!r} is not a digest: give 64 hexadecimal digits")
    return value


Witness = Annotated[
    Path | None,
    typer.Option(
        "--witness",
        metavar="FILE",
        help="A file kept outside the log. It holds the head and its digest, and so detects a"
        " truncated or rewritten log.",
    ),
]
ProofFile = Annotated[
    str | None,
    typer.Option(
        "--proof", metavar="FILE", help="Check a proof that `stet prove` wrote; needs no log."
    ),
]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", metavar="HEX", callback=_digest, help="The digest that the proof must match."
    ),
]
FromSequence = Annotated[
    int | None, typer.Option("--from", min=1, metavar="SEQUENCE", help="Verify from this event on.")
]
ToSequence = Annotated[
    int | None, typer.Option("--to", min=1, metavar="SEQUENCE", help="Verify up to this event.")
]


def verify(
    witness: Witness = None,
    proof: ProofFile = None,
    digest: Digest = None,
    first: FromSequence = None,
    last: ToSequence = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Recompute and check the log's digests.

    It names the first sequence that does not match. `stet verify` checks the log itself: events,
    manifests, schemas and checkpoints. `stet compare` checks the search indexes against the log.
    Neither changes anything, but for a damaged cache of the log, which is deleted and made anew.
    It warns when the last event was recorded ahead of this machine's clock.

    Example: stet verify --witness /mnt/elsewhere/witness.json
    """
    partly = first is not None or last is not None
    if proof is not None and (witness or partly):
        raise typer.BadParameter("goes with --digest only", param_hint="--proof")
    if proof is None and digest is not None:
        raise typer.BadParameter("goes with --proof", param_hint="--digest")
    if witness and partly:
        raise typer.BadParameter("is for the whole log: no --from, --to", param_hint="--witness")
    if first is not None and last is not None and last < first:
        raise typer.BadParameter(f"{last} is less than --from {first}", param_hint="--to")
    with errors_as_messages():
        if proof is not None:
            _verify_proof(proof, digest, as_json)
        elif witness is not None:
            _verify_witnessed(open_archive(home).log, witness, as_json)
        else:
            log = open_archive(home).log
            verified = log.verify((first or 1) - 1, last)
            ahead = warn_of_clock(log.seconds_ahead)
            if as_json:
                show.json({**asdict(verified), "seconds_ahead": ahead})
            else:
                _print_verified(verified, log.sealed_through)


def _print_verified(verified: Verified, sealed_through: int) -> None:
    files = (
        counted(verified.commits, "commit")
        if sealed_through < verified.first
        else f"{counted(verified.commits, 'part')} (sealed groups, commits)"
    )
    first = verified.first
    which = f", sequences {first:,} to {verified.last:,}" if verified.events else ""
    skipped = f" (events before {first:,} were not checked)" if first > 1 else ""
    show.line(
        f"the log holds: {counted(verified.events, 'event')} in {files}{which}{skipped}, "
        f"digest {verified.digest}"
    )


def _verify_witnessed(log: EventLog, file: Path, as_json: bool) -> None:
    from event_log import read_witness, verify_with_witness

    before = read_witness(file)
    verified, now = verify_with_witness(log, file)
    ahead = warn_of_clock(log.seconds_ahead)
    if as_json:
        witness = {"file": show.name(file), "sequence": now.sequence, "digest": now.digest}
        show.json({**asdict(verified), "seconds_ahead": ahead, "witness": witness})
        return
    _print_verified(verified, log.sealed_through)
    saw = f"saw head {before.sequence:,} and" if before else "is new and"
    show.line(f"the witness {show.name(file)} {saw} now keeps head {now.sequence:,}")


def _verify_proof(file: str, digest: str | None, as_json: bool) -> None:
    from event_log import Proof, check_proof

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"cannot read the proof {file}: {error.strerror or error}") from None
    shown = Proof.from_json(content)
    check_proof(shown, digest)
    if as_json:
        head = {"sequence": shown.size, "digest": shown.root.hex(), "given": digest is not None}
        show.json({"event": shown.event, "head": head})
    else:
        _print_proof(shown, given=digest is not None)


def _print_proof(proof: Proof, given: bool) -> None:
    show.line(f"the proof holds: {_event_line(proof.event)}")
    show.line(f"head {proof.size:,}, digest {proof.root.hex()}")
    shows = f"that this event is number {proof.sequence:,} of a log whose head has this digest"
    if given:
        show.line(f"shown: {shows}, the one that you gave")
        show.line("not shown: who wrote the event, and whether it is true")
    else:
        show.line(f"shown: {shows}")
        show.line(
            "not shown: that it is your log; give a digest that you know from elsewhere (a receipt,"
            " a witness, stet verify) with --digest"
        )


def _event_line(event: Mapping[str, Any]) -> str:
    data = " ".join(f"{name}={show.short(value, 40)}" for name, value in event["data"].items())
    when = event.get("occurred_at") or event.get("recorded_at") or ""
    who = f" by {event['actor']}" if event.get("actor") else ""
    entity = f"{event.get('type')} {event.get('stream')} v{event.get('version')}{who}"
    sequence = f"sequence {event['sequence']:,}"
    return f"{sequence}  {when}  {show.short(entity, 200)}  {show.short(data, 100)}"


def prove(
    sequence: Annotated[
        int, typer.Argument(metavar="SEQUENCE", min=1, help="The event's sequence.")
    ],
    at: At = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a proof that an event is part of the log.

    The proof is JSON. `stet verify --proof` checks it against the log's digest, without the log.

    Example: stet prove 12 > proof.json && stet verify --proof proof.json
    """
    with errors_as_messages():
        show.json_text(open_archive(home).log.prove(sequence, at).to_json())


def subscriptions(
    reset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Reset this subscription; no process may be using it."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="start|now|SEQUENCE",
            help="With --reset: where it goes on: at the first event (start, the default), at the"
            " next one that is appended (now), or at a sequence.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """List subscriptions and their lag, or reset one.

    A subscription is a program's place in the log: its checkpoint is the last event it has dealt
    with.

    Example: stet subscriptions --reset mail --to 1200
    """
    if to is not None and reset is None:
        raise typer.BadParameter("goes with --reset NAME", param_hint="--to")
    with errors_as_messages():
        log = open_archive(home).log
        if reset is not None:
            _reset(log, reset, to or "start")
        statuses = [status for status in log.subscriptions() if reset in (None, status.name)]
        result = {"head": log.head, "subscriptions": [_subscription(each) for each in statuses]}
    if as_json:
        show.json(result)
    elif not statuses:
        show.line("this log has no subscriptions yet; EventLog.subscribe makes one")
    else:
        _print_subscriptions(statuses)


def _reset(log: EventLog, name: str, to: str) -> None:
    known = {status.name: status for status in log.subscriptions()}
    if name not in known:
        names = f"there is {', '.join(known)}" if known else "there is none yet"
        raise Failure(f"no subscription {name!r}; {names}")
    categories = [each for each in known[name].categories or () if each in log.registry]
    with log.subscribe(name, categories or None) as subscription:
        subscription.reset(int(to) if to.isascii() and to.isdigit() else to)


def _subscription(status: SubscriptionStatus) -> dict[str, Any]:
    """A subscription as ``--json`` prints it, with the names that ``stet status`` uses."""
    fields = asdict(status)
    return {
        "name": fields.pop("name"),
        "checkpoint": fields.pop("checkpoint"),
        "lag_events": fields.pop("lag"),
        "lag_seconds": round(fields.pop("lag_seconds"), 3),
        **fields,
    }


def _print_subscriptions(statuses: list[SubscriptionStatus]) -> None:
    headings = ("name", "checkpoint", "lag (events)", "lag (seconds)", "categories", "held by")
    lines = [
        (
            status.name,
            show.number(status.checkpoint),
            show.number(status.lag),
            show.number(status.lag_seconds),
            ", ".join(status.categories or ("all",)),
            f"process {status.holder.process} on {status.holder.host}" if status.holder else "",
        )
        for status in statuses
    ]
    show.table(headings, lines, right=headings[1:4])
    for status in statuses:
        if status.problem:
            show.note(f"{status.name}: {status.problem}")


def warn_of_clock(seconds: float) -> float:
    """Print on stderr that the last event is so far ahead of the clock; returns the seconds."""
    from event_log import clock_warning

    if told := clock_warning(seconds):
        show.note(told)
    return seconds


def print_log_status(home: object, status: Mapping[str, Any]) -> None:
    """Print the log's head, its digest, and how far it is sealed."""
    through, count = status["sealed_through"], counted(status["open_commits"], "open commit")
    show.line(f"{show.name(home)}: head {status['head']:,}, digest {status['digest']}")
    show.line(f"sealed through {through:,}, then {count}" if through else f"{count}, none sealed")
