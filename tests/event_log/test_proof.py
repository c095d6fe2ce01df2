"""A proof shows that an event stands in the log of a head; whatever is changed in it is told."""

from __future__ import annotations

import dataclasses
import json
import math
from base64 import b64encode
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers, in_sizes

from event_log import DamagedLog, EventLogError, NewEvent
from event_log.digests.canonical import joined
from event_log.digests.digest import digest_of, event_digests
from event_log.digests.merkle import Frontier
from event_log.proving.proof import InvalidProof, Proof, check_proof, prove

MOMENT = datetime(1851, 9, 18, 5, 0, 0, 125_000, tzinfo=UTC)
EVERYTHING = {
    "text": "it's <b>here</b> ☃",
    "prose": "Call me Ishmael.\n" * 20,
    "count": -(2**63),
    "ratio": 0.1,
    "done": False,
    "moment": MOMENT,
    "day": date(1851, 9, 18),
    "names": ["a", "", "𝔘"],
    "numbers": [2**63 - 1, -1],
    "cleared": [],
}
OTHER_JSON = {
    "event.sequence": 2,
    "event.event_id": "other",
    "event.stream": "thing/2",
    "event.version": 2,
    "event.recorded_at": "2020-01-01T00:00:00Z",
    "event.occurred_at": "1851-09-18T05:00:00Z",
    "event.actor": "somebody else",
    "event.category": "approved",
    "event.data.text": "something else",
    "event.data.count": 1.0,
    "event.data.ratio": 0.25,
    "event.data.done": 0,
    "event.data.moment": "1851-09-18T05:00:00.125001Z",
    "event.data.day": "1851-09-19",
    "event.data.names": ["a", "𝔘"],
    "event.data.numbers": [2**63 - 1, 1],
    "event.data.added": "a field",
}


class Written:
    """A log with what a proof is made of, read from it."""

    def __init__(self, log, events: list[NewEvent]) -> None:
        log.append(events)
        self.events = pa.Table.from_batches(list(log.scan())).combine_chunks().to_batches()[0]
        self.digests = event_digests(self.events).to_pylist()
        self.head = Frontier.empty().append(b"".join(self.digests))

    def proof(self, sequence: int) -> Proof:
        return prove(self.events.slice(sequence - 1, 1), self.head, self.digests)


@pytest.fixture(scope="module")
def written(domain, tmp_path_factory) -> Written:
    log = domain.open(tmp_path_factory.mktemp("proven") / "log")
    everything = NewEvent("thing/1", "ThingMade", EVERYTHING, "one", MOMENT, "me", "c1", "c2")
    others = [domain.made(f"thing/{n}") for n in range(2, 9)]
    return Written(log, [everything, *others, domain.written(), NewEvent("thing/1", "ThingHidden")])


def test_every_event_of_a_log_is_proven_without_the_log(written) -> None:
    for sequence in range(1, 11):
        proof = Proof.from_json(written.proof(sequence).to_json())
        assert proof == written.proof(sequence)
        assert proof.sequence == sequence
        assert check_proof(proof, written.head.root.hex()) is None


def test_a_proof_shows_the_event_as_json_has_it(written) -> None:
    shown = json.loads(written.proof(1).to_json())["event"]
    assert shown.pop("data") == EVERYTHING | {
        "moment": "1851-09-18T05:00:00.125000Z",
        "day": "1851-09-18",
    }
    assert {**shown, "recorded_at": None} == {
        "sequence": 1,
        "event_id": "one",
        "stream": "thing/1",
        "version": 1,
        "type": "ThingMade",
        "schema_version": 1,
        "recorded_at": None,
        "occurred_at": "1851-09-18T05:00:00.125000Z",
        "actor": "me",
        "correlation_id": "c1",
        "causation_id": "c2",
    }


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (3.0, 3.0), (-0.0, -0.0)],
)
def test_numbers_that_json_has_no_word_for_are_shown_as_text(log, ratio, expected) -> None:
    proof = Written(log, [NewEvent("thing/1", "ThingMade", {"ratio": ratio})]).proof(1)
    shown = json.loads(proof.to_json(), parse_constant=pytest.fail)["event"]["data"]["ratio"]
    assert str(shown) == str(expected)
    check_proof(Proof.from_json(proof.to_json()))


def test_an_item_that_is_null_is_shown_as_null(log) -> None:
    """No event from JSON has one; an Arrow table may."""
    found = Written(log, [NewEvent("thing/1", "ThingMade", {"names": ["a"]})])
    names = pa.array([["a", None, ""]])
    event = found.events.set_column(
        found.events.schema.get_field_index("thing"),
        "thing",
        pa.StructArray.from_arrays([names], ["names"]),
    )
    digests = event_digests(event).to_pylist()
    proof = prove(event, Frontier.empty().append(b"".join(digests)), digests)
    assert Proof.from_json(proof.to_json()).event["data"] == {"names": ["a", None, ""]}


@pytest.mark.parametrize("name", OTHER_JSON)
def test_an_event_that_is_shown_otherwise_than_it_was_is_refused_by_its_field(written, name):
    parts = json.loads(written.proof(1).to_json())
    *way, last = name.split(".")
    place = parts
    for step in way:
        place = place[step]
    assert json.dumps(place.get(last)) != json.dumps(OTHER_JSON[name])
    place[last] = OTHER_JSON[name]
    shown = name.removeprefix("event.")
    with pytest.raises(InvalidProof, match=f"^{shown}: the event that is shown is not the one"):
        check_proof(Proof.from_json(json.dumps(parts)))


@pytest.mark.parametrize("name", ["actor", "data.text", "data.cleared"])
def test_a_part_of_the_event_that_is_not_shown_is_missed(written, name: str) -> None:
    parts = json.loads(written.proof(1).to_json())
    place = parts["event"]["data"] if "." in name else parts["event"]
    del place[name.removeprefix("data.")]
    with pytest.raises(InvalidProof, match=f"^{name}: the event that is shown"):
        check_proof(Proof.from_json(json.dumps(parts)))


def test_a_canonical_form_that_was_changed_has_another_digest(written) -> None:
    proof = written.proof(1)
    form = proof.form.replace(b"Ishmael", b"Captain")
    with pytest.raises(InvalidProof, match="canonical form was changed: it has another digest"):
        check_proof(dataclasses.replace(proof, form=form))


def test_an_event_made_up_with_a_digest_that_fits_does_not_lead_to_the_head(written) -> None:
    proof = written.proof(1)
    form = proof.form.replace(b"Ishmael", b"Captain")
    data = proof.event["data"] | {"prose": "Call me Captain.\n" * 20}
    made_up = dataclasses.replace(
        proof, form=form, digest=digest_of(form), event=dict(proof.event) | {"data": data}
    )
    with pytest.raises(InvalidProof, match="does not lead from the event of sequence 1 to the dig"):
        check_proof(made_up)


def test_a_proof_for_another_head_than_the_expected_is_refused(written) -> None:
    proof = written.proof(3)
    check_proof(proof, written.head.root.hex().upper() + "\n")
    with pytest.raises(InvalidProof, match=r"is for head 10 with the digest .* not for 00ff; take"):
        check_proof(proof, "00ff")


@given_in_tiers(60, 300, data=st.data())
def test_no_flipped_bit_of_any_part_passes(written, data) -> None:
    proof = written.proof(data.draw(st.integers(1, 10)))
    parts = {"form": proof.form, "digest": proof.digest, "root": proof.root}
    parts |= {str(place): step for place, step in enumerate(proof.path)}
    name = data.draw(st.sampled_from(sorted(parts)))
    changed = bytearray(parts[name])
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    if name.isdigit():
        path = [*proof.path]
        path[int(name)] = bytes(changed)
        other = dataclasses.replace(proof, path=tuple(path))
    else:
        other = dataclasses.replace(proof, **{name: bytes(changed)})
    with pytest.raises(InvalidProof):
        check_proof(Proof.from_json(other.to_json()))


@given_in_tiers(60, 300, data=st.data())
def test_a_form_that_is_none_is_refused_and_never_a_traceback(written, data) -> None:
    """Its digest is made to fit, so that it is read."""
    proof = written.proof(1)
    form = bytearray(proof.form)
    start = data.draw(st.integers(0, len(form) - 1))
    form[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    other = dataclasses.replace(proof, form=bytes(form), digest=digest_of(bytes(form)))
    if other.form != proof.form:
        with pytest.raises(InvalidProof):
            check_proof(other)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[]", "its parts are not a proof's"),
        ("{}", "it has no 'format'"),
        ('{"format": "other"}', "its format is not stet-proof-1"),
        ('{"format": "stet-proof-1"}', "it has no 'head'"),
        ("[" * 200_000, "its parts are not a proof's"),
        (b"\xff", "codec can't decode"),
    ],
)
def test_what_is_no_proof_is_told_in_a_line(text, reason: str) -> None:
    with pytest.raises(
        InvalidProof, match=rf"^this is no proof: .*{reason}.*; take a file"
    ) as told:
        Proof.from_json(text)
    assert "\n" not in str(told.value)
    assert isinstance(told.value, EventLogError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", ["zz"]),
        ("path", 5),
        ("digest", "0"),
        ("canonical_form", "not base64!"),
        ("event", ["an event"]),
        ("event", {"sequence": True}),
        ("event", {"sequence": "1"}),
        ("head", {"sequence": 1.5, "digest": ""}),
        ("head", {"sequence": 1}),
    ],
)
def test_a_part_that_is_no_proofs_is_told(written, name: str, value) -> None:
    parts = json.loads(written.proof(1).to_json()) | {name: value}
    with pytest.raises(InvalidProof, match=r"^this is no proof: "):
        Proof.from_json(json.dumps(parts))


def test_a_name_that_comes_twice_is_refused(written) -> None:
    """Else one reader would see the one event, and another reader the other."""
    text = written.proof(1).to_json().replace('"actor": "me"', '"actor": "you", "actor": "me"')
    with pytest.raises(InvalidProof, match="a name comes twice in an object"):
        Proof.from_json(text)


def test_an_event_that_the_head_does_not_cover_cannot_be_proven(written) -> None:
    digests = [*written.digests]
    digests[2] = bytes(32)
    head = Frontier.empty().append(b"".join(digests))
    for sequence in (1, 4, 10):
        with pytest.raises(DamagedLog, match=f"^sequence {sequence}: this event cannot be proven"):
            prove(written.events.slice(sequence - 1, 1), written.head, digests)
    with pytest.raises(DamagedLog, match="sequence 3: "):
        prove(written.events.slice(2, 1), head, digests)


def test_a_proof_is_made_from_the_frontier_of_a_commit_before_the_event(written) -> None:
    before = Frontier.empty().append(b"".join(written.digests[:5]))
    proof = prove(written.events.slice(7, 1), written.head, written.digests[5:], before)
    assert proof == written.proof(8)


@in_sizes("blocks", 5, 125)
def test_a_proof_in_a_log_of_a_million_events_is_2_kib_beside_the_event(
    written, blocks: int
) -> None:
    others = bytes(32) * 8_000
    digests = [written.digests[0], bytes(32) * 7_999, *[others] * blocks]
    head = Frontier.empty().append(b"".join(digests))
    proof = prove(written.events.slice(0, 1), head, digests)
    event = json.dumps(dict(proof.event), ensure_ascii=False, indent=2)
    assert len(proof.path) == math.ceil(math.log2(head.size))
    assert len(proof.to_json()) - len(event) - len(b64encode(proof.form)) < 2_500


def test_the_form_in_a_proof_is_the_one_that_is_hashed(written) -> None:
    (leaf,) = joined(written.events.slice(0, 1), b"\0").to_pylist()
    assert b"\0" + written.proof(1).form == leaf
