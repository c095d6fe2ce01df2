"""``FORMAT.md`` is true: its SQL reads a log, and what was written from it alone verifies one."""

from __future__ import annotations

import json
import math
import re
import shutil
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib import util
from pathlib import Path
from typing import Any

import duckdb
import plain_log
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plain_log import Misfit, PlainLog

from event_log import INSTANT, DamagedLog, EventLog, NewEvent, event
from event_log.category import ENVELOPE, FIELD_TYPES
from event_log.digests import checksum
from event_log.digests.digest import canonical_forms, digest_of
from event_log.digests.merkle import Frontier
from event_log.files import manifest
from event_log.schemas.evolution import NAMES as TYPE_NAMES
from event_log.storage.opening import open_store

DOCUMENT = (Path(event.__file__).parent / "FORMAT.md").read_text("utf-8")
SQL = dict(re.findall(r"```sql\n-- (\w+)\n(.*?)```", DOCUMENT, re.DOTALL))
HEX = re.findall(r"```hex\n(.*?)```", DOCUMENT, re.DOTALL)
ENVELOPE_ONLY = list(ENVELOPE.names)
HERE = Path(__file__).parent
MANY = 66_000
VALUES = {
    "text": "☃ \0 é",
    "prose": "long\nprose",
    "count": -(2**63),
    "ratio": -0.0,
    "done": False,
    "moment": datetime(1851, 9, 18, 5, 0, 0, 1, tzinfo=UTC),
    "day": date(1851, 9, 18),
    "names": ["a", "", "☃"],
    "numbers": [],
}


def fixtures() -> Any:
    """The script of the fixtures, which has a category in three schema versions."""
    spec = util.spec_from_file_location("make", HERE / "fixtures" / "make.py")
    assert spec
    assert spec.loader
    made = util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@dataclass
class Written:
    """A log in a folder, and what was appended to it, in order."""

    path: Path
    log: EventLog
    events: list[NewEvent]


def written(path: Path, domain: Any, many: int) -> Written:
    """A log of four categories, three schema versions and three months: sealed twice, and open."""
    make = fixtures()
    done: list[NewEvent] = []

    def opened(version: int) -> EventLog:
        return EventLog(path, (*domain.categories, make.DESK, make.REPORTS[version]))

    def append(version: int, *events: NewEvent) -> None:
        opened(version).append(events)
        done.extend(events)

    with pytest.MonkeyPatch.context() as patch:
        clock = iter(range(1_788_000_000_000_000_000, 2**62, 3_600_000_000_000))
        patch.setattr("event_log.appending.appender.time.time_ns", lambda: next(clock))
        for one in make.EVENTS[1]:
            append(1, one)
        append(1, *(NewEvent(f"thing/{n}", "ThingMade", {n: v}) for n, v in VALUES.items()))
        clock = iter(range(1_791_000_000_000_000_000, 2**62, 3_600_000_000_000))
        streams = [f"note/{place % 997}" for place in range(many)]
        types = ["NoteWritten" if place < 997 else "NoteEdited" for place in range(many)]
        texts = [{"title": f"title {place}"} for place in range(many)]
        notes = pa.table({"stream": streams, "type": types, "note": texts})
        opened(1).append_many(notes, positions={"bulk": many})
        done += [NewEvent(*given) for given in zip(streams, types, texts, strict=True)]
        append(1, NewEvent("thing/all", "ThingMade", VALUES), domain.written("note/last"))
        opened(1).seal(grace_seconds=0)
        clock = iter(range(1_795_000_000_000_000_000, 2**62, 3_600_000_000_000))
        for one in make.EVENTS[2]:
            append(2, one)
        opened(2).seal()
        append(3, *make.EVENTS[3], NewEvent("thing/all", "ThingHidden"))
        append(3, NewEvent("thing/all", "ThingChanged", {"cleared": ["text"], "ratio": math.inf}))
    return Written(path, opened(3), done)


@pytest.fixture(scope="module")
def large(domain, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """With a whole span and more; not to be changed."""
    return written(tmp_path_factory.mktemp("large") / "log", domain, MANY)


@pytest.fixture(scope="module")
def template(domain, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(tmp_path_factory.mktemp("small") / "log", domain, 1_000)


@pytest.fixture
def small(template: Written, path: Path) -> Written:
    """A log of its own, to be damaged."""
    shutil.copytree(template.path, path)
    categories = tuple(template.log.registry.values())
    return Written(path, EventLog(path, categories), template.events)


class Sql:
    """A log read by the document's SQL, with nothing else."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET VARIABLE log = $1", [str(path)])
        self._connection.execute(SQL["files"])
        self._connection.execute(SQL["head"])
        found = self._connection.execute("SELECT getvariable('head')").fetchone()
        assert found
        self.head = found[0]

    def table(self, name: str) -> pa.Table:
        """What one of the queries gives."""
        return self._connection.sql(SQL[name]).to_arrow_table()


def carried(data: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (data or {}).items() if value is not None}


def typed(name: str, value: Any) -> Any:
    """A value of the test's events as it is read: instants may have been given as text."""
    if name == "filed_at":
        return datetime.fromisoformat(value)
    return list(value) if isinstance(value, tuple) else value


def check_equal(read: Sql, expected: Written) -> None:
    """The events, their order, versions and head are those of the log."""
    found = read.table("events")
    assert read.head == expected.log.head == len(expected.events) == len(found)
    envelope = pa.Table.from_batches(expected.log.scan(ENVELOPE_ONLY))
    for name in ENVELOPE_ONLY:
        assert found.column(name).to_pylist() == envelope.column(name).to_pylist(), name
    categories = [name for name in found.column_names if name not in ENVELOPE_ONLY]
    assert sorted(categories) == sorted(expected.log.registry)
    for one, line in zip(expected.events, found.to_pylist(), strict=True):
        own = line["category"]
        assert [line["stream"], line["type"]] == [one.stream, one.type]
        assert all(line[name] is None for name in categories if name != own)
        said = {name: typed(name, value) for name, value in one.data.items()}
        assert carried(line[own]) == said
    streams = read.table("streams").to_pylist()
    versions = expected.log.versions([stream["stream"] for stream in streams])
    assert versions == {stream["stream"]: stream["version"] for stream in streams}


def test_the_sql_of_the_document_reads_what_was_appended(large: Written) -> None:
    check_equal(Sql(large.path), large)
    names = {path.parent.parent.name for path in large.path.glob("sealed/*/*/*.parquet")}
    months = {path.parent.name for path in large.path.glob("sealed/*/*/*.parquet")}
    assert len(names) == 4
    assert len(months) == 3
    assert len(list(large.path.glob("commits/*"))) > large.log.open_commits == 2


def test_it_reads_what_is_open_sealed_and_cleaned_up(
    small: Written, domain, tmp_path: Path
) -> None:
    unsealed = domain.open(tmp_path / "unsealed")
    notes = [domain.written(f"note/{number}") for number in range(3)]
    for note in notes:
        unsealed.append([note])
    check = Sql(tmp_path / "unsealed")
    assert check.head == 3
    assert check.table("events").column("stream").to_pylist() == [note.stream for note in notes]
    check_equal(Sql(small.path), small)
    small.log.seal(grace_seconds=0)
    assert not list(small.path.glob("commits/*"))
    check_equal(Sql(small.path), small)


def test_behind_a_commit_that_is_missing_it_reads_nothing(small: Written) -> None:
    first = sorted(small.path.glob("commits/*"))[-small.log.open_commits]
    first.unlink()
    read = Sql(small.path)
    assert read.head == int(first.stem) - 1 < small.log.head
    assert len(read.table("events")) == read.head


@pytest.mark.slow
def test_a_verifier_written_from_the_document_agrees(large: Written, small: Written) -> None:
    for found in (large, small):
        assert PlainLog(found.path).verify() == (found.log.head, found.log.digest)
        assert found.log.verify().digest == found.log.digest
    assert len(PlainLog(large.path).manifest["spans"]) == 1


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a file anew with changed events, and a checksum that holds."""
    said = {k: v for k, v in pq.read_metadata(path).metadata.items() if k != b"ARROW:schema"}
    table = change(pq.ParquetFile(path).read()).replace_schema_metadata(None)
    said[checksum.KEY.encode()] = checksum.EMPTY.encode()
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({k.decode(): v.decode() for k, v in said.items()})
    checksum.stamp(path)


def actors_changed(table: pa.Table) -> pa.Table:
    """The last event of a file has another actor."""
    actors = [*table.column("actor").to_pylist()[:-1], "mallory"]
    return table.set_column(ENVELOPE.get_field_index("actor"), ENVELOPE.field("actor"), [actors])


@pytest.mark.parametrize("pattern", ["commits/*.parquet", "sealed/*/*/*.parquet"])
def test_both_find_a_changed_event_and_name_its_sequence(small: Written, pattern: str) -> None:
    path = sorted(small.path.glob(pattern))[-1]
    rewrite(path, actors_changed)
    changed = pq.ParquetFile(path).read(["sequence"]).column("sequence")[-1].as_py()
    with pytest.raises(Misfit) as plain:
        PlainLog(small.path).verify()
    assert plain.value.sequence == changed
    with pytest.raises(DamagedLog) as found:
        small.log.verify()
    assert found.value.sequence == changed


@pytest.mark.parametrize("pattern", ["commits/*.parquet", "sealed/*/*/*.parquet"])
def test_both_find_a_changed_bit(small: Written, pattern: str) -> None:
    path = sorted(small.path.glob(pattern))[-1]
    content = bytearray(path.read_bytes())
    content[content.rindex(b"parquet-cpp")] ^= 1
    path.write_bytes(content)
    with pytest.raises((Misfit, OSError)):
        PlainLog(small.path).verify()
    with pytest.raises(DamagedLog):
        small.log.verify()


@pytest.mark.parametrize("name", ["digest", "frontier", "through"])
def test_a_manifest_that_says_something_else_is_found(small: Written, name: str) -> None:
    path = max(small.path.glob("sealed/_manifest-*.json"))
    said = json.loads(path.read_text())
    said[name] = said[name] - 1 if name == "through" else f"00{said[name][2:]}"
    path.write_bytes(checksum.stamped(json.dumps(said).encode()))
    assert plain_log.checksum_holds(path)
    with pytest.raises(Misfit):
        PlainLog(small.path).verify()
    with pytest.raises(DamagedLog):
        small.log.verify()


def test_a_changed_bit_of_a_manifest_is_found(small: Written) -> None:
    path = max(small.path.glob("sealed/_manifest-*.json"))
    text = path.read_text()
    path.write_text(text.replace('"sealed_at": 1', '"sealed_at": 2'))
    assert path.read_text() != text
    with pytest.raises(Misfit):
        PlainLog(small.path).verify()
    with pytest.raises(DamagedLog):
        small.log.verify()


# the words of the document


def section(title: str) -> str:
    return DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def tables(title: str) -> list[list[str]]:
    """Of each table of a section the words in its first column."""
    found = re.findall(r"(?:^\|.*\n)+", section(title), re.MULTILINE)
    cells = [[line.split("|")[1] for line in table.splitlines()[2:]] for table in found]
    return [[word for cell in table for word in re.findall("`([^`]+)`", cell)] for table in cells]


def footer_keys(path: Path) -> set[str]:
    found = pq.read_metadata(path).metadata
    return {key.decode() for key in found if key != b"ARROW:schema"}


def test_footers_have_the_keys_of_the_document_and_no_others(large: Written) -> None:
    for folder, title in (("commits", "Commits"), ("sealed", "Sealed files")):
        paths = list((large.path / folder).rglob("*.parquet"))
        assert len(paths) > 3
        for path in paths:
            assert footer_keys(path) == set(tables(title)[0])


def test_json_files_have_the_keys_of_the_document_and_no_others(large: Written) -> None:
    whole, group, file = map(set, tables("Manifests"))
    for path in large.path.glob("sealed/*.json"):
        said = json.loads(path.read_text())
        assert set(said) == whole
        assert {key for found in said["groups"] for key in found} == group
        assert {key for g in said["groups"] for f in g["files"] for key in f} == file
    schema, kind = map(set, tables("Schemas"))
    kind.remove("annotations")
    paths = list(large.path.glob("schemas/*.json"))
    assert len(paths) == 6
    for path in paths:
        said = json.loads(path.read_text())
        assert set(said) == schema
        annotated = {"annotations"} if path.name.startswith("thing-") else set()
        assert all(set(found) - annotated == kind for found in said["types"].values())
        assert all(annotated <= set(found) for found in said["types"].values())
        assert set(said["fields"].values()) <= set(re.findall('"([a-z0-9 ]+)"', section("Schemas")))
    assert set(TYPE_NAMES.values()) <= set(re.findall('"([a-z0-9 ]+)"', section("Schemas")))


def test_a_proof_is_what_the_document_says(small: Written) -> None:
    """The document's own way of checking it holds, and its keys are those that are written."""
    head = small.log.head
    for sequence in (1, 7, head - 1, head):
        proof = json.loads(small.log.prove(sequence).to_json())
        assert set(proof) == set(tables("Proofs")[0])
        form = b64decode(proof["canonical_form"])
        assert sha256(b"\0" + form).hexdigest() == proof["digest"]
        path = [bytes.fromhex(step) for step in proof["path"]]
        digest = bytes.fromhex(proof["digest"])
        assert plain_log.leads_to(digest, sequence - 1, head, path) == small.log.digest
        assert proof["head"] == {"sequence": head, "digest": small.log.digest}
        assert proof["event"]["sequence"] == sequence


def test_a_checkpoint_is_what_the_document_says(small: Written) -> None:
    with small.log.subscribe("mail") as subscription:
        for _ in subscription.events(timeout=0):
            pass
    said = json.loads((small.path / "subscriptions" / "mail.json").read_text())
    assert set(said) == set(tables("Subscriptions")[0])
    assert said["digest"] == small.log.digest


def test_a_move_of_a_producer_is_what_the_document_says(small: Written) -> None:
    batch, name = small.log.batch(), "Imp/é." + 300 * "x"
    small.log.commit(batch, positions={"bulk-2": 7, ".ü": 1, name: 3})
    found = {path.name: path for path in (small.path / "positions").glob("*.json")}
    kept = ("=49mp=2f=c3=a9." + 300 * "x")[:120]
    long = f"{kept}=-{sha256(name.encode()).hexdigest()}.json"
    assert set(found) == {"bulk-2.json", "=2e=c3=bc.json", long}
    said = json.loads(found["bulk-2.json"].read_text())
    assert set(said) == set(tables("Moves of producers")[0])
    assert list(said.values()) == ["bulk-2", 0, 7, small.log.head, small.log.digest]
    names = [path.relative_to(small.path).as_posix() for path in found.values()]
    assert all(map(is_of_document, [*names, "positions/lock"]))


FOLDERS = ("commits", "sealed", "schemas")


def is_of_document(name: str) -> bool:
    """Whether exactly one of the document's names is that of a file."""
    fitting = 0
    for pattern in map(re.escape, tables("Files")[0]):
        for found, form in (
            (r"<(\d+)\\ digits>", r"\\d{\1}"),
            (r"<(\d+)\\ hex>", r"[0-9a-f]{\1}"),
            (r"YYYY\\-MM", r"\\d{4}-\\d\\d"),
            (r"<category>|(?<==)C", r"\\w+"),
            (r"\\\*", r".*"),
        ):
            pattern = re.sub(found, form, pattern)
        fitting += bool(re.fullmatch(pattern, name))
    return fitting == 1


def test_every_file_of_a_log_has_a_name_of_the_document(large: Written) -> None:
    names = [path.relative_to(large.path).as_posix() for path in large.path.rglob("*.*")]
    files = [name for name in names if (large.path / name).is_file()]
    assert {name.split("/")[0] for name in files} >= {*FOLDERS, "cache"}
    assert [name for name in files if not is_of_document(name)] == []
    assert not is_of_document("commits/1.parquet")


def test_an_object_store_has_the_names_of_the_document_too(domain, s3_url: str) -> None:
    log = EventLog(s3_url, domain.categories)
    log.append([domain.made()])
    log.seal()
    kept = open_store(s3_url)
    assert kept.exists("conditions")
    found = [f"{folder}/{name}" for folder in FOLDERS for name in kept.walk(folder)]
    assert len(found) == 5
    assert [name for name in found if not is_of_document(name)] == []


# the worked examples


def example(text: str) -> bytes:
    """The bytes of a worked example: what stands before two or more spaces and words."""
    return b"".join(
        bytes.fromhex("".join(re.findall(r"(?<![\w.])(?:[0-9a-f]{2})+(?![\w.])", line[:72])))
        for line in text.splitlines()
    )


def event_of(struct: pa.DataType, data: dict[str, Any]) -> pa.RecordBatch:
    values = {
        "sequence": 1,
        "event_id": "e-1",
        "stream": "tag/1",
        "category": "tag",
        "version": 1,
        "type": "TagDefined",
        "schema_version": 1,
        "recorded_at": datetime(2026, 1, 1, tzinfo=UTC),
        "actor": "ana",
    }
    arrays = [pa.array([values.get(field.name)], field.type) for field in ENVELOPE]
    schema = pa.schema([*ENVELOPE, pa.field("tag", struct)])
    return pa.RecordBatch.from_arrays([*arrays, pa.array([data], struct)], schema=schema)


def test_the_event_of_the_document_has_its_form_and_digest() -> None:
    struct = pa.struct(
        [("name", pa.string()), ("weight", pa.float64()), ("cleared", pa.list_(pa.string()))]
    )
    data = re.search(r'`(\{"name".*?\})`', DOCUMENT)
    assert data
    form = canonical_forms(event_of(struct, json.loads(data[1])))[0].as_py()
    assert form == example(HEX[0])
    assert f"`{digest_of(form).hex()}`" in DOCUMENT


KINDS = {
    "string": pa.string(),
    "int64": pa.int64(),
    "instant": INSTANT,
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "list of string": pa.list_(pa.string()),
    "list of int64": pa.list_(pa.int64()),
}
LINES = re.findall(
    r"^\| 0x([0-9a-f]{2}) ([a-z0-9 ]+) \|[^|]*\| `(.*?)` \| `(.*?)` \|$", DOCUMENT, re.M
)


@pytest.mark.parametrize(("code", "kind", "shown", "form"), LINES)
def test_a_value_of_the_document_has_its_form(code: str, kind: str, shown: str, form: str) -> None:
    value: Any = shown
    if kind == "instant":
        value = datetime.fromisoformat(shown)
    elif kind == "date":
        value = date.fromisoformat(shown)
    else:
        value = json.loads(shown)
    struct = pa.struct([("x", KINDS[kind])])
    without = canonical_forms(event_of(struct, {"x": None}))[0].as_py()
    found = canonical_forms(event_of(struct, {"x": value}))[0].as_py()
    assert found == without + bytes.fromhex(form)
    assert found[len(without) + 2] == int(code, 16)


def test_the_document_has_an_example_of_every_type_of_field() -> None:
    kinds = {KINDS[kind] for _, kind, _, _ in LINES}
    assert kinds == {kind for kind in FIELD_TYPES if kind != pa.large_string()}


def test_the_frontier_of_the_document_is_that_of_its_digests() -> None:
    found = Frontier.empty().append(b"".join(bytes([n]) * 32 for n in (1, 2, 3)))
    assert example(HEX[1]) == b"".join(found.subtrees)
    assert f"`{found.root.hex()}`" in DOCUMENT


def test_the_span_of_the_document_is_that_of_the_log() -> None:
    assert f"{manifest.SPAN:,}" in section("Sealed files")
    assert plain_log.SPAN == manifest.SPAN
