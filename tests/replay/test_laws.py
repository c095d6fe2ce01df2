"""The laws: over generated histories, against the most obvious fold in plain Python."""

from __future__ import annotations

from typing import Any

import pytest
from histories import REGISTRY, histories, told
from hypothesis import strategies as st
from tiers import COSTLY, given_in_tiers

from event_log import Effect, EventLog
from newsroom import DOMAIN
from replay.builds.make import PART, documents_sql, part_sql
from replay.state import State
from views.denormalize import TOGETHER


def plainly_folded(log: EventLog, until: int) -> dict[str, dict[str, Any]]:
    """Every entity, folded in the most obvious way."""
    entities: dict[str, dict[str, Any]] = {}
    for event in log.read(limit=until):
        effect = REGISTRY.event_types[event.type].effect
        if effect is Effect.CREATES:
            names = REGISTRY[event.category].fields.names
            entities[event.stream] = {"id": event.stream, **dict.fromkeys(names)}
        entity = entities[event.stream]
        for field, value in event.data.items():
            if field in REGISTRY[event.category].fields.names:
                entity[field] = value
        for field in event.data.get("cleared") or ():
            entity[field] = None
        if effect in (Effect.CREATES, Effect.REINSTATES):
            entity["live"] = True
        elif effect is Effect.REMOVES:
            entity["live"] = False
        entity |= {"version": event.version, "sequence": event.sequence}
        entity["updated_at"] = event.occurred_at or event.recorded_at
    return entities


def named(entities: dict[str, Any], category: str, identity: str | None) -> dict[str, Any]:
    """The entity that a reference to a category names; nothing if it names one of another."""
    found: dict[str, Any] = entities.get(identity or "", {})
    return found if (identity or "").startswith(f"{category}/") else {}


def name_of(entities: dict[str, Any], category: str, identity: str | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    return {"id": identity, "name": named(entities, category, identity).get("name")}


def plain_article(entities: dict[str, Any], article: dict[str, Any]) -> dict[str, Any]:
    section = named(entities, "section", article["section_id"])
    photographers = {
        i: named(entities, "image", i).get("photographer_id") for i in article["image_ids"] or []
    }
    images = [
        {"id": i, **{f: named(entities, "image", i).get(f) for f in SHOWN}}
        | {"photographer": name_of(entities, "byline", photographers[i])}
        for i in article["image_ids"] or []
        if named(entities, "image", i).get("live", True)
    ]
    tags = [
        {
            **(name_of(entities, "tag", i) or {}),
            "kind": named(entities, "tag", i).get("kind"),
            "aliases": named(entities, "tag", i).get("aliases") or [],
        }
        for i in article["tag_ids"] or []
        if named(entities, "tag", i).get("live", True)
    ]
    bylines = [
        {
            **(name_of(entities, "byline", i) or {}),
            "title": named(entities, "byline", i).get("title"),
            "aliases": named(entities, "byline", i).get("aliases") or [],
        }
        for i in article["byline_ids"] or []
    ]
    words = None if article["body"] is None else len(article["body"].split())
    made_from = [
        article["id"],
        article["section_id"],
        section.get("parent_id"),
        *(article["byline_ids"] or []),
        *(article["image_ids"] or []),
        *(article["tag_ids"] or []),
        *photographers.values(),
    ]
    kept = (
        "headline kicker abstract body url published_at language source version updated_at id "
        "news_desk type_of_material print_page print_section print_headline"
    )
    return {
        **{f: article[f] for f in kept.split(" ")},
        "section": article["section_id"]
        and {
            **(name_of(entities, "section", article["section_id"]) or {}),
            "parent": name_of(entities, "section", section.get("parent_id")),
        },
        "bylines": bylines,
        "images": images,
        "tags": tags,
        "word_count": words if article["word_count"] is None else article["word_count"],
        "sequence": max(entities[e]["sequence"] for e in made_from if e in entities),
    }


SHOWN = ("url", "caption", "credit", "alt_text", "width", "height")


def plain_byline(entities: dict[str, Any], byline: dict[str, Any]) -> dict[str, Any]:
    me = byline["id"]
    naming = [e for e in entities.values() if me in (e.get("byline_ids") or [])]
    written = [a for a in naming if a["live"]]
    written.sort(key=lambda a: a["id"])
    written.sort(key=lambda a: a["published_at"], reverse=True)
    sections = [a["section_id"] for a in written if a["section_id"]]
    together = [set(a["byline_ids"][:TOGETHER]) for a in written]
    others = [b for signed in together if me in signed for b in signed if b != me]

    def counted(category: str, found: list[str]) -> list[dict[str, Any]]:
        ordered = sorted(set(found), key=lambda i: (-found.count(i), i))
        names = ((name_of(entities, category, i) or {}, found.count(i)) for i in ordered)
        return [{**name, "count": count} for name, count in names]

    made_from = [me, *(a["id"] for a in naming), *sections, *others]
    dates = [a["published_at"] for a in written]
    card = ("id", "headline", "url", "published_at")
    return {
        **{f: byline[f] for f in ("id", "name", "title", "bio", "url")},
        "aliases": byline["aliases"] or [],
        "article_count": len(written),
        "first_published_at": min(dates, default=None),
        "last_published_at": max(dates, default=None),
        "latest": [{f: a[f] for f in card} for a in written[:10]],
        "sections": counted("section", sections),
        "coauthors": counted("byline", others),
        "sequence": max(entities[e]["sequence"] for e in made_from if e in entities),
    }


def documents(state: State, view: str) -> dict[str, dict[str, Any]]:
    sql = documents_sql(DOMAIN.views[view], state)
    found = state.backend.con.execute(sql).to_arrow_table().to_pylist()
    return {document["id"]: document for document in found}


def pairs(state: State, view: str, some: set[str] | None = None) -> set[tuple[str, str]]:
    """The lineage of a view, of all its documents or of some; compiled once in a process."""
    if some is not None:
        state.name_keys(PART, some)

    def lineage() -> Any:
        keys = None if some is None else state.named_keys(PART)
        return DOMAIN.views[view].lineage(state, keys)

    found = state.query(state.sql(("pairs", view, some is None), lineage)).to_pylist()
    return {(pair["id"], pair["entity"]) for pair in found}


@given_in_tiers(5, COSTLY, histories(), st.data())
def test_the_state_and_the_documents_are_those_of_a_plain_fold(events, data):
    log = told(events)
    until = data.draw(st.integers(0, len(events)))
    plain = plainly_folded(log, until)
    with State(log.at(until)) as state:
        for category in REGISTRY:
            folded = state.entities(category).to_pyarrow().to_pylist()
            of_category = {k: e for k, e in plain.items() if k.startswith(f"{category}/")}
            for entity in folded:
                entity.pop("body_sequence", None)
            without = [{k: v for k, v in e.items() if k != "body"} for e in of_category.values()]
            assert sorted(folded, key=lambda e: e["id"]) == sorted(without, key=lambda e: e["id"])
        live = {k: e for k, e in plain.items() if e["live"]}
        for view, made in (("articles", plain_article), ("bylines", plain_byline)):
            expected = {
                k: made(plain, e) for k, e in live.items() if k.startswith(view.removesuffix("s"))
            }
            assert documents(state, view) == expected


@given_in_tiers(2, COSTLY, histories(), st.data())
def test_a_rebuild_at_n_equals_a_rebuild_of_the_first_n_events(events, data):
    until = data.draw(st.integers(1, len(events)))
    whole, first = told(events), told(events[:until])
    with State(whole.at(until)) as then, State(first.at()) as alone:
        for view in DOMAIN.views:
            one, other = documents(then, view), documents(alone, view)
            for document in (*one.values(), *other.values()):
                document.pop("recorded_at", None)  # the clock, which no event decides
                document.pop("updated_at", None)
            assert one == other


@given_in_tiers(2, COSTLY, histories())
def test_the_lineage_names_only_entities_and_covers_every_document(events):
    log = told(events)
    with State(log.at()) as state:
        known = set(plainly_folded(log, len(events)))
        for view in DOMAIN.views:
            covered = {key for key, entity in pairs(state, view) if entity in known}
            assert set(documents(state, view)) <= covered


@given_in_tiers(1, COSTLY, histories(), st.data())
def test_some_documents_and_their_lineage_are_made_as_they_are_among_all(events, data):
    log = told(events)
    with State(log.at()) as state:
        for view in DOMAIN.views:
            whole = documents(state, view)
            some = data.draw(st.sets(st.sampled_from([*whole, "tag/none"]), min_size=1, max_size=3))
            found = state.query(part_sql(DOMAIN.views[view], state, some)).to_pylist()
            assert {d["id"]: d for d in found} == {k: d for k, d in whole.items() if k in some}
            wanted = {(key, entity) for key, entity in pairs(state, view) if key in some}
            of_some = pairs(state, view, some)
            assert wanted == {(key, entity) for key, entity in of_some if key in some}


@pytest.mark.parametrize("view", tuple(DOMAIN.views))
def test_a_view_is_an_expression_that_spark_could_run_too(view, newsroom):
    """Compiled only: every operation is one that Ibis knows on Spark."""
    import ibis

    state = newsroom.state()
    for table in (
        DOMAIN.views[view].documents(state, None),
        DOMAIN.views[view].lineage(state, None),
    ):
        assert "SELECT" in ibis.to_sql(table, dialect="pyspark")
