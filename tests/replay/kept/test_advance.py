"""The law: catching up in any steps gives what a rebuild from zero gives, state and documents."""

from __future__ import annotations

from unittest.mock import patch

from histories import REGISTRY, histories, told
from hypothesis import strategies as st
from stepped import Entities, Stepped, begun, naming, rebuilds, template
from tiers import COSTLY, given_in_tiers

from event_log import EventLog
from newsroom import DOMAIN
from replay.kept import advance, remake
from replay.lineage import completed
from replay.state import State


def texts(log: EventLog, entities: Entities) -> list[tuple[int, str]]:
    """The bodies that articles have now, by the event that gave each."""
    wanted = {a["body_sequence"] for a in entities["article"]}
    events = log.read()
    return [(e.sequence, e.data["body"]) for e in events if e.sequence in wanted]


def is_rebuilt(stepped: Stepped, log: EventLog) -> None:
    """Is all that is kept, and all that engines have, what a rebuild of the log gives?"""
    entities, documents = rebuilds().of(log)
    assert stepped.entities() == entities
    assert stepped.names() == (naming(entities),) * 2
    assert stepped.texts() == {"body": texts(log, entities)}
    for name in DOMAIN.views:
        assert stepped.documents[name] == documents[name], name
    assert stepped.digests() == {name: set(documents[name]) for name in DOMAIN.views}


@given_in_tiers(1, COSTLY, histories(), st.data())
def test_catching_up_in_any_steps_equals_rebuilding_from_zero(events, data):
    """Steps of any size, some after a restart, some that the engine has twice.

    Over neighbourhoods, over all entities, and some so and some so.
    """
    log = told(events)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(events)), max_size=5)) | {len(events)})
    most = data.draw(st.sampled_from([0, 4, 2_000]))
    stepped = template().stepped(log)
    with (
        patch.object(advance, "MOST_LOOKED_AT", most),
        patch.object(remake, "FEW_DOCUMENTS", most),
    ):
        for cut in cuts:
            if data.draw(st.booleans()):
                stepped.restart()
            if data.draw(st.booleans()):
                stepped.twice(cut)
            else:
                stepped.step(cut)
    is_rebuilt(stepped, log)
    stepped.kept.close()


@given_in_tiers(1, COSTLY, histories())
def test_every_event_a_step_of_its_own_and_every_step_twice_equals_rebuilding(events):
    log = told(events)
    stepped = template().stepped(log)
    for sequence in range(1, len(events) + 1):
        stepped.twice(sequence)
    is_rebuilt(stepped, log)
    stepped.kept.close()


@given_in_tiers(1, COSTLY, histories(), st.data())
def test_what_is_seeded_in_the_middle_goes_on_like_what_came_step_by_step(
    tmp_path_factory, events, data
):
    log = told(events)
    folder = tmp_path_factory.mktemp("seeded")
    stepped = begun(log, data.draw(st.integers(0, len(events))), folder)
    stepped.step(len(events))
    is_rebuilt(stepped, log)
    stepped.kept.close()


@given_in_tiers(1, COSTLY, histories())
def test_what_the_law_compares_with_is_what_a_state_gives(events):
    log = told(events)
    entities, documents = rebuilds().of(log)
    with State(log.at()) as state:
        for name in REGISTRY:
            found = state.entities(name).order_by("id").to_pyarrow().to_pylist()
            assert found == entities[name]
        for name in DOMAIN.views:
            made = completed(DOMAIN.views[name], state).to_pyarrow().to_pylist()
            assert {d["id"]: d for d in made} == documents[name]
