"""Proofs that an event is in the log of a head, which can be checked without the log.

A proof has the event as JSON, its canonical form, and the path from the form's digest to the head's
digest (``event_log.digests.merkle``): 2 KiB beside the event in a log of ten million events.
Compare the head's digest with one that the log's keeper published before (a receipt, ``stet
verify``, a witness). A digest that comes only with the proof could be forged together with it.
"""

from __future__ import annotations

import json
import math
import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from event_log.dates import EPOCH
from event_log.digests import canonical
from event_log.digests.canonical import CHAINED, LIST, NULL_ITEM
from event_log.digests.digest import canonical_forms, digest_of
from event_log.digests.merkle import Frontier, PathBuilder, inclusion_subtrees, verify_inclusion
from event_log.errors import DamagedLog, EventLogError
from event_log.snapshot import instant_text

FORMAT = "stet-proof-1"
TYPE = re.compile(rb"[\0-\x1f]")


class InvalidProof(EventLogError, ValueError):
    """The proof is not valid; the message names the part that does not match."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that an event is in the log with ``size`` events and the digest ``root``.

    ``event`` is the event as JSON: the envelope, and ``data`` with the fields that it carries.
    ``form`` is its canonical form, ``digest`` that form's digest, ``path`` the digests beside the
    way up to ``root``; all digests are 32 bytes.
    """

    event: Mapping[str, Any]
    form: bytes
    digest: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]

    @property
    def sequence(self) -> int:
        """The event's place in the log."""
        sequence: int = self.event["sequence"]
        return sequence

    def to_json(self) -> str:
        """Return the proof as JSON: digests in hexadecimal, the canonical form in Base64."""
        parts = {
            "format": FORMAT,
            "event": self.event,
            "canonical_form": b64encode(self.form).decode(),
            "digest": self.digest.hex(),
            "head": {"sequence": self.size, "digest": self.root.hex()},
            "path": [step.hex() for step in self.path],
        }
        return json.dumps(parts, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Proof:
        """Parse the proof that ``to_json`` wrote, unchecked; raises ``InvalidProof`` for others."""
        try:
            parts = json.loads(text, object_pairs_hook=_once)
            if parts["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            head, event = parts["head"], parts["event"]
            if not _is_whole(head["sequence"]) or not _is_whole(event["sequence"]):
                raise ValueError("a sequence is no whole number")
            return cls(
                dict(event),
                b64decode(parts["canonical_form"], validate=True),
                bytes.fromhex(parts["digest"]),
                head["sequence"],
                bytes.fromhex(head["digest"]),
                tuple(map(bytes.fromhex, parts["path"])),
            )
        except KeyError as error:
            reason = f"it has no {error.args[0]!r}"
        except ValueError as error:
            reason = str(error)
        except (TypeError, AttributeError, RecursionError):
            reason = "its parts are not a proof's"
        raise InvalidProof(f"this is no proof: {reason}; take a file that stet prove wrote")


def prove(
    event: pa.RecordBatch,
    head: Frontier,
    digests: Iterable[bytes | memoryview],
    before: Frontier | None = None,
) -> Proof:
    """Return the proof that an event is in the log of a head.

    ``event`` is a batch of this one event with the columns of ``event_digests``, as it was
    written: not upcast. ``digests`` has the events' digests in order up to the head, any number at
    a time; with ``before``, the frontier of a commit before the event, only those after it.

    Raises ``DamagedLog`` when the event and the digests do not lead to the head's digest, and
    ``ValueError`` for fewer digests than the head has events.
    """
    sequence = event.column("sequence")[0].as_py()
    builder = PathBuilder(inclusion_subtrees(sequence - 1, head.size), before)
    for block in digests:
        builder.add(block)
    form = canonical_forms(event)[0].as_py()
    path = builder.path()
    proof = Proof(_values_of(form), form, digest_of(form), head.size, head.root, path)
    try:
        check_proof(proof)
    except InvalidProof:
        reason = "this event cannot be proven, for it is not the one that the head's digest covers"
        raise DamagedLog(f"{reason}; stet verify finds the place", sequence) from None
    return proof


def check_proof(proof: Proof, head: str | None = None) -> None:
    """Check a proof, and that its head's digest is ``head`` (hexadecimal) if given.

    Raises ``InvalidProof`` at the first part that does not match. Needs no log.
    """
    if digest_of(proof.form) != proof.digest:
        raise InvalidProof("the event's canonical form was changed: it has another digest")
    try:
        values = _values_of(proof.form)
    except (ValueError, OverflowError) as error:
        raise InvalidProof(f"the event's canonical form cannot be read: {error}") from None
    _check_shown(proof.event, values)
    index = proof.sequence - 1
    if not verify_inclusion(proof.digest, index, proof.size, proof.path, proof.root):
        raise InvalidProof(
            f"the path does not lead from the event of sequence {proof.sequence} "
            f"to the digest of head {proof.size}"
        )
    if head is not None and proof.root.hex() != head.strip().lower():
        raise InvalidProof(
            f"the proof is for head {proof.size} with the digest {proof.root.hex()}, not for "
            f"{head.strip()}; take the digest at that head, or prove the event anew"
        )


def _check_shown(shown_event: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise ``InvalidProof`` when the proof's event differs from its canonical form."""
    shown = dict(shown_event)
    data = shown.pop("data", None)
    shown |= {f"data.{k}": v for k, v in data.items()} if isinstance(data, dict) else {"data": data}
    expected = {name: value for name, value in values.items() if name != "data"}
    expected |= {f"data.{name}": value for name, value in values["data"].items()}
    for name in {**expected, **shown}:
        # Compared as JSON, because True == 1 == 1.0 in Python.
        if name not in shown or json.dumps(shown[name]) != json.dumps(expected.get(name)):
            raise InvalidProof(
                f"{name}: the event that is shown is not the one of the canonical form, "
                f"which has {_short(expected[name]) if name in expected else 'no such value'}"
            )


def _values_of(form: bytes) -> dict[str, Any]:
    """Parse a canonical form to the event as JSON; raises ``ValueError`` when it is none."""
    envelope: dict[str, Any] = {}
    data: dict[str, Any] = {}
    place = 0
    while place < len(form):
        kind = TYPE.search(form, place)
        if kind is None:
            raise ValueError("it ends too early")
        name = form[place : kind.start()].decode()
        value, place = _measured(form, kind.end())
        part = data if name.startswith(".") else envelope
        name = name.removeprefix(".")
        if name in part or (part is envelope and name not in CHAINED):
            raise ValueError(f"{name!r} is not expected in it")
        part[name] = _value(value, kind[0][0])
    return {**envelope, "data": data}


def _measured(form: bytes, place: int) -> tuple[bytes, int]:
    """Return the value whose length is at a place, and where it ends."""
    start = place + 4
    end = start + int.from_bytes(form[place:start], "little")
    if len(form) < end:
        raise ValueError("it ends too early")
    return form[start:end], end


def _value(value: bytes, kind: int) -> Any:
    """Convert a value of a canonical form to JSON."""
    read = READERS.get(kind & ~LIST)
    if read is None:
        raise ValueError(f"{kind} is no type")
    if not kind & LIST:
        return read(value)
    items: list[Any] = []
    place = 0
    while place < len(value):
        if value[place : place + 4] == NULL_ITEM.to_bytes(4, "little"):
            items.append(None)
            place += 4
        else:
            item, place = _measured(value, place)
            items.append(read(item))
    return items


def _integer(value: bytes, size: int = 8) -> int:
    return int.from_bytes(_sized(value, size), "little", signed=True)


def _number(value: bytes) -> float | str:
    """Convert a number; NaN and infinities become text, because JSON has none."""
    number: float = struct.unpack("<d", _sized(value, 8))[0]
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _sized(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise ValueError(f"a value has {len(value)} bytes instead of {size}")
    return value


READERS: Mapping[int, Callable[[bytes], Any]] = {
    canonical.STRING: bytes.decode,
    canonical.INTEGER: _integer,
    canonical.MOMENT: lambda value: instant_text(EPOCH + timedelta(microseconds=_integer(value))),
    canonical.DAY: lambda value: (EPOCH.date() + timedelta(days=_integer(value, 4))).isoformat(),
    canonical.BOOLEAN: lambda value: bool(_integer(value, 1)),
    canonical.NUMBER: _number,
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object; refuses repeated names, which readers resolve differently."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name comes twice in an object")
    return members


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"
