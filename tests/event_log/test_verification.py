"""``verify`` finds every change of a file, and names the first sequence that does not fit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sealed import manifests, sealed_files, small_spans

from event_log import DamagedLog, EventLog, EventLogError, InvalidPoint, NewEvent
from event_log.category import ENVELOPE
from event_log.digests import checksum
from event_log.digests.digest import event_digests
from event_log.digests.merkle import Frontier
from event_log.files import commit, log_digest
from event_log.files.log_digest import flat

COMMITS = 4
BYTES = pytest.mark.parametrize(
    "share", [pytest.param(5, id="some bytes"), pytest.param(1, marks=pytest.mark.slow, id="many")]
)
"""Of the bytes that a test changes, one in so many; all of them are slow."""


@pytest.fixture
def full(log: EventLog, domain) -> EventLog:
    """A log of four commits with three events each: 1 to 12."""
    for number in range(COMMITS):
        data = {"text": f"text {number}" * 5, "count": number, "names": ["a", "b"]}
        log.append(
            [
                NewEvent(f"thing/{number}", "ThingMade", data),
                domain.written(f"note/{number}", actor="ana"),
                domain.changed(f"thing/{number}"),
            ]
        )
    return log


def commits_of(log: EventLog) -> list[Path]:
    return sorted((log.path / "commits").iterdir())


def found(log: EventLog) -> DamagedLog:
    """What verifying says, to one who opens the log anew; on one line, with a way out."""
    with pytest.raises(DamagedLog) as caught:
        EventLog(log.path, tuple(log.registry.values())).verify()
    assert "\n" not in str(caught.value).strip()
    assert "backup" in str(caught.value) or "move the file" in str(caught.value)
    return caught.value


def rewritten(path: Path, change, *, chained: bool = False) -> None:
    """Write a commit anew with changed events, whose digests and checksum are made to fit."""
    about = commit.read_metadata(path)
    batch = change(pq.read_table(path)).combine_chunks().to_batches()[0]
    place = ENVELOPE.get_field_index("digest")
    digests = event_digests(batch)
    batch = batch.set_column(place, batch.schema.field(place), digests)
    if chained:
        before = Frontier.empty()
        if about.first > 1:
            earlier = sorted(path.parent.iterdir())
            before = commit.read_metadata(earlier[earlier.index(path) - 1]).frontier
        about = replace(about, frontier=before.append(flat(digests)))
    write(path, pa.Table.from_batches([batch]), about)


def write(path: Path, events: pa.Table, about: commit.CommitMetadata) -> None:
    writer = commit.Writer(path, events.schema, None)
    writer.write(events)
    writer.close(about.footer)


def replaced(column: str, values):
    """A change of one column."""

    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(column)
        old = table.column(column)
        return table.set_column(
            place, table.schema.field(place), pa.array(values(old.to_pylist()), old.type)
        )

    return change


def test_a_log_that_nobody_touched_holds(full) -> None:
    verified = full.verify()
    assert (verified.events, verified.commits, verified.digest) == (12, COMMITS, full.digest)


@BYTES
def test_any_changed_byte_of_a_file_is_found(full, share: int) -> None:
    draw = random.Random(1851)
    for number, path in enumerate(commits_of(full)[:2]):
        whole = path.read_bytes()
        places = {0, 3, 4, 5, len(whole) - 1, len(whole) - 5, len(whole) - 8}
        places |= {draw.randrange(len(whole)) for _ in range(150 // share)}
        for place in places:
            changed = bytearray(whole)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            error = found(full)
            assert str(error).startswith(f"sequence {error.sequence}: ")
            assert number * 3 < error.sequence <= number * 3 + 3, place
        path.write_bytes(whole)
    full.verify()


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"prose", b"\xffrose"),  # a name that is no text
        (b"\x18\x012", b"\x18\x013"),  # the format, which a newer Stet would have
        (b"\x18\x012", b"\x18\x01x"),
    ],
)
def test_damage_that_looks_like_something_else_is_found(full, was: bytes, now: bytes) -> None:
    path = commits_of(full)[1]
    whole = path.read_bytes()
    assert was in whole
    path.write_bytes(whole.replace(was, now))
    assert found(full).sequence == 4


def test_a_field_of_a_type_that_no_event_has_is_found(full) -> None:
    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index("thing")
        struct = table.column("thing").combine_chunks()
        fields = [f.with_type(pa.binary()) if f.name == "text" else f for f in struct.type]
        arrays = [a.cast(f.type) for a, f in zip(struct.flatten(), fields, strict=True)]
        mask = struct.is_null()
        changed = pa.StructArray.from_arrays(arrays, fields=fields, mask=mask)
        return table.set_column(place, "thing", changed)

    path = commits_of(full)[1]
    about = commit.read_metadata(path)
    write(path, change(pq.read_table(path)), about)
    assert found(full).sequence == 4


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"\0" * 5000, b"not parquet at all" * 50])
def test_a_file_with_other_contents_is_found(full, damage: bytes) -> None:
    for place in (0, 3):
        path = commits_of(full)[place]
        whole = path.read_bytes()
        path.write_bytes(damage)
        assert found(full).sequence == 3 * place + 1
        path.write_bytes(whole)


def test_a_file_that_was_cut_short_is_found(full) -> None:
    path = commits_of(full)[1]
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert found(full).sequence == 4


def test_a_deleted_commit_is_found_and_reading_does_not_pass_over_it(full) -> None:
    for place in (0, 1, 2):
        path = commits_of(full)[place]
        whole = path.read_bytes()
        path.unlink()
        error = found(full)
        assert error.sequence == 3 * place + 1
        assert str(error).endswith(f"{path} is missing; restore it from a backup")
        anew = EventLog(full.path, tuple(full.registry.values()))
        stream = f"thing/{place}"
        for attempt in (
            anew.read,
            anew.scan,
            lambda log=anew: log.at().files(),
            lambda log=anew, place=place: log.at(3 * place + 2).digest,
            lambda log=anew, stream=stream: log.read(stream=stream),
        ):
            with pytest.raises(DamagedLog, match=f"sequence {3 * place + 1}: "):
                list(attempt())
        path.write_bytes(whole)


def test_two_swapped_commits_are_found(full) -> None:
    one, two = commits_of(full)[1:3]
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert found(full).sequence == 4


def test_a_commit_that_was_copied_to_the_end_is_found(full) -> None:
    one = commits_of(full)[0]
    (one.parent / f"{13:020d}.parquet").write_bytes(one.read_bytes())
    assert found(full).sequence == 13


def test_an_event_that_was_rewritten_with_its_own_digest_is_found(full) -> None:
    rewritten(commits_of(full)[1], replaced("actor", lambda old: ["eve", *old[1:]]))
    error = found(full)
    assert error.sequence == 4
    assert "is not that of its events" in str(error)


def test_a_commit_that_was_rewritten_with_its_whole_digest_is_found_at_the_next(full) -> None:
    rewritten(commits_of(full)[1], replaced("actor", lambda old: ["eve", *old[1:]]), chained=True)
    error = found(full)
    assert error.sequence == 7
    assert "does not continue the one before it" in str(error)


def test_the_last_commit_that_was_rewritten_is_found_by_a_digest_kept_elsewhere(full) -> None:
    kept = full.digest
    rewritten(commits_of(full)[3], replaced("actor", lambda old: ["eve", *old[1:]]), chained=True)
    assert EventLog(full.path, tuple(full.registry.values())).verify().digest != kept


def stray(table: pa.Table) -> pa.Table:
    """The third event's ``count`` moved into another category: the canonical form is the same."""
    other = pa.array([None, None, {"kind": "x"}], table.schema.field("note").type)
    return table.set_column(table.schema.get_field_index("note"), table.schema.field("note"), other)


@pytest.mark.parametrize(
    ("change", "sequence"),
    [
        (replaced("sequence", lambda _: [4, 6, 5]), 5),
        (replaced("category", lambda _: ["thing", "thing", "thing"]), 5),
        (replaced("category", lambda _: ["thing", "note", None]), 6),
        (replaced("recorded_at", lambda old: [old[0], old[1], None]), 6),
        (stray, 5),
        (lambda table: table.slice(0, 2), 6),
        (lambda table: table.drop_columns(["actor"]), 4),
        (lambda table: table.append_column("extra", table.column("actor")), 4),
        (lambda table: table.rename_columns([*table.schema.names[:-1], "other"]), 5),
    ],
)
def test_what_the_chain_does_not_cover_is_found_too(full, change, sequence: int) -> None:
    path = commits_of(full)[1]
    about = commit.read_metadata(path)
    write(path, change(pq.read_table(path)), about)
    assert found(full).sequence == sequence


def test_a_list_item_that_was_made_null_is_found(full) -> None:
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field("thing")
        column = table.column("thing").to_pylist()
        column[2]["names"] = [None]
        return table.set_column(
            table.schema.get_field_index("thing"), field, pa.array(column, field.type)
        )

    path = commits_of(full)[1]
    write(path, change(pq.read_table(path)), commit.read_metadata(path))
    assert found(full).sequence == 6


@pytest.mark.parametrize(
    "name", ["notes.parquet", "1.parquet", f"{0:020d}.parquet", "x" * 20 + ".parquet"]
)
def test_a_file_that_is_no_commit_is_named(full, name: str) -> None:
    (full.path / "commits" / name).write_bytes(b"")
    error = found(full)
    assert str(error) == f"commits/{name} is no commit's name; move the file out of the log"


def test_files_that_are_not_parquet_do_not_matter(full) -> None:
    (full.path / "commits" / ".DS_Store").write_bytes(b"")
    full.verify()


def test_a_log_that_is_replaced_while_it_is_open_is_noticed(full, domain, tmp_path) -> None:
    other = domain.open(tmp_path / "other")
    for _ in range(COMMITS):
        other.append([domain.made(), domain.changed(), domain.changed()])
    (full.path / "commits").rename(tmp_path / "old")
    with pytest.raises(DamagedLog, match=r"sequence 1: .* is missing"):
        full.append([domain.made()])
    (other.path / "commits").rename(full.path / "commits")
    with pytest.raises(DamagedLog, match="was replaced while the log was open"):
        full.append([domain.made()])
    anew = domain.open(full.path)
    assert anew.append([domain.changed()]).version == 13
    anew.verify()


def test_a_commit_of_a_newer_format_is_not_misread(full, monkeypatch) -> None:
    monkeypatch.setattr(commit, "FORMAT", b"3")
    full.append([NewEvent("thing/9", "ThingMade")])
    monkeypatch.undo()
    with pytest.raises(EventLogError, match="has the format 3, which is newer than this version"):
        EventLog(full.path, tuple(full.registry.values())).verify()


def test_after_a_damaged_commit_the_log_says_the_same_each_time(full, domain) -> None:
    opened = domain.open(full.path)
    assert opened.head == 12
    full.append([domain.made()])
    full.append([domain.made()])
    commits_of(full)[-1].write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(DamagedLog, match="sequence 14: "):
            opened.verify()


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(full) -> None:
    import zlib

    path = commits_of(full)[0]
    kept = pq.read_metadata(path).metadata[b"stet.checksum"].decode()
    whole = path.read_bytes().replace(kept.encode(), checksum.EMPTY.encode())
    assert kept == f"crc32:{zlib.crc32(whole):08x}"


def test_an_event_that_quotes_the_checksum_does_not_disturb_it(log) -> None:
    text = f"{checksum.KEY} {checksum.EMPTY} PAR1"
    log.append([NewEvent("thing/1", "ThingMade", {"text": text}, actor=text)])
    log.append([NewEvent(f"thing/{n}", "ThingMade", {"text": text}) for n in range(300)])
    assert log.verify().events == 301
    assert pc.all(pc.is_valid(next(log.scan(["digest"])).column("digest"))).as_py()


def test_a_range_is_verified_in_the_parts_that_hold_it(full) -> None:
    held = full.verify(after=4, until=7)
    assert (held.first, held.last, held.events, held.commits) == (4, 9, 6, 2)
    assert held.digest == full.at(9).digest
    held = full.verify(after=9)
    assert (held.first, held.last, held.digest) == (10, 12, full.digest)


def test_after_the_head_there_is_nothing_to_verify(full) -> None:
    held = full.verify(after=12)
    assert (held.first, held.last, held.events, held.commits) == (13, 12, 0, 0)
    assert held.digest == full.digest


@pytest.mark.parametrize(("after", "until"), [(13, None), (0, 13), (5, 4), (-1, 3)])
def test_a_range_that_the_log_does_not_have_is_told(full, after: int, until: int | None) -> None:
    with pytest.raises(InvalidPoint, match="cannot be verified; the log's head is 12"):
        full.verify(after, until)


@pytest.mark.parametrize("sealed", [False, True])
def test_damage_outside_of_the_range_is_not_looked_for(full, sealed: bool) -> None:
    if sealed:
        full.seal(0)
        for number in range(COMMITS):
            full.append([NewEvent(f"thing/{number}", "ThingChanged", {"count": 2})])
        damaged = next((full.path / "sealed").rglob("*.parquet"))
    else:
        damaged = commits_of(full)[0]
    damaged.write_bytes(damaged.read_bytes()[:-20] + b"x" * 20)
    anew = EventLog(full.path, tuple(full.registry.values()))
    assert anew.verify(after=anew.head - 2).last == anew.head
    with pytest.raises(DamagedLog):
        anew.verify(until=3)


# sealed logs


@pytest.fixture
def sealed(full) -> Iterator[EventLog]:
    """The same log with its first nine events sealed, in two groups of two files, and one commit.

    The groups hold 1 to 8 and 9, because a span is eight events here.
    """
    with small_spans(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("event_log.files.sealing.SEALED_GROUP_EVENTS", 8)
        last = commits_of(full)[-1]
        aside = full.path / "aside"
        last.rename(aside)
        EventLog(full.path, tuple(full.registry.values())).seal(grace_seconds=0)
        aside.rename(last)
        yield EventLog(full.path, tuple(full.registry.values()))


def first_in(file: Path) -> int:
    return int(file.name[:20])


def test_a_sealed_log_that_nobody_touched_holds(sealed, full) -> None:
    verified = sealed.verify()
    assert (verified.events, verified.commits) == (12, 3)
    assert verified.digest == sealed.digest == full.digest
    assert [first_in(file) for file in sealed_files(sealed)] == [2, 1, 9]


@BYTES
def test_any_changed_byte_of_a_sealed_file_is_found(sealed, share: int) -> None:
    draw = random.Random(1851)
    for path in sealed_files(sealed):
        whole = path.read_bytes()
        first, last = first_in(path), int(path.name[21:41])
        places = {0, 3, 4, len(whole) - 1, len(whole) - 5, len(whole) - 8}
        places |= {draw.randrange(len(whole)) for _ in range(60 // share)}
        for place in places:
            changed = bytearray(whole)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            assert first <= found(sealed).sequence <= last, place
        path.write_bytes(whole)
    sealed.verify()


@BYTES
def test_any_changed_byte_of_a_manifest_is_found(sealed, share: int) -> None:
    path = manifests(sealed)[0]
    whole = path.read_bytes()
    for place in range(0, len(whole), 7 * share):
        for bit in (0, 4):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(EventLogError, match=r"backup|install a newer one"):
                EventLog(sealed.path, tuple(sealed.registry.values())).verify()
    for length in range(0, len(whole), 97 * share):
        path.write_bytes(whole[:length])
        error = found(sealed)
        assert error.sequence == 1
        assert path.name in str(error)
    path.write_bytes(whole)
    sealed.verify()


def test_a_sealed_file_that_is_missing_cut_or_empty_is_found(sealed) -> None:
    for path in sealed_files(sealed):
        whole = path.read_bytes()
        path.unlink()
        error = found(sealed)
        assert error.sequence == first_in(path)
        assert str(error).endswith(f"{path} is missing; restore it from a backup")
        with pytest.raises(DamagedLog, match="is missing; restore it from a backup"):
            list(EventLog(sealed.path, tuple(sealed.registry.values())).read())
        for length in range(0, len(whole), 331):
            path.write_bytes(whole[:length])
            assert found(sealed).sequence == first_in(path)
        path.write_bytes(whole)
    sealed.verify()


def test_a_directory_in_the_place_of_a_file_is_found(sealed) -> None:
    for path in (*sealed_files(sealed), *commits_of(sealed), *manifests(sealed)):
        whole = path.read_bytes()
        path.unlink()
        path.mkdir()
        with pytest.raises(DamagedLog, match=f"{path} is a directory; move it away"):
            EventLog(sealed.path, tuple(sealed.registry.values())).verify()
        path.rmdir()
        path.write_bytes(whole)
    sealed.verify()


def test_two_swapped_sealed_files_are_found(sealed) -> None:
    one, two, three = sealed_files(sealed)
    for first, second in ((one, two), (two, three), (one, three)):
        contents = first.read_bytes(), second.read_bytes()
        first.write_bytes(contents[1])
        second.write_bytes(contents[0])
        assert found(sealed).sequence == min(first_in(first), first_in(second))
        first.write_bytes(contents[0])
        second.write_bytes(contents[1])
    sealed.verify()


def rewritten_sealed(path: Path, change) -> bytes:
    """Write a sealed file anew with a changed event whose digest fits; returns all its digests."""
    about = {key.decode(): value.decode() for key, value in pq.read_metadata(path).metadata.items()}
    about = {key: value for key, value in about.items() if key.startswith("stet.")}
    batch = change(pq.read_table(path, partitioning=None)).combine_chunks().to_batches()[0]
    place = ENVELOPE.get_field_index("digest")
    batch = batch.set_column(place, batch.schema.field(place), event_digests(batch))
    writer = commit.Writer(path, batch.schema, pa.Table.from_batches([batch]), group_events=3)
    writer.write(pa.Table.from_batches([batch]))
    writer.close(lambda: {**about, checksum.KEY: checksum.EMPTY})
    return bytes(flat(batch.column("digest")))


@pytest.mark.parametrize(
    ("place", "change", "sequence"),
    [
        (0, replaced("actor", lambda old: ["eve", *old[1:]]), 2),
        (2, replaced("actor", lambda _: ["eve"]), 9),
        (1, replaced("sequence", lambda old: [old[0] + 1, *old[1:]]), 1),
        (1, lambda table: table.slice(1), 1),
        (0, lambda table: table.slice(0, 1), 2),
        (2, replaced("recorded_at", lambda old: [old[0] + timedelta(days=1)]), 9),
    ],
)
def test_a_sealed_event_rewritten_with_digest_and_checksum_is_found(
    sealed, place: int, change, sequence: int
) -> None:
    rewritten_sealed(sealed_files(sealed)[place], change)
    assert found(sealed).sequence == sequence


def fitted(path: Path, **changes) -> None:
    """Write a manifest anew with changes and a checksum that fits."""
    said = orjson.loads(path.read_bytes())
    for name, value in changes.items():
        said[name] = value(said[name]) if callable(value) else value
    text = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    path.write_bytes(checksum.stamped(text))


def test_a_rewritten_event_is_found_however_far_a_manifest_is_made_to_fit(sealed) -> None:
    """The more is made to fit, the later it shows: at last by the commit that goes on from it."""
    path = manifests(sealed)[0]
    whole = path.read_bytes()
    file = sealed_files(sealed)[2]  # event 9, the last that is sealed
    digests = rewritten_sealed(file, replaced("actor", lambda _: ["eve"]))
    before = log_digest.frontier_at(sealed._commits, 8)
    frontier = before.append(digests)

    def last_digest(groups: list[dict]) -> list[dict]:
        groups[-1]["digest"] = frontier.root.hex()
        groups[-1]["files"][0]["bytes"] = file.stat().st_size
        return groups

    assert found(sealed).sequence == 9
    fitted(path, groups=last_digest)
    assert found(sealed).sequence == 9
    path.write_bytes(whole)
    fitted(path, digest=frontier.root.hex(), frontier=frontier.to_hex())
    assert found(sealed).sequence == 9
    fitted(path, groups=last_digest)
    error = found(sealed)
    assert error.sequence == 10
    assert "does not continue the one before it" in str(error)


def moved(name: str, place: int, field: str, value):
    """A change of one field of a group, or of a group's file."""

    def change(groups: list[dict]) -> list[dict]:
        part = groups[place] if name == "group" else groups[place]["files"][0]
        part[field] = value(part[field])
        return groups

    return change


@pytest.mark.parametrize(
    ("changes", "sequence"),
    [
        ({"groups": moved("group", 0, "digest", lambda old: old[::-1])}, 1),
        ({"groups": moved("group", 1, "first", lambda old: old + 1)}, 9),
        ({"groups": moved("group", 0, "last", lambda old: old + 1)}, 10),
        ({"groups": moved("group", 0, "recorded_from", lambda old: old - 1)}, 1),
        ({"groups": moved("group", 1, "recorded_to", lambda old: old + 1)}, 9),
        ({"groups": moved("file", 0, "first", lambda old: old + 1)}, 3),
        ({"groups": moved("file", 0, "last", lambda old: old - 1)}, 2),
        ({"groups": moved("file", 0, "category", lambda _: "thing")}, 2),
        ({"groups": moved("file", 0, "schema_version", lambda old: old + 1)}, 2),
        ({"groups": moved("file", 0, "events", lambda old: old + 1)}, 2),
        ({"groups": moved("file", 0, "bytes", lambda old: old + 1)}, 2),
        ({"groups": moved("file", 1, "name", lambda old: old.replace("-0", "-1", 1))}, 9),
        ({"groups": lambda old: old[:1]}, 9),
        ({"spans": lambda old: [old[0][::-1]]}, 1),
        ({"spans": []}, 10),
        ({"through": 8}, 1),
        ({"since": 2}, 1),
    ],
)
def test_a_manifest_with_a_checksum_that_fits_is_found_by_what_it_says(
    sealed, changes, sequence: int
) -> None:
    fitted(manifests(sealed)[0], **changes)
    assert found(sealed).sequence == sequence


def test_verifying_a_range_looks_only_at_the_parts_that_hold_it(sealed) -> None:
    """Sealed 1 to 8, sealed 9, and the commit 10 to 12."""
    for after, until, first, last in (
        (0, 1, 1, 8),
        (3, 8, 1, 8),
        (7, 9, 1, 9),
        (8, 9, 9, 9),
        (8, None, 9, 12),
        (9, 10, 10, 12),
        (11, 12, 10, 12),
        (0, None, 1, 12),
    ):
        verified = sealed.verify(after, until)
        assert (verified.first, verified.last) == (first, last)
        assert verified.events == last - first + 1
        assert verified.digest == sealed.at(last).digest
    file = sealed_files(sealed)[2]
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert sealed.verify(until=8).last == 8
    assert sealed.verify(after=9).last == 12
    with pytest.raises(DamagedLog, match="sequence 9: "):
        sealed.verify(after=8, until=10)
    file.write_bytes(whole)
    commits_of(sealed)[0].write_bytes(b"")
    assert EventLog(sealed.path, tuple(sealed.registry.values()))


def test_a_commit_that_is_damaged_after_it_was_sealed_does_not_matter(full) -> None:
    full.seal()
    commits_of(full)[1].write_bytes(b"damaged")
    anew = EventLog(full.path, tuple(full.registry.values()))
    assert anew.verify().digest == full.digest
    assert len(list(anew.read())) == 12


def test_a_commit_cut_at_any_byte_is_found_and_writing_goes_on_when_it_is_restored(
    full, domain
) -> None:
    path = commits_of(full)[-1]
    whole = path.read_bytes()
    lengths = {*range(0, len(whole), 41), *range(len(whole) - 40, len(whole))}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        assert found(full).sequence == 10
        with pytest.raises(DamagedLog, match=r"sequence 10: .*restore it from a backup"):
            domain.open(full.path).append([domain.made("thing/9")])
    path.write_bytes(whole)
    assert domain.open(full.path).append([domain.made("thing/9")]).first == 13
    assert domain.open(full.path).verify().events == 13
