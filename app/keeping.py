"""The commands that keep the log: seal, verify, prove, subscriptions."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import show
from app.options import DEFAULT_HOME, At, Failure, Home, Json, open_archive, told

if TYPE_CHECKING:
    from event_log import EventLog, Proof, SubscriptionStatus, Verified

DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


def seal(
    grace: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long replaced files stay for those who read them."
        ),
    ] = 3600.0,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Rewrite the open commits into large files; safe beside readers, writers and other sealers.

    Example: stet seal --grace 600
    """
    with told():
        sealed = open_archive(home).log.seal(grace)
    if as_json:
        typer.echo(show.json_line(asdict(sealed)))
        return
    did = "no commit was open"
    if sealed.events:
        what = f"{_counted(sealed.events, 'event')} of {_counted(sealed.commits, 'commit')}"
        merged = f" (with them {sealed.merged:,} sealed before)" if sealed.merged else ""
        did = f"sealed {what}{merged} into {_counted(sealed.files, 'file')}"
    removed = _counted(sealed.removed, "file")
    typer.echo(f"{did}; sealed through sequence {sealed.through:,}; removed {removed}")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _digest(value: str | None) -> str | None:
    if value is not None and not DIGEST.fullmatch(value.strip()):
        raise typer.BadParameter(f"{value!r} is no digest: give its 64 hexadecimal digits")
    return value


Witness = Annotated[
    Path | None,
    typer.Option(
        "--witness",
        metavar="FILE",
        help="Outside the log: remembers the head, and tells when the log has lost its end.",
    ),
]
ProofFile = Annotated[
    str | None,
    typer.Option("--proof", metavar="FILE", help="Check what `stet prove` wrote, without a log."),
]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", metavar="HEX", callback=_digest, help="The digest that the proof must be for."
    ),
]
FromSequence = Annotated[
    int | None, typer.Option("--from", min=1, metavar="SEQUENCE", help="This event and later.")
]
ToSequence = Annotated[
    int | None, typer.Option("--to", min=1, metavar="SEQUENCE", help="This event and earlier.")
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
    """Recompute all digests; names the first sequence that does not fit.

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
        raise typer.BadParameter(f"{last} is before --from {first}", param_hint="--to")
    with told():
        if proof is not None:
            _verify_proof(proof, digest, as_json)
        elif witness is not None:
            _verify_witnessed(open_archive(home).log, witness, as_json)
        else:
            log = open_archive(home).log
            held = log.verify((first or 1) - 1, last)
            if as_json:
                typer.echo(show.json_line(asdict(held)))
            else:
                _print_held(held, log.sealed_through)


def _print_held(held: Verified, sealed_through: int) -> None:
    parts = (
        _counted(held.commits, "commit")
        if sealed_through < held.first
        else f"{_counted(held.commits, 'part')} (sealed groups, commits)"
    )
    which = f", sequences {held.first:,} to {held.last:,}" if held.events else ""
    believed = f" (what is before {held.first:,} is believed)" if held.first > 1 else ""
    typer.echo(
        f"the log holds: {_counted(held.events, 'event')} in {parts}{which}{believed}, "
        f"digest {held.digest}"
    )


def _verify_witnessed(log: EventLog, file: Path, as_json: bool) -> None:
    from event_log import read_witness, verify_with_witness

    before = read_witness(file)
    held, now = verify_with_witness(log, file)
    if as_json:
        said = {"file": str(file), "sequence": now.sequence, "digest": now.digest}
        typer.echo(show.json_line({**asdict(held), "witness": said}))
        return
    _print_held(held, log.sealed_through)
    saw = f"saw head {before.sequence:,} and" if before else "is new and"
    typer.echo(f"the witness {file} {saw} now keeps head {now.sequence:,}")


def _verify_proof(file: str, digest: str | None, as_json: bool) -> None:
    from event_log import Proof, check_proof

    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"cannot read the proof {file}: {error.strerror}") from None
    found = Proof.from_json(text)
    check_proof(found, digest)
    if as_json:
        head = {"sequence": found.size, "digest": found.root.hex(), "given": digest is not None}
        typer.echo(show.json_line({"event": found.event, "head": head}))
    else:
        _print_proof(found, given=digest is not None)


def _print_proof(proof: Proof, given: bool) -> None:
    typer.echo(f"the proof holds: {_event_line(proof.event)}")
    typer.echo(f"head {proof.size:,}, digest {proof.root.hex()}")
    shows = f"that this event is number {proof.sequence:,} of a log whose head has this digest"
    typer.echo(
        f"shown: {shows}, the one that you gave\n"
        "not shown: who wrote the event, and whether it is true"
        if given
        else f"shown: {shows}\n"
        "not shown: that it is your log; give a digest that you know from elsewhere (a receipt, a "
        "witness, stet verify) with --digest"
    )


def _event_line(event: Mapping[str, Any]) -> str:
    data = " ".join(f"{name}={show.short(value, 40)}" for name, value in event["data"].items())
    when = event.get("occurred_at") or event.get("recorded_at") or ""
    who = f" by {event['actor']}" if event.get("actor") else ""
    named = f"{event.get('type')} {event.get('stream')} v{event.get('version')}{who}"
    return (
        f"sequence {event['sequence']:,}  {when}  {show.short(named, 200)}  {show.short(data, 100)}"
    )


def prove(
    sequence: Annotated[int, typer.Argument(min=1, help="The event's place in the log.")],
    at: At = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print a proof, as JSON, that an event stands in the log with the digest of a head.

    Example: stet prove 12 > proof.json && stet verify --proof proof.json
    """
    with told():
        typer.echo(open_archive(home).log.prove(sequence, at).to_json(), nl=False)


def subscriptions(
    reset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Move this one, which nobody may hold.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="start|now|SEQUENCE", help="The next to come after a reset: start."),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print who follows the log, how far each has come, and who holds it; or reset one.

    Example: stet subscriptions --reset mail --to 1200
    """
    if to is not None and reset is None:
        raise typer.BadParameter("goes with --reset NAME", param_hint="--to")
    with told():
        log = open_archive(home).log
        if reset is not None:
            _reset(log, reset, to or "start")
        found = [one for one in log.subscriptions() if reset in (None, one.name)]
        told_of = {"head": log.head, "subscriptions": [_subscription(one) for one in found]}
    if as_json:
        typer.echo(show.json_line(told_of))
    elif not found:
        typer.echo("nobody has subscribed to this log yet; EventLog.subscribe does")
    else:
        _print_subscriptions(found)


def _reset(log: EventLog, name: str, to: str) -> None:
    known = {one.name: one for one in log.subscriptions()}
    if name not in known:
        there = f"there is {', '.join(known)}" if known else "there is none yet"
        raise Failure(f"no subscription {name!r}; {there}")
    seen = known[name].categories
    kept = [category for category in seen or () if category in log.registry]
    with log.subscribe(name, kept or None) as subscription:
        subscription.reset(int(to) if to.isascii() and to.isdigit() else to)


def _subscription(one: SubscriptionStatus) -> dict[str, Any]:
    """A subscription as JSON has it, with the words of ``stet status``."""
    said = asdict(one)
    return {
        "name": said.pop("name"),
        "checkpoint": said.pop("checkpoint"),
        "lag_events": said.pop("lag"),
        "lag_seconds": round(said.pop("lag_seconds"), 3),
        **said,
    }


def _print_subscriptions(found: list[SubscriptionStatus]) -> None:
    headings = ("name", "checkpoint", "lag (events)", "lag (seconds)", "categories", "held by")
    lines = [
        (
            one.name,
            show.number(one.checkpoint),
            show.number(one.lag),
            show.number(one.lag_seconds),
            ", ".join(one.categories or ("all",)),
            f"process {one.holder.process} on {one.holder.host}" if one.holder else "",
        )
        for one in found
    ]
    show.table(headings, lines, right=headings[1:4])
    for one in found:
        if one.problem:
            show.note(f"{one.name}: {one.problem}")


def standing(log: EventLog) -> dict[str, Any]:
    """What ``stet status`` says of the log itself."""
    return {
        "head": log.head,
        "digest": log.digest,
        "sealed_through": log.sealed_through,
        "open_commits": log.open_commits,
    }


def standing_line(home: object, found: Mapping[str, Any]) -> str:
    """The same for people."""
    through, count = found["sealed_through"], _counted(found["open_commits"], "open commit")
    return f"{home}: head {found['head']:,}, digest {found['digest']}\n" + (
        f"sealed through {through:,}, then {count}" if through else f"{count}, none sealed"
    )
