"""A category may change over the years in ways that no reader misreads; others are refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_log import (
    INSTANT,
    TEXT,
    Category,
    DamagedLog,
    Effect,
    EventLog,
    EventType,
    IncompatibleSchema,
    InvalidCategory,
    InvalidEvent,
    NewEvent,
    Upcaster,
    dropped,
    filled,
    renamed,
)
from event_log.category import FIELD_TYPES, NONE, Registry
from event_log.schemas.evolution import Registered, checked
from event_log.schemas.registered import Schemas

WRITTEN = EventType("NoteWritten", Effect.CREATES, ("title",))
EDITED = EventType("NoteEdited", Effect.REVISES)
BURNT = EventType("NoteBurnt", Effect.REMOVES)
FIELDS = pa.schema([("title", pa.string()), ("body", TEXT), ("stars", pa.int64())])
NOTE = Category("note", FIELDS, (WRITTEN, EDITED, BURNT))
MORE = pa.schema([*FIELDS, ("colour", pa.string())])
HEADLINE = pa.schema([("headline", pa.string()), *list(FIELDS)[1:]])
HEADED = (replace(WRITTEN, required=("headline",)), EDITED, BURNT)
RENAMED = {1: Upcaster(FIELDS, renamed("title", "headline"))}


WHY = pa.schema([("why", pa.string())])


def version_2(fields=FIELDS, types=NOTE.types, upcasters=None, annotations=NONE) -> Category:
    return Category("note", fields, types, 2, upcasters or {}, annotations)


def changed(written=WRITTEN, edited=EDITED, burnt=BURNT, *more) -> tuple[EventType, ...]:
    return (written, edited, burnt, *more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log in which a note was written at schema version 1."""
    log = EventLog(tmp_path / "log", (NOTE,))
    log.append([NewEvent("note/1", "NoteWritten", {"title": "a"})])
    return tmp_path / "log"


def register(path: Path, *categories: Category) -> list[str]:
    """The names of the schemas that the log knows after these were registered."""
    log = EventLog(path, categories)
    Schemas(log._store).register(log.registry)
    return schemas(path)


def schemas(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "schemas").iterdir())


ALLOWED = {
    "a field is added": (version_2(MORE), 1),
    "an annotation is added": (version_2(annotations=WHY), 1),
    "a new event type requires an annotation": (
        version_2(
            types=changed(WRITTEN, EDITED, BURNT, EventType("NoteLost", Effect.REMOVES, "why")),
            annotations=WHY,
        ),
        2,
    ),
    "fields change their places": (version_2(pa.schema(list(reversed(FIELDS)))), 1),
    "an event type is retired": (version_2(types=changed(burnt=replace(BURNT, retired=True))), 1),
    "an event type is added": (
        version_2(types=changed(WRITTEN, EDITED, BURNT, EventType("NoteLost", Effect.REMOVES))),
        2,
    ),
    "a new event type requires a new field": (
        version_2(
            MORE,
            changed(
                WRITTEN,
                EDITED,
                BURNT,
                EventType("NotePainted", Effect.CREATES, ("title", "colour")),
            ),
        ),
        2,
    ),
    "less is required": (version_2(types=changed(replace(WRITTEN, required=()))), 2),
    "a field is renamed by an upcaster": (version_2(HEADLINE, HEADED, RENAMED), 2),
    "a field is dropped by an upcaster": (
        version_2(
            pa.schema([("title", pa.string())]),
            upcasters={1: Upcaster(FIELDS, dropped("body"), dropped("stars"))},
        ),
        2,
    ),
    "a field that an upcaster fills is required": (
        version_2(
            types=changed(replace(WRITTEN, required=("title", "stars"))),
            upcasters={1: Upcaster(FIELDS, filled("stars", 0, ["NoteWritten"]))},
        ),
        2,
    ),
}
REFUSED = {
    "field 'stars' cannot be float64: in version 1 it is int64. Add a field of another name, and "
    "an upcaster that fills it": version_2(pa.schema([*list(FIELDS)[:2], ("stars", pa.float64())])),
    "field 'body' cannot be string": version_2(
        pa.schema([("title", pa.string()), ("body", pa.string()), ("stars", pa.int64())])
    ),
    "'body' is no field of the next version; rename or drop it": version_2(
        pa.schema([("title", pa.string()), ("stars", pa.int64())])
    ),
    "the upcaster from schema version 1: 'stars' is no field of the next version": version_2(
        pa.schema([("title", pa.string())]), upcasters={1: Upcaster(FIELDS, dropped("body"))}
    ),
    "the upcaster from schema version 1, failed: there is no 'topic'": version_2(
        upcasters={1: Upcaster(FIELDS, renamed("topic", "title"))}
    ),
    "the upcaster from version 1 is declared with 'stars' as float64, but the log has it as int": (
        version_2(
            pa.schema(list(FIELDS)[:2]),
            upcasters={
                1: Upcaster(
                    pa.schema([*list(FIELDS)[:2], ("stars", pa.float64())]), dropped("stars")
                )
            },
        )
    ),
    "the upcaster from version 1 is declared with 'colour' as string, but the log has it as no "
    "field": version_2(upcasters={1: Upcaster(MORE, dropped("colour"))}),
    "event type 'NoteEdited' cannot require 'title' now: its events of version 1 may lack it. Add "
    "an event type that requires it, or an upcaster from version 1 that fills it": version_2(
        types=changed(edited=replace(EDITED, required=("title",)))
    ),
    "event type 'NoteWritten' cannot require 'colour' now": version_2(
        MORE, changed(replace(WRITTEN, required=("title", "colour")))
    ),
    "field 'stars' cannot be required now: events of version 1 may have cleared it": version_2(
        types=changed(WRITTEN, EDITED, BURNT, EventType("NoteRated", Effect.REVISES, ("stars",)))
    ),
    "event type 'NoteBurnt' cannot change from removes to revises; retire it": version_2(
        types=changed(burnt=replace(BURNT, effect=Effect.REVISES))
    ),
    "event type 'NoteBurnt' was removed, but the log may have events of it; keep it, with "
    "retired=True": version_2(types=(WRITTEN, EDITED)),
    "'stars' cannot become an annotation: in version 1 it is a field. Declare another name, and an "
    "upcaster that renames it": version_2(
        pa.schema(list(FIELDS)[:2]), annotations=pa.schema([("stars", pa.int64())])
    ),
    "event type 'NoteBurnt' cannot require 'why' now": version_2(
        types=changed(burnt=replace(BURNT, required=("why",))), annotations=WHY
    ),
    "annotation 'why' was added, but the version is the one that the log has; raise schema_version "
    "to 2": replace(NOTE, annotations=WHY),
    "field 'colour' was added, but the version is the one that the log has; raise schema_version "
    "to 2": replace(NOTE, fields=MORE),
    "field 'stars' was removed, but": replace(NOTE, fields=pa.schema(list(FIELDS)[:2])),
    "event type 'NoteBurnt' was changed, but": replace(
        NOTE, types=changed(burnt=replace(BURNT, retired=True))
    ),
}


@pytest.mark.parametrize(("category", "since"), ALLOWED.values(), ids=ALLOWED)
def test_a_change_that_no_event_is_misread_by_is_registered(path, category, since) -> None:
    assert register(path, category) == ["note-000001.json", "note-000002.json"]
    about = json.loads((path / "schemas" / "note-000002.json").read_text())
    assert (about["schema_version"], about["readable_since"]) == (2, since)
    log = EventLog(path, (category,))
    assert [event.version for event in log.read()] == [1]


@pytest.mark.parametrize(("reason", "category"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_change_that_would_be_misread_is_refused_with_what_to_do(path, reason, category) -> None:
    with pytest.raises(IncompatibleSchema, match=r"^category 'note'") as error:
        register(path, category)
    assert reason in str(error.value)
    assert schemas(path) == ["note-000001.json"]
    assert EventLog(path, (NOTE,)).head == 1


def test_with_a_refused_change_nothing_is_appended(path) -> None:
    log = EventLog(path, (replace(NOTE, fields=MORE),))
    with pytest.raises(IncompatibleSchema):
        log.append([NewEvent("note/2", "NoteWritten", {"title": "b"})])
    assert log.head == 1


def test_of_several_categories_none_is_registered_when_one_is_refused(path) -> None:
    tag = Category("tag", pa.schema([("name", pa.string())]), ())
    with pytest.raises(IncompatibleSchema):
        register(path, tag, replace(NOTE, fields=MORE))
    assert schemas(path) == ["note-000001.json"]


def test_a_program_older_than_the_log_is_told_so_and_appends_nothing(path) -> None:
    register(path, version_2(MORE))
    log = EventLog(path, (NOTE,))
    with pytest.raises(
        IncompatibleSchema, match=r"the log has version 2 already, .* install the newer one"
    ):
        log.append([NewEvent("note/2", "NoteWritten", {"title": "b"})])
    assert log.head == 1


def test_what_every_version_left_behind_is_checked_not_only_the_last(path) -> None:
    register(path, version_2(HEADLINE, HEADED, RENAMED))
    third = Category("note", HEADLINE, HEADED, 3, RENAMED)
    with pytest.raises(IncompatibleSchema, match=r"the upcaster from version 1 is missing"):
        register(path, replace(third, upcasters={}))
    titled = pa.schema([*HEADLINE, ("title", pa.int64())])
    with pytest.raises(IncompatibleSchema, match=r"field 'title' cannot be int64: in version 1"):
        register(path, replace(third, fields=titled))
    assert register(path, third)[-1] == "note-000003.json"


def test_an_upcaster_cannot_disappear_without_a_new_version_either(path) -> None:
    mended = {1: Upcaster(FIELDS, filled("stars", 0, ["NoteWritten"]))}
    register(path, version_2(upcasters=mended))
    with pytest.raises(IncompatibleSchema, match=r"the upcaster from version 1 is missing"):
        register(path, version_2())


def test_a_version_may_be_left_out(path) -> None:
    assert register(path, replace(NOTE, fields=MORE, schema_version=7)) == [
        "note-000001.json",
        "note-000007.json",
    ]


def test_registering_what_is_known_writes_nothing(path) -> None:
    before = (path / "schemas" / "note-000001.json").stat()
    assert register(path, NOTE) == ["note-000001.json"]
    after = (path / "schemas" / "note-000001.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_many_that_register_at_a_time_agree(tmp_path) -> None:
    def one(number: int) -> str:
        fields = pa.schema([("title", pa.string()), (f"field_{number % 2}", pa.string())])
        try:
            register(tmp_path / "log", Category("note", fields, (WRITTEN,)))
        except IncompatibleSchema as error:
            return str(error)
        return f"field_{number % 2}"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(16)))
    assert schemas(tmp_path / "log") == ["note-000001.json"]
    about = json.loads((tmp_path / "log" / "schemas" / "note-000001.json").read_text())
    winner = next(name for name in about["fields"] if name != "title")
    for number, said in enumerate(found):
        assert (said == winner) == (winner == f"field_{number % 2}")
        assert said == winner or "raise schema_version to 2" in said


DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "no text": lambda _: "\udcff",
    "another one's": lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
    "no fields": lambda text: text.replace('"fields"', '"felds"'),
    "an unknown type": lambda text: text.replace('"int64"', '"int8"'),
    "a list": lambda _: "[]",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_schema_is_told_and_nothing_is_appended(path, damage) -> None:
    schema = path / "schemas" / "note-000001.json"
    schema.write_text(damage(schema.read_text()), "utf-8", "surrogateescape")
    log = EventLog(path, (NOTE,))
    with pytest.raises(DamagedLog, match=r"note-000001.json is no schema that was registered"):
        log.append([NewEvent("note/2", "NoteWritten", {"title": "b"})])
    assert log.head == 1


# reading with an older program


def readable(path: Path, category: Category, newest: int | None = None) -> None:
    log = EventLog(path, (category,))
    known = Schemas(log._store)
    known.check_readable({"note": newest, "other": 9} if newest else known.newest(), log.registry)


def test_an_older_program_reads_newer_events_when_only_fields_were_added(path) -> None:
    register(path, version_2(MORE))
    newer = EventLog(path, (version_2(MORE),))
    newer.append([NewEvent("note/1", "NoteEdited", {"colour": "red", "stars": 5})])
    readable(path, NOTE)
    read = list(EventLog(path, (NOTE,)).read())
    assert [dict(event.data) for event in read] == [{"title": "a"}, {"stars": 5}]


def test_an_annotation_is_added_to_a_log_that_has_events_and_upcast_with_the_fields(path) -> None:
    EventLog(path, (version_2(annotations=WHY),)).append(
        [NewEvent("note/1", "NoteBurnt", {"why": "cold"})]
    )
    read = [dict(event.data) for event in EventLog(path, (version_2(annotations=WHY),)).read()]
    assert read == [{"title": "a"}, {"why": "cold"}]
    readable(path, NOTE)
    assert [dict(event.data) for event in EventLog(path, (NOTE,)).read()] == [{"title": "a"}, {}]
    steps = {2: Upcaster(pa.schema([*FIELDS, *WHY]), renamed("why", "reason"))}
    annotations = pa.schema([("reason", pa.string())])
    third = Category("note", FIELDS, NOTE.types, 3, steps, annotations)
    register(path, third)
    assert [dict(event.data) for event in EventLog(path, (third,)).read()] == [
        {"title": "a"}, {"reason": "cold"}
    ]  # fmt: skip
    log = EventLog(path, (third,))
    with pytest.raises(InvalidEvent, match="'reason' is no field to clear"):
        log.append([NewEvent("note/1", "NoteEdited", {"cleared": ["reason"]})])


def test_an_older_program_does_not_read_newer_events_that_it_would_misread(path) -> None:
    second = version_2(HEADLINE, HEADED, RENAMED)
    register(path, second)
    with pytest.raises(IncompatibleSchema, match=r"events of schema version 2, .* would misread"):
        readable(path, NOTE)
    readable(path, second)
    fields = pa.schema([*HEADLINE, ("colour", pa.string())])
    register(path, Category("note", fields, HEADED, 3, RENAMED))
    readable(path, second)
    with pytest.raises(IncompatibleSchema, match=r"events of schema version 3"):
        readable(path, NOTE)
    assert Schemas(EventLog(path, ())._store).newest() == {"note": 3}


def test_events_whose_schema_the_log_has_lost_are_not_guessed_at(path) -> None:
    with pytest.raises(DamagedLog, match=r"note-000002.json is no schema that was registered"):
        readable(path, NOTE, newest=2)


def test_an_older_program_that_reads_is_told_as_soon_as_there_are_such_events(path) -> None:
    second = version_2(HEADLINE, HEADED, RENAMED)
    open_before = EventLog(path, (NOTE,))
    assert len(list(open_before.read())) == 1
    newer = EventLog(path, (second,))
    newer.append([NewEvent("note/2", "NoteWritten", {"headline": "b"})])
    for log in (open_before, EventLog(path, (NOTE,))):
        assert log.head == 2
        for read in (log.read, log.scan, lambda log=log: log.read(stream="note/1")):
            with pytest.raises(IncompatibleSchema, match=r"would misread; install the newer one"):
                list(read())
        with pytest.raises(IncompatibleSchema):
            log.at().files()
        assert log.verify().events == 2


# retired types


def test_a_new_event_of_a_retired_type_is_refused_with_the_type_to_use(path) -> None:
    shredded = EventType("NoteShredded", Effect.REMOVES)
    retired = changed(WRITTEN, EDITED, replace(BURNT, retired=True), shredded)
    log = EventLog(path, (NOTE,))
    log.append([NewEvent("note/1", "NoteBurnt")])
    log = EventLog(path, (version_2(types=retired),))
    with pytest.raises(InvalidEvent, match=r"^type: NoteBurnt is retired; use NoteShredded$"):
        log.append([NewEvent("note/1", "NoteBurnt")])
    with pytest.raises(InvalidEvent, match=r"'note' has NoteWritten, NoteEdited, NoteShredded$"):
        log.append([NewEvent("note/1", "NoteEaten")])
    columns = pa.table({"stream": ["note/1"] * 2, "type": ["NoteShredded", "NoteBurnt"]})
    with pytest.raises(InvalidEvent, match=r"NoteBurnt is retired; use NoteShredded$") as error:
        log.append_many(columns)
    assert (error.value.field, error.value.position) == ("type", 1)
    assert log.append([NewEvent("note/1", "NoteShredded")]).version == 3
    assert [event.type for event in log.read()] == ["NoteWritten", "NoteBurnt", "NoteShredded"]


def test_without_a_type_of_the_same_effect_all_that_can_be_used_are_named(path) -> None:
    log = EventLog(path, (version_2(types=changed(burnt=replace(BURNT, retired=True))),))
    with pytest.raises(InvalidEvent, match=r"NoteBurnt is retired; use NoteWritten or NoteEdited"):
        log.append([NewEvent("note/1", "NoteBurnt")])
    none = tuple(replace(t, retired=True) for t in NOTE.types)
    log = EventLog(path, (version_2(types=none),))
    with pytest.raises(InvalidEvent, match=r"NoteBurnt is retired; 'note' takes no new events"):
        log.append([NewEvent("note/1", "NoteBurnt")])


def test_no_message_tells_to_begin_with_a_retired_type(path) -> None:
    begun = EventType("NoteBegun", Effect.CREATES, ("title",))
    retired = changed(replace(WRITTEN, retired=True), EDITED, BURNT, begun)
    log = EventLog(path, (version_2(types=retired),))
    with pytest.raises(InvalidEvent, match=r"note/2 does not exist; NoteBegun comes first"):
        log.append([NewEvent("note/2", "NoteEdited")])


# declarations


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (lambda: replace(NOTE, schema_version=0), "schema versions begin at 1"),
        (lambda: replace(NOTE, upcasters=RENAMED), "no upcaster|cannot be an upcaster"),
        (
            lambda: version_2(upcasters={2: Upcaster(FIELDS, dropped("body"))}),
            "cannot be an upcaster from version 2",
        ),
        (
            lambda: version_2(upcasters={1: Upcaster(pa.schema([("a", pa.int8())]))}),
            "field 'a': cannot be int8",
        ),
        (lambda: version_2(annotations=pa.schema([("Stars", TEXT)])), "that no other field has"),
        (lambda: version_2(annotations=pa.schema([("cleared", TEXT)])), "not 'cleared'"),
        (lambda: version_2(annotations=pa.schema([("a", pa.int8())])), "field 'a': cannot be int8"),
    ],
)
def test_a_category_that_cannot_be_is_told(declare, reason) -> None:
    with pytest.raises(InvalidCategory, match=reason):
        declare()


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def categories(draw):
    kinds = draw(st.dictionaries(NAMES, st.sampled_from(FIELD_TYPES), max_size=5))
    names = draw(st.lists(st.sampled_from(["ThingA", "ThingB", "ThingC"]), unique=True))
    types = tuple(
        EventType(
            name,
            draw(st.sampled_from(list(Effect))),
            tuple(draw(st.sets(st.sampled_from(sorted(kinds)))) if kinds else ()),
            draw(st.booleans()),
        )
        for name in names
    )
    version = draw(st.integers(1, 999_999))
    fields = list(kinds.items())
    at = draw(st.integers(0, len(kinds))) if types else len(kinds)
    annotations = pa.schema(fields[at:])
    return Category("thing", pa.schema(fields[:at]), types, version, annotations=annotations)


@given(category=categories(), since=st.integers(1, 9), upcasters=st.frozensets(st.integers(1, 9)))
def test_a_schema_is_read_back_as_it_was_registered(category, since, upcasters) -> None:
    registered = Registered(category, upcasters, since)
    assert Registered.from_json(registered.to_json()) == registered
    assert checked([replace(registered, upcasters=frozenset())], category) is None


def test_every_type_of_a_field_has_a_name_in_a_registered_schema() -> None:
    fields = pa.schema([(f"field_{n}", kind) for n, kind in enumerate(FIELD_TYPES)])
    registered = checked([], Category("thing", fields, ()))
    assert registered is not None
    assert Registered.from_json(registered.to_json()).category.fields == fields
    assert INSTANT in FIELD_TYPES


def test_a_registry_is_registered_once(path) -> None:
    log = EventLog(path, (NOTE,))
    known = Schemas(log._store)
    registry = Registry((NOTE,))
    known.register(registry)
    (path / "schemas" / "note-000001.json").unlink()
    known.register(registry)
    assert schemas(path) == []
    known.register(Registry((NOTE,)))
    assert schemas(path) == ["note-000001.json"]
