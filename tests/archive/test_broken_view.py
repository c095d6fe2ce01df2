"""A view whose expressions are wrong is named; the state stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from histories import told

from archive.step import digest
from event_log import NewEvent
from newsroom import DOMAIN, REFERENCES
from replay.errors import BrokenView
from replay.kept import digests, seed
from replay.kept.advance import Advance

VIEWS = DOMAIN.views


def test_a_view_that_cannot_be_computed_is_named_and_nothing_is_kept(tmp_path):
    def broken(state: Any, _: Any) -> Any:
        return state.entities("tag").select("id", wrong="no_such_field")

    log = told([NewEvent("tag/whales", "TagDefined", {"name": "Whales"})])
    kept = seed.make_kept_state(tmp_path / "state.duckdb", log.at(0), REFERENCES)
    digests.keep_no_digests(kept, "topics")
    advance = Advance(
        kept, {"topics": replace(VIEWS["topics"], documents=broken)}, REFERENCES, digest
    )
    with (
        pytest.raises(BrokenView, match=r"view topics: documents \(.*no_such_field") as told_of,
        advance.step(log, 1, ["topics"]) as step,
    ):
        list(step.remake(["topics"], tmp_path))
    assert told_of.value.view == "topics"
    assert (kept.sequence, kept.pending) == (0, 1)
    good = Advance(kept, {"topics": VIEWS["topics"]}, REFERENCES, digest)
    with good.step(log, 1, ["topics"]) as step:
        (changed,) = step.remake(["topics"], tmp_path)
        assert changed.figures.written == 1
    assert (kept.sequence, kept.pending) == (1, None)
