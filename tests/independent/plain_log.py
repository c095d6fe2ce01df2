"""A verifier of a log's folder, written from ``event_log/FORMAT.md`` and nothing else.

It is as plain as can be, and slow: each event is a Python object. ``verify`` raises ``Misfit``.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SPAN = 65_536
INSTANT = pa.timestamp("us", tz="UTC")
COLUMNS = {
    "sequence": pa.int64(),
    "event_id": pa.string(),
    "stream": pa.string(),
    "category": pa.string(),
    "version": pa.int64(),
    "type": pa.string(),
    "schema_version": pa.int64(),
    "recorded_at": INSTANT,
    "occurred_at": INSTANT,
    "actor": pa.string(),
    "correlation_id": pa.string(),
    "causation_id": pa.string(),
    "digest": pa.binary(32),
}
FORM = [name for name in COLUMNS if name not in ("category", "digest")]
CODES = {
    pa.string(): 1,
    pa.large_string(): 1,
    pa.int64(): 2,
    INSTANT: 3,
    pa.date32(): 4,
    pa.bool_(): 5,
    pa.float64(): 6,
}


class Misfit(Exception):
    """What the log says of itself and what it is differ, at a sequence."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"sequence {sequence}: {reason}")
        self.sequence = sequence


def expect(holds: bool, sequence: int, reason: str) -> None:
    if not holds:
        raise Misfit(sequence, reason)


# the digest of an event


def value_of(value: Any, code: int) -> bytes:
    """A value as it is written; instants and days are numbers already."""
    if code & 0x10:
        items = [b"\xff" * 4 if item is None else measured(item, code & 0x0F) for item in value]
        return b"".join(items)
    if code == 1:
        return bytes(value.encode())
    if code == 4:
        return struct.pack("<i", value)
    if code == 5:
        return bytes([value])
    if code == 6:
        return struct.pack("<Q", 0x7FF8 << 48) if math.isnan(value) else struct.pack("<d", value)
    return struct.pack("<q", value)


def measured(value: Any, code: int) -> bytes:
    form = value_of(value, code)
    return struct.pack("<I", len(form)) + form


def canonical_form(values: list[tuple[str, int, Any]]) -> bytes:
    """Of names, types and values, in the order of the form."""
    present = [(name, code, value) for name, code, value in values if value is not None]
    return b"".join(n.encode() + bytes([code]) + measured(v, code) for n, code, v in present)


def code_of(kind: pa.DataType) -> int:
    return 0x10 | CODES[kind.value_type] if pa.types.is_list(kind) else CODES[kind]


def numbers(column: pa.Array) -> list[Any]:
    """A column's values, with instants and days as the numbers that they are kept as."""
    kinds = {INSTANT: pa.int64(), pa.date32(): pa.int32()}
    return column.cast(kinds.get(column.type, column.type)).to_pylist()


# the digest of the log


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Tree:
    """The perfect trees that the digests so far fall into: of each its size and root."""

    def __init__(self, digests: list[bytes] | None = None) -> None:
        self.trees: list[tuple[int, bytes]] = []
        for digest in digests or []:
            self.add(digest)

    def add(self, digest: bytes) -> None:
        size = 1
        while self.trees and self.trees[-1][0] == size:
            digest = node(self.trees.pop()[1], digest)
            size *= 2
        self.trees.append((size, digest))

    @property
    def frontier(self) -> str:
        return "".join(digest.hex() for _, digest in self.trees)

    @property
    def root(self) -> str:
        found = [digest for _, digest in self.trees] or [bytes(32)]
        digest = found.pop()
        while found:
            digest = node(found.pop(), digest)
        return digest.hex()


def leads_to(digest: bytes, index: int, size: int, path: list[bytes]) -> str | None:
    """The root that an inclusion path leads to (RFC 9162, 2.1.3.2); None where it cannot."""
    place, last = index, size - 1
    for step in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            digest = node(step, digest)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            digest = node(digest, step)
        place, last = place // 2, last // 2
    return digest.hex() if last == 0 else None


# files


def checksum_holds(path: Path) -> bool:
    content = path.read_bytes()
    key = content.rfind(b"stet.checksum")
    place = content.find(b"crc32:", key) + 6
    expected = zlib.crc32(content[:place] + b"00000000" + content[place + 8 :])
    return key >= 0 and place > 5 and content[place : place + 8] == b"%08x" % expected


def footer(path: Path) -> dict[str, str]:
    found = pq.read_metadata(path).metadata or {}
    return {k.decode(): v.decode() for k, v in found.items() if k != b"ARROW:schema"}


def checked(path: Path) -> list[dict[str, Any]]:
    """The envelopes of a file's events, each of which is what its digest says."""
    first = int(path.name[:20])
    batches = list(pq.ParquetFile(path).iter_batches())
    found = [event for batch in batches for event in checked_batch(batch, first)]
    expect(checksum_holds(path), first, f"{path.name} was changed")
    return found


def checked_batch(batch: pa.RecordBatch, first: int) -> list[dict[str, Any]]:
    kinds = {field.name: field.type for field in batch.schema}
    envelope, structs = dict([*kinds.items()][: len(COLUMNS)]), [*kinds][len(COLUMNS) :]
    known = envelope == COLUMNS and all(pa.types.is_struct(kinds[name]) for name in structs)
    expect(known, first, "other columns than an event has")
    columns = {name: numbers(batch.column(name)) for name in COLUMNS}
    data = {name: fields_of(batch.column(name)) for name in structs}
    present = {name: batch.column(name).is_valid().to_pylist() for name in structs}
    found = []
    for place in range(len(batch)):
        event = {name: columns[name][place] for name in COLUMNS}
        sequence, category = event["sequence"], event["stream"].split("/")[0]
        strays = [name for name in structs if present[name][place] and name != category]
        expect(event["category"] == category and not strays, sequence, "another category's")
        values = [(name, code_of(COLUMNS[name]), event[name]) for name in FORM]
        values += [(n, code, column[place]) for n, code, column in data.get(category, ())]
        digest = sha256(b"\0" + canonical_form(values)).digest()
        expect(event["digest"] == digest, sequence, "the event was changed")
        found.append(event)
    return found


def fields_of(column: pa.StructArray) -> list[tuple[str, int, list[Any]]]:
    """The names, types and values of a struct's fields, by name."""
    fields = zip(column.type, column.flatten(), strict=True)
    return sorted((f".{f.name}", code_of(f.type), numbers(values)) for f, values in fields)


# the log


class PlainLog:
    """A log's folder as it is when this is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        commits = sorted(
            path
            for path in (folder / "commits").glob("*.parquet")
            if re.fullmatch(r"\d{20}", path.stem)
        )
        manifests = sorted((folder / "sealed").glob("_manifest-*.json"))
        self.manifest: dict[str, Any] = (
            json.loads(manifests[-1].read_text())
            if manifests
            else {"through": 0, "groups": [], "spans": []}
        )
        self.manifest_path = manifests[-1] if manifests else folder
        self.through: int = self.manifest["through"]
        self.commits = [path for path in commits if int(path.stem) > self.through]

    def verify(self) -> tuple[int, str]:
        """The head and the log's digest there; raises ``Misfit`` at what does not fit."""
        self.tree, self.spans, self.head, self.recorded_at = Tree(), Tree(), 0, 0
        self.roots: list[str] = []
        for group in self.manifest["groups"]:
            self._group(group)
        if self.through:
            self._manifest()
        for path in self.commits:
            self._commit(path)
        return self.head, self.tree.root

    def _take(self, event: dict[str, Any]) -> None:
        expect(event["sequence"] == self.head + 1, self.head + 1, "it is missing")
        self.head += 1
        expect(event["recorded_at"] >= self.recorded_at, self.head, "recorded before the last")
        self.recorded_at = event["recorded_at"]
        self.tree.add(event["digest"])
        self.spans.add(event["digest"])
        if self.head % SPAN == 0:
            self.roots.append(self.spans.root)
            self.spans = Tree()

    def _group(self, group: dict[str, Any]) -> None:
        found = [event for file in group["files"] for event in self._sealed(file)]
        for event in sorted(found, key=lambda event: event["sequence"]):
            self._take(event)
        first, last = group["first"], group["last"]
        expect((len(found), self.head) == (last - first + 1, last), first, "it has other events")
        expect(self.tree.root == group["digest"], first, "the group has another digest")
        moments = [event["recorded_at"] for event in found]
        said = (group["recorded_from"], group["recorded_to"])
        expect((min(moments), max(moments)) == said, first, "the group has other instants")

    def _sealed(self, file: dict[str, Any]) -> list[dict[str, Any]]:
        path, first = self.folder / file["name"], file["first"]
        expect(path.is_file(), first, f"{path.name} is missing")
        found, about = checked(path), footer(path)
        said = {
            "stet.format": "2",
            "stet.first_sequence": str(first),
            "stet.last_sequence": str(file["last"]),
            "stet.category": file["category"],
            "stet.schema_version": str(file["schema_version"]),
            "stet.checksum": about["stet.checksum"],
        }
        expect(about == said, first, f"{path.name} has another footer")
        expect(len(found) == file["events"], first, f"{path.name} has not all events")
        expect(path.stat().st_size == file["bytes"], first, f"{path.name} has another size")
        for event in found:
            same = (event["category"], event["schema_version"])
            expect(same == (file["category"], file["schema_version"]), first, "it is of another")
            month = datetime.fromtimestamp(event["recorded_at"] // 1_000_000, UTC)
            folder = f"sealed/category={same[0]}/month={month:%Y-%m}"
            expect(file["name"].startswith(f"{folder}/"), first, "it is in another folder")
        self._order(path, found)
        return found

    def _order(self, path: Path, found: list[dict[str, Any]]) -> None:
        """By span, then stream, then sequence; and no row group has events of two spans."""
        first = int(path.name[:20])
        places = [((e["sequence"] - 1) // SPAN, e["stream"].encode(), e["sequence"]) for e in found]
        expect(places == sorted(places), first, f"{path.name} is in another order")
        about, begin = pq.read_metadata(path), 0
        for number in range(about.num_row_groups):
            end = begin + about.row_group(number).num_rows
            spans = {span for span, _, _ in places[begin:end]}
            expect(len(spans) == 1, first, "a row group of two spans")
            begin = end

    def _manifest(self) -> None:
        said, through = self.manifest, self.through
        expect(checksum_holds(self.manifest_path), 1, "the manifest was changed")
        expect(self.head == through, through, "the groups are not what is sealed")
        expect(said["format"] == 2, through, "another format")
        expect(self.tree.root == said["digest"], through, "the manifest has another digest")
        expect(self.tree.frontier == said["frontier"], through, "it has another frontier")
        expect(self.roots == said["spans"], through, "it has other spans")
        whole = Tree([bytes.fromhex(span) for span in said["spans"]]).frontier
        expect(said["frontier"].startswith(whole), through, "its spans are not the frontier's")

    def _commit(self, path: Path) -> None:
        first, previous = self.head + 1, self.tree.root
        expect(int(path.stem) == first, first, "no commit begins there")
        versions: dict[str, set[int]] = {}
        found = checked(path)
        for event in found:
            self._take(event)
            same = event["recorded_at"] == found[0]["recorded_at"]
            expect(same, self.head, "recorded at another time than its commit")
            versions.setdefault(event["category"], set()).add(event["schema_version"])
        about = footer(path)
        expect(about["stet.previous_digest"] == previous, first, "it does not continue the log")
        told = [about[f"stet.{name}"] for name in FOOTER]
        true = ["2", first, self.head, self.recorded_at, self.tree.root, self.tree.frontier]
        versions_said = json.loads(about["stet.schema_versions"])
        expect(
            told == [*map(str, true)]
            and versions_said == {name: sorted(versions[name]) for name in versions},
            first,
            f"{path.name} has another footer",
        )


FOOTER = ("format", "first_sequence", "last_sequence", "recorded_at", "digest", "frontier")
