from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from event_log import TEXT, Category, Effect, EventLog, EventType, NewEvent
from newsroom.categories import CATEGORIES
from replay import state
from replay.state import State


def test_an_entity_has_the_last_value_of_each_field(newsroom, article):
    newsroom.tell(
        article("1", kicker="Old", abstract="Kept"),
        ("article/1", "ArticleRevised", {"kicker": "New"}),
    )
    entity = newsroom.entities("article")["article/1"]
    assert (entity["kicker"], entity["abstract"], entity["headline"]) == (
        "New",
        "Kept",
        "Headline 1",
    )
    assert (entity["version"], entity["sequence"], entity["live"]) == (2, 2, True)


def test_a_null_is_the_same_as_leaving_the_field_out(newsroom, article):
    newsroom.tell(article("1", kicker="K"), ("article/1", "ArticleRevised", {"kicker": None}))
    assert newsroom.entities("article")["article/1"]["kicker"] == "K"


def test_a_cleared_field_is_empty_until_it_is_given_again(newsroom, article):
    newsroom.tell(
        article("1", kicker="K", tag_ids=["tag/1"], body="Words."),
        ("article/1", "ArticleRevised", {"cleared": ["kicker", "tag_ids", "body"]}),
        ("article/1", "ArticleRevised", {"kicker": "Again"}),
    )
    before = newsroom.entities("article", at=2)["article/1"]
    after = newsroom.entities("article")["article/1"]
    assert (before["kicker"], before["tag_ids"], before["body_sequence"]) == (None, None, None)
    assert (after["kicker"], after["tag_ids"]) == ("Again", None)


def test_a_creating_event_on_a_stream_that_began_forgets_the_fields_before(newsroom, article):
    newsroom.tell(
        article("1", kicker="K", body="Words.", word_count=7),
        ("article/1", "ArticleRevised", {"abstract": "A"}),
        article("1", url="http://new"),
    )
    entity = newsroom.entities("article")["article/1"]
    assert [entity[f] for f in ("kicker", "abstract", "body_sequence", "word_count")] == [None] * 4
    assert (entity["url"], entity["version"]) == ("http://new", 3)


def test_a_removed_entity_is_hidden_its_revisions_count_and_reinstating_shows_it(newsroom, article):
    newsroom.tell(
        article("1"),
        ("article/1", "ArticleRetracted", {}),
        ("article/1", "ArticleRevised", {"kicker": "While away"}),
        ("article/1", "ArticleReinstated", {}),
    )
    shown = [newsroom.entities("article", at=n)["article/1"]["live"] for n in (1, 2, 3, 4)]
    assert shown == [True, False, False, True]
    assert newsroom.entities("article")["article/1"]["kicker"] == "While away"


def test_a_creating_event_shows_a_removed_entity_again(newsroom):
    newsroom.tell(
        ("tag/1", "TagDefined", {"name": "Whales"}),
        ("tag/1", "TagRemoved", {}),
        ("tag/1", "TagDefined", {"name": "Whaling"}),
    )
    assert newsroom.entities("tag")["tag/1"]["live"]


def test_updated_at_is_when_the_last_event_occurred_else_when_it_was_recorded(newsroom, article):
    newsroom.tell(article("1"), occurred_at="1851-09-18T05:00:00Z")
    assert newsroom.entities("article")["article/1"]["updated_at"] == datetime(
        1851, 9, 18, 5, tzinfo=UTC
    )
    newsroom.tell(("article/1", "ArticleRevised", {"kicker": "K"}))
    recorded_at = next(iter(newsroom.log.read(after=1))).recorded_at
    assert newsroom.entities("article")["article/1"]["updated_at"] == recorded_at


def test_categories_without_events_give_empty_tables_with_their_types(newsroom, article):
    assert newsroom.entities("article") == {}
    newsroom.tell(article("1"))
    images = newsroom.state().entities("image")
    assert images.count().execute() == 0
    assert images.schema()["width"].is_int64()


def test_a_category_known_only_in_some_files_is_read_from_those(newsroom, article):
    newsroom.tell(article("1"))
    newsroom.tell(("tag/1", "TagDefined", {"name": "Whales"}))
    newsroom.tell(article("2"))
    assert set(newsroom.entities("tag")) == {"tag/1"}
    assert set(newsroom.entities("article")) == {"article/1", "article/2"}


def test_events_after_the_snapshot_are_not_seen_even_in_the_same_file(newsroom, article):
    newsroom.tell(article("1"), ("article/1", "ArticleRetracted", {}), article("2"))
    assert newsroom.entities("article", at=1)["article/1"]["live"]
    assert set(newsroom.entities("article", at=1)) == {"article/1"}


def test_long_prose_is_folded_by_its_sequence_and_fetched_by_it(newsroom, article):
    newsroom.tell(article("1", body="Old"), ("article/1", "ArticleRevised", {"body": "New"}))
    newsroom.tell(("article/1", "ArticleRevised", {"kicker": "K"}))
    assert newsroom.entities("article")["article/1"]["body_sequence"] == 2
    texts = newsroom.state().text("article", "body").to_pyarrow().to_pylist()
    assert sorted(texts, key=lambda t: t["sequence"]) == [
        {"sequence": 1, "body": "Old"},
        {"sequence": 2, "body": "New"},
    ]


def test_a_view_that_needs_no_bodies_does_not_read_them(newsroom, article):
    newsroom.tell(article("1", body="Words."))
    state = newsroom.state()
    events = state.events("article").select("stream", "headline")
    plan = state.backend.raw_sql(f"EXPLAIN {state.backend.compile(events)}").fetchall()[0][1]
    assert "article.headline" in plan
    assert "article.body" not in plan


def test_the_state_is_folded_once_and_used_again_by_another(newsroom, article, tmp_path):
    newsroom.tell(article("1"))
    kept = tmp_path / "state"
    with State(newsroom.log.at(), kept) as state:
        state.entities("article")
    [folded] = kept.iterdir()
    written = folded.stat().st_mtime_ns
    with State(newsroom.log.at(), kept) as state:
        assert state.entities("article").count().execute() == 1
    assert [(path, path.stat().st_mtime_ns) for path in kept.iterdir()] == [(folded, written)]


def test_what_was_folded_before_a_category_had_a_field_is_folded_anew(tmp_path):
    defined = EventType("TagDefined", Effect.CREATES)
    before = Category("tag", pa.schema([("name", pa.string())]), (defined,))
    after = replace(before, fields=before.fields.append(pa.field("kind", pa.string())))
    log = EventLog(tmp_path / "log", [before])
    log.append([NewEvent("tag/1", "TagDefined", {"name": "Sea"})])
    with State(log.at(), tmp_path / "state") as state:
        assert state.entities("tag").count().execute() == 1
    log = EventLog(tmp_path / "log", [replace(after, schema_version=2)])
    with State(log.at(), tmp_path / "state") as state:
        entities = state.entities("tag").select("name", "kind").to_pyarrow().to_pylist()
    assert entities == [{"name": "Sea", "kind": None}]


def test_the_fold_knows_no_newsroom(tmp_path):
    """Every type of field, in a category of another domain."""
    order = Category(
        "order",
        pa.schema(
            [
                ("quantity", pa.int64()),
                ("price", pa.float64()),
                ("urgent", pa.bool_()),
                ("due", pa.date32()),
                ("lines", pa.list_(pa.int64())),
                ("note", TEXT),
            ]
        ),
        (
            EventType("NewOrderEvent", Effect.CREATES, ("quantity", "note")),
            EventType("ModifyOrderEvent", Effect.REVISES),
        ),
    )
    log = EventLog(tmp_path, (order,))
    given = {"quantity": 5, "price": 1.5, "urgent": True, "due": "2026-01-02", "lines": [1, 2]}
    log.append([NewEvent("order/1", "NewOrderEvent", {**given, "note": "Ring twice."})])
    log.append([NewEvent("order/1", "ModifyOrderEvent", {"quantity": 6, "urgent": False})])
    with State(log.at()) as state:
        (found,) = state.entities("order").to_pyarrow().to_pylist()
    assert (found["quantity"], found["price"], found["urgent"]) == (6, 1.5, False)
    assert (found["lines"], found["note_sequence"], found["live"]) == ([1, 2], 1, True)


@pytest.mark.parametrize("sequence", [0, 1])
def test_the_state_is_that_of_the_snapshot_whatever_comes_later(newsroom, article, sequence):
    newsroom.tell(article("1"))
    snapshot = newsroom.log.at(sequence)
    newsroom.tell(article("2"))
    with State(snapshot) as state:
        assert state.entities("article").count().execute() == sequence


@pytest.mark.parametrize("large", [0, 1_000_000])
def test_a_log_of_very_many_small_files_is_read_like_any(tmp_path, monkeypatch, large):
    """The small ones are put together, once for all states of a snapshot, and no others are."""
    log = EventLog(tmp_path / "log", CATEGORIES)
    for n in range(8):
        log.append([NewEvent(f"tag/{n}", "TagDefined", {"name": f"Tag {n}"})])
    monkeypatch.setattr(state, "MOST_FILES", 3)
    monkeypatch.setattr(state, "LARGE", large)
    for _ in range(2):
        with State(log.at(6), tmp_path / "state") as found:
            names = found.events("tag").order_by("sequence").to_pyarrow()["name"].to_pylist()
            assert names == [f"Tag {n}" for n in range(6)]
            assert found.events("article").count().to_pyarrow().as_py() == 0
    written = sorted((tmp_path / "state").glob("log-*.parquet"))
    assert len(written) == (2 if large else 0)


def test_a_category_may_be_called_events(tmp_path):
    kind = EventType("Held", Effect.CREATES, ("name",))
    category = Category("events", pa.schema([("name", pa.string())]), (kind,))
    log = EventLog(tmp_path, [category])
    log.append([NewEvent("events/1", "Held", {"name": "Fair"})])
    with State(log.at()) as state:
        names = state.entities("events").select("id", "name").to_pyarrow().to_pylist()
    assert names == [{"id": "events/1", "name": "Fair"}]
