"""Two real histories, cut at fifty random places and caught up step by step, beside a rebuild.

The whole of each held as well, in three minutes each; here it is the first ``EVENTS`` of them.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from corpora import NAMES, corpus
from stepped import begun, naming, rebuilds

from connectors.jsonlines import import_events
from event_log import EventLog
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES

pytestmark = pytest.mark.slow

CUTS, EVENTS = 50, 4_000


@pytest.mark.parametrize("name", NAMES)
def test_a_real_history_caught_up_in_fifty_steps_each_made_twice_equals_a_rebuild(
    name: str, tmp_path: Path
) -> None:
    log = EventLog(tmp_path / "log", CATEGORIES)
    import_events(log, shutil.copy(corpus(name), tmp_path), on_error="reject")
    cuts = sorted(random.Random(name).sample(range(1, EVENTS), CUTS))
    stepped = begun(log, cuts[0], tmp_path)
    for n, cut in enumerate([*cuts[1:], EVENTS]):
        if n % 10 == 0:
            stepped.restart()
        stepped.twice(cut)
    entities, documents = rebuilds().of(log, EVENTS)
    assert stepped.entities() == entities
    assert stepped.names() == (naming(entities),) * 2
    for view in DOMAIN.views:
        assert stepped.documents[view] == documents[view], view
    assert stepped.digests() == {view: set(documents[view]) for view in DOMAIN.views}
    stepped.kept.close()
