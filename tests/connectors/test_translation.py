"""Changes become events that fold to what the tables say, whatever changed and in what order."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.debezium.change import Change, Message, Origin, OutboxEvent, PoisonMessage
from connectors.debezium.envelope import read_message
from connectors.mapping.children import ListsInMemory
from connectors.mapping.reading import read_mapping
from connectors.mapping.translation import Known, Translated, Translator, needs_fields
from event_log import (
    INSTANT,
    TEXT,
    Category,
    Effect,
    Event,
    EventLog,
    EventType,
    NewEvent,
    Registry,
)
from newsroom import DOMAIN as NEWSROOM
from replay import Domain, Entity, read_entities, read_entity

FIELDS = pa.schema(
    [
        ("title", pa.string()),
        ("body", TEXT),
        ("count", pa.int64()),
        ("share", pa.float64()),
        ("made_at", INSTANT),
        ("topic_id", pa.string()),
        ("writer_ids", pa.list_(pa.string())),
    ]
)
TYPES = (
    EventType("PageMade", Effect.CREATES, ("title",)),
    EventType("PageChanged", Effect.REVISES),
    EventType("PageGone", Effect.REMOVES),
)
PAGE = Category("page", FIELDS, TYPES)
RETURNING = Category("page", FIELDS, (*TYPES, EventType("PageBack", Effect.REINSTATES)))
REFERENCES = {"page": {"topic_id": "page", "writer_ids": "page"}}


def domain(category: Category = PAGE) -> Domain:
    return Domain("pages", [category], [], REFERENCES)


TABLE = """
tables:
  page:
    stream: page/{id}
    truncate: remove
  written_by:
    truncate: remove
    lists:
      writer_ids: {of: "page/{page}", value: "page/{writer}", order: place}
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mappings")


def translator(folder: Path, text: str, of: Domain | None = None) -> Translator:
    path = folder / f"{abs(hash(text))}.yaml"
    path.write_text(text)
    return Translator(read_mapping(str(path), of or domain()))


@dataclass
class World:
    """A source and a log: what changes there is translated, and folded here."""

    translator: Translator
    category: Category
    entities: dict[str, Entity] = field(default_factory=dict)
    lists: ListsInMemory = field(default_factory=ListsInMemory)
    events: list[NewEvent] = field(default_factory=list)
    offset: int = 0

    def change(self, table: str, op: str, key: Any, after: Any = None, **more: Any) -> Change:
        self.offset += 1
        before = more.pop("before", key if op == "d" else None)
        origin = Origin("cms", "T", 0, self.offset)
        change = Change(f"public.{table}", op, key, before, after, origin, "cms")
        change.transaction, change.order, change.lsn = "7", self.offset, self.offset
        change.at = 1_000_000 * self.offset
        for name, value in more.items():
            setattr(change, name, value)
        if op == "r":
            change.snapshot, change.transaction, change.order, change.lsn = "true", None, None, None
        return change

    def translate(self, changes: list[Change]) -> Translated:
        with_fields = self.translator.streams(filter(needs_fields, changes))
        known = {
            stream: Known(entity.live, dict(entity.fields) if stream in with_fields else None)
            for stream, entity in self.entities.items()
        }
        live = [stream for stream, entity in self.entities.items() if entity.live]
        done = self.translator.translate(
            changes, known, self.lists, lambda prefix: [s for s in live if s.startswith(prefix)]
        )
        for event in done.events:
            self._fold(event)
        assert {s for s, k in known.items() if k.live} == self.live().keys()
        return done

    def told(self, *changes: Change) -> list[tuple[str, str, Any]]:
        done = self.translate(list(changes))
        assert done.refused == []
        return [(event.type, event.stream, event.data) for event in done.events]

    def _fold(self, event: NewEvent) -> None:
        registry = Registry((self.category,))
        entity = self.entities.setdefault(event.stream, Entity(event.stream))
        stored = Event(
            len(self.events) + 1,
            event.event_id or "",
            event.stream,
            self.category.name,
            entity.version + 1,
            event.type,
            1,
            datetime.now(UTC),
            None,
            None,
            None,
            None,
            b"",
            event.data,
        )
        effect = registry.event_types[event.type].effect
        assert effect is Effect.CREATES or entity.version, f"{event.type} of what does not exist"
        entity.apply(stored, registry)
        self.events.append(event)

    def live(self) -> dict[str, dict[str, Any]]:
        return {stream: e.fields for stream, e in self.entities.items() if e.live}


def world(folder: Path, text: str = TABLE, category: Category = PAGE) -> World:
    return World(translator(folder, text, domain(category)), category)


def page(number: int, **columns: Any) -> dict[str, Any]:
    line = {"id": number, "title": "A", "body": None, "count": None, "share": None}
    return line | {"made_at": None, "topic_id": None} | columns


# properties

VALUES = {
    "title": st.sampled_from(["A", "B", "C"]),
    "body": st.none() | st.sampled_from(["long", "longer"]),
    "count": st.none() | st.integers(-3, 3),
    "share": st.none() | st.sampled_from([0.5, 1.0]),
    "topic_id": st.none() | st.integers(1, 3),
}
LINES = st.fixed_dictionaries(VALUES)
NUMBERS = st.integers(1, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NUMBERS, LINES),
        st.tuples(st.just("delete"), NUMBERS),
        st.tuples(st.just("move"), NUMBERS, NUMBERS),
        st.tuples(st.just("child"), NUMBERS, NUMBERS, st.none() | st.integers(1, 12)),
        st.tuples(st.just("orphan"), NUMBERS, NUMBERS),
        st.tuples(st.just("truncate"), st.sampled_from(["page", "written_by"])),
        st.tuples(st.just("snapshot")),
        st.tuples(st.just("commit")),
    ),
    max_size=25,
)


@dataclass
class Tables:
    """What a database has, as dictionaries, and the changes that it tells."""

    world: World
    full: bool
    pages: dict[int, dict[str, Any]] = field(default_factory=dict)
    children: dict[tuple[int, int], int | None] = field(default_factory=dict)

    def put(self, number: int, line: dict[str, Any]) -> list[Change]:
        old, new = self.pages.get(number), page(number, **line)
        self.pages[number] = new
        if old is None:
            return [self.world.change("page", "c", {"id": number}, new)]
        changed = self.world.change("page", "u", {"id": number}, dict(new))
        if self.full:
            changed.before = old
        elif old["body"] == new["body"] and new["body"] is not None:
            changed.withheld = frozenset(["body"])
            del changed.after["body"]  # type: ignore[attr-defined]
        return [changed]

    def delete(self, number: int) -> list[Change]:
        old = self.pages.pop(number, None)
        if old is None:
            return []
        before = old if self.full else {"id": number}
        return [self.world.change("page", "d", {"id": number}, before=before)]

    def move(self, number: int, to: int) -> list[Change]:
        if number not in self.pages or to in self.pages:
            return []
        old = self.pages.pop(number)
        new = self.pages[to] = old | {"id": to}
        before = old if self.full else {"id": number}
        gone = self.world.change("page", "d", {"id": number}, before=before, new_key={"id": to})
        come = self.world.change("page", "c", {"id": to}, dict(new), old_key={"id": number})
        come.lsn = gone.lsn
        if new["body"] is not None and not self.full:
            come.withheld = frozenset(["body"])
            del come.after["body"]  # type: ignore[attr-defined]
        return [gone, come]

    def child(self, number: int, writer: int, place: int | None) -> list[Change]:
        op = "u" if (number, writer) in self.children else "c"
        self.children[number, writer] = place
        key = {"page": number, "writer": writer}
        return [self.world.change("written_by", op, key, key | {"place": place})]

    def orphan(self, number: int, writer: int) -> list[Change]:
        if (number, writer) not in self.children:
            return []
        del self.children[number, writer]
        return [self.world.change("written_by", "d", {"page": number, "writer": writer})]

    def truncate(self, table: str) -> list[Change]:
        (self.pages if table == "page" else self.children).clear()
        return [self.world.change(table, "t", None)]

    def snapshot(self) -> list[Change]:
        of_children = [
            self.world.change(
                "written_by",
                "r",
                {"page": number, "writer": writer},
                {"page": number, "writer": writer, "place": place},
            )
            for (number, writer), place in self.children.items()
        ]
        of_pages = [
            self.world.change("page", "r", {"id": number}, dict(line))
            for number, line in self.pages.items()
        ]
        return of_children + of_pages

    def expected(self) -> dict[str, dict[str, Any]]:
        return {f"page/{number}": self._fields(number) for number in self.pages}

    def _fields(self, number: int) -> dict[str, Any]:
        line = self.pages[number]
        fields = {n: v for n, v in line.items() if v is not None and n != "id"}
        if "topic_id" in fields:
            fields["topic_id"] = f"page/{fields['topic_id']}"
        writers = sorted(
            (place is None, place or 0, f'{{"page":{number},"writer":{writer}}}', writer)
            for (of, writer), place in self.children.items()
            if of == number
        )
        if writers:
            fields["writer_ids"] = [f"page/{writer}" for *_, writer in writers]
        return fields


def play(tables: Tables, steps: Iterable[tuple[Any, ...]]) -> None:
    """Play the steps: what comes until a ``commit`` or a snapshot is one transaction."""
    pending: list[Change] = []
    for name, *rest in [*steps, ("commit",)]:
        if name not in ("commit", "snapshot"):
            pending += getattr(tables, name)(*rest)
            continue
        done = tables.world.translate(pending)
        assert [str(error) for _, error in done.refused] == []
        pending = []
        if name == "snapshot":
            assert tables.world.live() == tables.expected()
            again = tables.world.translate(tables.snapshot())
            assert (again.events, again.refused) == ([], [])
    assert tables.world.live() == tables.expected()


@pytest.mark.parametrize("category", [PAGE, RETURNING], ids=["anew", "reinstated"])
@pytest.mark.parametrize("full", [False, True], ids=["default", "full"])
@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_changes_the_events_fold_to_what_the_tables_say(
    folder: Path, category: Category, full: bool, steps: list[tuple[Any, ...]]
) -> None:
    text = TABLE.replace(
        "truncate: remove\n  written", "truncate: remove\n    identity: full\n  written"
    )
    play(Tables(world(folder, text if full else TABLE, category), full), steps)


@given(steps=STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_event_has_an_id_of_its_own(folder: Path, steps: list[tuple[Any, ...]]) -> None:
    tables = Tables(world(folder), False)
    play(tables, steps)
    ids = [event.event_id for event in tables.world.events]
    assert None not in ids
    assert len(set(ids)) == len(ids)


@given(
    children=st.dictionaries(
        st.tuples(NUMBERS, NUMBERS), st.none() | st.integers(1, 12), max_size=8
    ),
    order=st.randoms(use_true_random=False),
    size=st.integers(1, 6),
)
@settings(max_examples=25, deadline=None)
def test_children_and_parents_may_come_in_any_order(
    folder: Path, children: dict[tuple[int, int], int | None], order: Any, size: int
) -> None:
    tables = Tables(world(folder), False)
    changes = [c for n in range(1, 5) for c in tables.put(n, {})]
    changes += [
        c for (n, writer), place in children.items() for c in tables.child(n, writer, place)
    ]
    order.shuffle(changes)
    for first in range(0, len(changes), size):
        assert tables.world.translate(changes[first : first + size]).refused == []
    assert tables.world.live() == tables.expected()


# one by one


def test_a_change_says_only_the_columns_that_are_given(folder: Path) -> None:
    here = world(folder)
    here.told(here.change("page", "c", {"id": 1}, page(1, body="long", count=3)))
    line = page(1, title="B")
    del line["body"]
    change = here.change("page", "u", {"id": 1}, line, withheld=frozenset(["body"]))
    ((kind, _, data),) = here.told(change)
    assert (kind, data["title"]) == ("PageChanged", "B")
    assert "body" not in data
    assert "body" not in data["cleared"]
    assert here.live()["page/1"] == {"title": "B", "body": "long"}


def test_where_the_identity_is_full_only_what_differs_is_said(folder: Path) -> None:
    here = world(folder, "tables: {page: {stream: 'page/{id}', identity: full}}")
    here.told(here.change("page", "c", {"id": 1}, page(1, count=3)))
    before, after = page(1, count=3), page(1, count=4)
    assert here.told(here.change("page", "u", {"id": 1}, after, before=before)) == [
        ("PageChanged", "page/1", {"count": 4})
    ]
    assert here.told(here.change("page", "u", {"id": 1}, after, before=after)) == []


def test_a_change_of_the_key_is_one_removed_and_one_created_because_of_it(folder: Path) -> None:
    here = world(folder)
    tables = Tables(here, False)
    here.told(*tables.put(1, {"title": "A", "body": "long"}))
    gone, come = tables.move(1, 3)
    assert [told[:2] for told in here.told(gone, come)] == [
        ("PageGone", "page/1"),
        ("PageMade", "page/3"),
    ]
    removed, created = here.events[-2:]
    assert created.causation_id == removed.event_id
    assert created.data["body"] == "long"  # which the source withheld
    assert removed.correlation_id == created.correlation_id == "cms:7"


def test_a_stream_named_outside_of_the_key_moves_where_the_identity_is_full(folder: Path) -> None:
    text = "tables: {page: {stream: 'page/{slug}', identity: full, ignored: [id]}}"
    here = world(folder, text)
    here.told(here.change("page", "c", {"id": 1}, page(1, slug="a")))
    before, after = page(1, slug="a"), page(1, slug="b")
    told = here.told(here.change("page", "u", {"id": 1}, after, before=before))
    assert [each[:2] for each in told] == [("PageGone", "page/a"), ("PageMade", "page/b")]
    assert here.events[-1].causation_id == here.events[-2].event_id


def refused(here: World, *changes: Change) -> tuple[str, bool]:
    done = here.translate(list(changes))
    assert done.events == []
    ((_, error),) = done.refused
    return str(error), error.stops


def test_a_stream_named_outside_of_the_key_is_refused_where_it_is_not(folder: Path) -> None:
    here = world(folder, "tables: {page: {stream: 'page/{slug}', ignored: [id]}}")
    reason, stops = refused(here, here.change("page", "c", {"id": 1}, page(1, slug="a")))
    assert "slug, which is not of the key (id)" in reason
    assert stops


@pytest.mark.parametrize(
    ("more", "op", "columns", "reason", "stops"),
    [
        ("", "c", {"new": 1}, "column new: the mapping does not say", True),
        ("unknown: dead_letter", "c", {"new": 1}, "column new: the mapping does not say", False),
        ("truncate: error", "t", None, "the table was truncated", True),
        ("delete: error", "d", None, "was deleted", True),
        ("", "c", {"count": "two"}, "column count: count: 'two' is no whole number", False),
        ("", "c", {"count": 1.5}, "1.5 is no whole number", False),
        ("", "c", {"body": ["a"]}, "['a'] is no text; declare type: json", False),
        ("", "c", {"title": None}, "title is required by PageMade", False),
        ("", "u", {"title": None}, "title is required by page", False),
        ("", "c", {"made_at": 20455}, "declare type: timestamp", False),
        ("", "c", {"made_at": "no date"}, "is no date", False),
        ("fields: {count: {column: count, type: json}}", "c", {"count": "{"}, "is not JSON", False),
        ("fields: {title: {column: lost}}", "c", {}, "there is no such column", True),
        ("where: {lost: 1}", "c", {}, "there is no such column", True),
        (
            "fields: {title: {function: 'builtins:int', columns: [title]}}",
            "c",
            {},
            "title: invalid literal",
            False,
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_column(
    folder: Path, more: str, op: str, columns: Any, reason: str, stops: bool
) -> None:
    here = world(folder, f"tables:\n  page:\n    stream: page/{{id}}\n    {more}\n")
    if op in ("u", "d"):
        here.translate([here.change("page", "c", {"id": 1}, page(1))])
    after = None if columns is None else page(1, **columns)
    told = refused(here, here.change("page", op, None if op == "t" else {"id": 1}, after))
    assert reason in told[0]
    assert told[0].startswith("public.page")
    assert told[1] is stops


def test_what_is_refused_leaves_the_others_alone(folder: Path) -> None:
    here = world(folder)
    done = here.translate(
        [
            here.change("page", "c", {"id": 1}, page(1)),
            here.change("page", "c", {"id": 2}, page(2, count="two")),
            here.change("other", "c", {"id": 3}, page(3)),
            here.change("page", "c", {"id": 4}, page(4)),
        ]
    )
    assert [event.stream for event in done.events] == ["page/1", "page/4"]
    assert [change.key for change, _ in done.refused if isinstance(change, Change)] == [{"id": 2}]
    assert done.unmapped == 1


def test_a_line_that_ceases_to_match_is_removed_and_comes_back(folder: Path) -> None:
    text = "tables: {page: {stream: 'page/{id}', where: {state: [out, due]}}}"
    here = world(folder, text, RETURNING)

    def state(op: str, state: str, **columns: Any) -> list[str]:
        change = here.change("page", op, {"id": 1}, page(1, state=state, **columns))
        return [kind for kind, *_ in here.told(change)]

    assert state("c", "draft") == []
    assert state("u", "out", count=1) == ["PageMade"]
    assert state("u", "due", count=2) == ["PageChanged"]
    assert state("u", "draft", count=3) == ["PageGone"]
    assert state("u", "draft", count=4) == []
    assert state("u", "out") == ["PageBack"]
    assert here.live() == {"page/1": {"title": "A"}}


def test_a_condition_means_the_same_however_the_value_was_written(folder: Path) -> None:
    text = "tables: {page: {stream: 'page/{id}', where: {day: 2026-01-02, part: 7, on: true}}}"
    here = world(folder, text)
    written = [
        {"day": date(2026, 1, 2), "part": Decimal(7), "on": True},
        {"day": "2026-01-02", "part": "7", "on": "true"},
        {"day": "2026-01-02", "part": 7.0, "on": True},
    ]
    for number, columns in enumerate(written):
        line = page(number, **columns)
        assert len(here.told(here.change("page", "c", {"id": number}, line))) == 1
    other = page(9, day="2026-01-02", part=[7], on=True)
    assert here.told(here.change("page", "c", {"id": 9}, other)) == []


def test_a_line_that_comes_with_a_withheld_value_is_refused(folder: Path) -> None:
    here = world(folder, "tables: {page: {stream: 'page/{id}', where: {state: out}}}")
    here.told(here.change("page", "c", {"id": 1}, page(1, state="draft", body="long")))
    line = page(1, state="out")
    del line["body"]
    change = here.change("page", "u", {"id": 1}, line, withheld=frozenset(["body"]))
    reason, _ = refused(here, change)
    assert "give the table REPLICA IDENTITY FULL" in reason


def test_lines_without_a_key_are_counted_in_a_list(folder: Path) -> None:
    here = world(folder)
    here.told(here.change("page", "c", {"id": 1}, page(1)))
    line = {"page": 1, "writer": 2, "place": 1}
    twice = [here.change("written_by", "c", None, line) for _ in range(2)]
    assert here.told(*twice)[0][2] == {"writer_ids": ["page/2", "page/2"]}
    assert here.told(here.change("written_by", "d", None, before=line))[0][2] == {
        "writer_ids": ["page/2"]
    }
    assert here.told(here.change("written_by", "r", None, line)) == []


def test_a_list_is_ordered_by_number_also_where_numbers_are_text(folder: Path) -> None:
    here = world(folder)
    here.told(here.change("page", "c", {"id": 1}, page(1)))
    lines = [
        {"page": 1, "writer": n, "place": place} for n, place in [(1, "10"), (2, "9"), (3, "x")]
    ]
    told = here.told(*(here.change("written_by", "c", {"id": n}, li) for n, li in enumerate(lines)))
    assert told[0][2] == {"writer_ids": ["page/2", "page/1", "page/3"]}


def test_types_of_the_source_become_those_of_the_fields(folder: Path) -> None:
    text = """
tables:
  page:
    stream: page/{id}
    occurred_at: {column: edited, type: timestamp_ms}
    actor: editor
    fields:
      title: {join: [first, last], with: ", "}
      body: "{first} of {year}"
      count: {column: year, type: number}
      share: {column: cost, type: decimal(2)}
      made_at: {column: day, type: date}
      topic_id: page/{topic}
      writer_ids: {column: writers, split: ";"}
"""
    here = world(folder, text)
    line = {"id": 1, "first": "Ana", "last": None, "year": "1912.0", "cost": "A94=", "day": 20455}
    line |= {"topic": "a/b", "writers": "x; y;", "edited": 1500, "editor": "bo"}
    ((_, _, data),) = here.told(here.change("page", "c", {"id": 1}, line))
    assert data == {
        "title": "Ana",
        "body": "Ana of 1912.0",
        "count": 1912,
        "share": 9.9,
        "made_at": datetime(2026, 1, 2, tzinfo=UTC),
        "topic_id": "page/a%2Fb",
        "writer_ids": ["page/x", "page/y"],
    }
    assert here.events[0].actor == "bo"
    assert here.events[0].occurred_at == datetime(1970, 1, 1, 0, 0, 1, 500000, UTC)


def test_what_a_snapshot_reads_did_not_occur_when_it_was_read(folder: Path) -> None:
    here = world(folder)
    here.told(here.change("page", "r", {"id": 1}, page(1)))
    here.told(here.change("page", "c", {"id": 2}, page(2)))
    assert [event.occurred_at is None for event in here.events] == [True, False]


def test_two_lines_have_one_stream_only_when_their_keys_are_the_same(folder: Path) -> None:
    here = world(folder, "tables: {page: {stream: 'page/{a}-{b}', unknown: ignore}}")
    keys = [("1-2", "3"), ("1", "2-3"), ("1%2D2", "3"), ("1/2", "3"), ("é ", "@7"), ("é", "@7")]
    streams = set()
    for a, b in keys:
        key = {"a": a, "b": b}
        streams.add(here.told(here.change("page", "c", key, page(1) | key))[0][1])
    assert len(streams) == len(keys)
    log = EventLog(folder / "names", (PAGE,))
    assert log.append(here.events).added == len(keys)


# on what Debezium really wrote

CMS = """
tables:
  article:
    stream: article/{id}
    fields:
      published_at: {constant: 1851-09-18}
      tag_ids: tags
    ignored: [published_at]
    truncate: remove
  byline:
    stream: byline/{id}
  byline_of:
    truncate: remove
    lists:
      byline_ids: {of: "article/{article_id}", value: byline_id, order: ordinal}
"""


def test_a_snapshot_that_is_taken_again_adds_nothing(captured: Any, folder: Path) -> None:
    here = translator(folder, CMS, NEWSROOM)
    log, lists = EventLog(folder / "again", NEWSROOM.categories), ListsInMemory()
    read = captured("snapshot")[:8]
    assert _append(log, here, lists, read) == 5
    assert log.stream("article/1")[0].data["byline_ids"] == ["byline/2", "byline/1"]
    again = [
        replace(each, origin=each.origin._replace(offset=900 + n)) for n, each in enumerate(read)
    ]
    assert _append(log, here, lists, again) == 0


def test_transactions_become_what_they_did(captured: Any, folder: Path) -> None:
    here = translator(folder, CMS, NEWSROOM)
    log, lists = EventLog(folder / "transactions", NEWSROOM.categories), ListsInMemory()
    _append(log, here, lists, captured("transactions"))
    article = read_entity(log, "article/1")
    assert (article.fields["headline"], article.fields["byline_ids"]) == (
        "first ended last",
        ["byline/2"],
    )
    assert {event.correlation_id for event in log.stream("article/1")} == {"cms:1024"}


OUTBOX = """
outbox:
  table: outbox
  stream: page/{aggregatetype}-{aggregateid}
  types: {Made: PageMade}
"""


def told_by_itself(kind: str, payload: Any, event_id: str = "e1", **more: Any) -> OutboxEvent:
    origin = Origin("cms", "T", 0, 1)
    return OutboxEvent(event_id, "blog", "a/b", kind, payload, origin, "cms", "7", 1, 5, **more)


def test_an_event_that_comes_ready_gets_its_stream_and_keeps_its_id(folder: Path) -> None:
    here = translator(folder, OUTBOX)
    events = [
        told_by_itself("Made", {"title": "A", "body": None}),
        told_by_itself("PageChanged", {"cleared": ["body"]}, "e2"),
        told_by_itself("PageGone", {}, "e3"),
    ]
    known: dict[str, Known] = {}
    done = here.translate(events, known, ListsInMemory())
    assert done.refused == []
    assert [(e.stream, e.type, e.data, e.event_id) for e in done.events] == [
        ("page/blog-a%2Fb", "PageMade", {"title": "A"}, "e1"),
        ("page/blog-a%2Fb", "PageChanged", {"cleared": ["body"]}, "e2"),
        ("page/blog-a%2Fb", "PageGone", {}, "e3"),
    ]
    assert here.streams(events) == {"page/blog-a%2Fb"} == known.keys()
    assert not known["page/blog-a%2Fb"].live
    assert EventLog(folder / "ready", (PAGE,)).append(done.events).added == 3


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (told_by_itself("Made", {}), "data.title: the event e1: is required by PageMade"),
        (told_by_itself("Made", {"titel": "A"}), "data.titel: the event e1: is no field"),
        (told_by_itself("Made", [1]), "data: the event e1: must be an object"),
        (told_by_itself("Lost", {}), "type: the event e1: 'Lost' is unknown"),
        (told_by_itself("PageGone", {}, ""), "event_id: the event : is empty"),
        (told_by_itself("PageGone", {}, whole_stream=True), "'blog' is no category"),
    ],
)
def test_an_event_that_comes_ready_but_wrong_is_refused(
    folder: Path, event: OutboxEvent, reason: str
) -> None:
    done = translator(folder, OUTBOX).translate([event], {}, ListsInMemory())
    assert done.events == []
    ((_, error),) = done.refused
    assert reason in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**65) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_wrong_in_a_message_it_is_poison_or_refused(
    captured: Any, folder: Path, data: st.DataObject
) -> None:
    here, known = translator(folder, CMS, NEWSROOM), {"article/1": Known(True, {"headline": "A"})}
    message = data.draw(st.sampled_from(captured("default_identity") + captured("transactions")))
    said = orjson.loads(message.value or b"null")
    part = said
    while isinstance(part, dict) and part:
        name = data.draw(st.sampled_from(sorted(part)))
        if not isinstance(part[name], dict) or data.draw(st.booleans()):
            part[name] = data.draw(JSON)
            break
        part = part[name]
    try:
        value = orjson.dumps(said)
    except TypeError:  # a number of more than 64 bits: the reader has it as one with a fraction
        return
    with suppress(PoisonMessage):
        read = read_message(replace(message, value=value))
        if isinstance(read, Change):
            here.streams([read])
            done = here.translate([read], known, ListsInMemory(), lambda _: [])
            batch = EventLog(folder / "fuzz", NEWSROOM.categories).batch()
            for event in done.events:
                batch.add(event)


def _append(log: EventLog, here: Translator, lists: ListsInMemory, messages: list[Message]) -> int:
    said = [read_message(message) for message in messages]
    changes = [each for each in said if isinstance(each, Change)]
    begun = [stream for stream, version in log.versions(here.streams(changes)).items() if version]
    entities = read_entities(log, begun)
    known = {stream: Known(e.live, e.fields) for stream, e in entities.items()}
    done = here.translate(changes, known, lists, lambda _: [])
    assert done.refused == []
    return log.append(done.events).added if done.events else 0
