from collections import Counter

from histories import histories, told
from hypothesis import strategies as st
from tiers import COSTLY, given_in_tiers

from event_log import EventLog, suppose_events
from newsroom import DOMAIN
from replay.checks import Unresolved, unresolved, unresolved_references, uses
from replay.rules import read_entity
from replay.state import State


def test_references_to_what_never_came_are_counted_by_field_and_id(newsroom, article):
    newsroom.tell(
        ("tag/here", "TagDefined", {"name": "Here"}),
        ("tag/gone", "TagDefined", {"name": "Gone"}),
        ("tag/gone", "TagRemoved", {}),
        article("1", tag_ids=["tag/here", "tag/gone", "tag/x", "tag/x"], section_id="section/x"),
        article("2", tag_ids=["tag/x"], byline_ids=["byline/x"]),
        article("3", tag_ids=["tag/x"]),
        ("article/3", "ArticleRetracted", {}),
        ("image/1", "ImageAdded", {"url": "u", "photographer_id": "byline/x"}),
    )
    assert unresolved(newsroom.state(), DOMAIN.references).to_pyarrow().to_pylist() == [
        {"category": "article", "field": "tag_ids", "id": "tag/x", "count": 2},
        {"category": "article", "field": "byline_ids", "id": "byline/x", "count": 1},
        {"category": "article", "field": "section_id", "id": "section/x", "count": 1},
        {"category": "image", "field": "photographer_id", "id": "byline/x", "count": 1},
    ]
    newsroom.tell(("byline/x", "BylineRegistered", {"name": "X"}))
    assert unresolved(newsroom.state(), DOMAIN.references).count().to_pyarrow().as_py() == 2
    assert unresolved_references(newsroom.state(), DOMAIN.references) == [
        Unresolved("article", "tag_ids", "tag/x", 2),
        Unresolved("article", "section_id", "section/x", 1),
    ]


def plain_uses(log: EventLog, streams: list[str]) -> dict[str, dict[str, int]]:
    """Each stream's live users by category, from every entity of the log, one after the other."""
    counts = {stream: Counter() for stream in streams}
    for user in sorted({event.stream for event in log.read()}):
        entity, category = read_entity(log, user), user.partition("/")[0]
        fields = DOMAIN.references.get(category, {}) if entity.live else {}
        named = set()
        for field, target in fields.items():
            value = entity.fields.get(field) or ()
            ids = [value] if isinstance(value, str) else value
            named |= {(name, target) for name in ids}
        for stream in streams:
            if (stream, stream.partition("/")[0]) in named:
                counts[stream][category] += 1
    return {stream: dict(by_category) for stream, by_category in counts.items()}


@given_in_tiers(5, COSTLY, histories(), st.data())
def test_an_entity_is_used_by_the_live_ones_that_name_it_also_after_supposed_events(
    history, data
) -> None:
    whole, cut = told(history), data.draw(st.integers(1, len(history)))
    streams = sorted({event.stream for event in history} | {"section/3", "byline/1"})
    begun, rest = told(history[:cut]), history[cut:]
    supposed = suppose_events(begun, rest) if rest else None
    with State(begun.at()) as state:
        assert uses(state, DOMAIN.references, streams, supposed) == plain_uses(whole, streams)
