"""The lag of an index: how severe it is, and when it is worth a report to Dagster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import (
    AssetCheckSeverity,
    DagsterInstance,
    Failure,
    SensorResult,
    build_sensor_context,
)
from hypothesis import given
from hypothesis import strategies as st

from archive import Lag
from pipelines import lag
from pipelines.lag import Limits, ViewLag, observe_lag
from pipelines.new_events import new_events
from pipelines.resources import ArchiveResource
from search import Generation, Pointer, SearchError

LIMITS = Limits(warn_events=10, error_events=100, warn_seconds=60, error_seconds=600)
ERROR, WARN = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN
NONE = Lag(0, 0.0)


def generation(view: str, sequence: int) -> Generation:
    return Generation(view, 4, sequence, 30, 1_000, 1, "1:abc", "2026-01-01T00:00:00Z")


class Archived:
    """An archive at this head, whose live indexes are at these sequences."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, head: int, /, **live: int) -> None:
        self.home = "home"
        self.views = {view: SimpleNamespace(code_version=1) for view in live}
        self.log = SimpleNamespace(head=head, digest=f"digest {head}", path="log")
        self.live = live
        self.engine = SimpleNamespace(
            serving=self._serving,
            pointer=lambda: Pointer(dict.fromkeys(live, 4)),
            generations=self.generations,
            folder=Path("no/such/folder"),
        )
        self.error: SearchError | None = None
        monkeypatch.setattr(ArchiveResource, "archive", lambda _: self)
        monkeypatch.setattr("archive.measure_lag", self._measure)
        monkeypatch.setattr("event_log.subscription_holder", lambda *_: None)

    def generations(self) -> list[Generation]:
        return list(self._serving().values())

    def _measure(self, log: Any, checkpoint: int) -> Lag:
        return Lag(log.head - checkpoint, 0.0)

    def _serving(self) -> dict[str, Generation]:
        if self.error:
            raise self.error
        return {view: generation(view, at) for view, at in self.live.items() if at}


def looked(instance: DagsterInstance, cursor: str | None = None) -> SensorResult:
    """A look of the sensor ``observe_lag``, with Dagster told of what it reports."""
    context = build_sensor_context(instance=instance, cursor=cursor)
    result = observe_lag(context, archive=ArchiveResource(), limits=LIMITS)
    assert isinstance(result, SensorResult)
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return result


def reason(result: SensorResult) -> str:
    assert result.skip_reason is not None
    return result.skip_reason.skip_message or ""


@given(st.integers(0, 200), st.floats(0, 1_200))
def test_a_lag_is_as_severe_as_its_worse_half(events: int, seconds: float) -> None:
    error = events > 100 or seconds > 600
    warn = events > 10 or seconds > 60
    assert LIMITS.severity(Lag(events, seconds)) == (ERROR if error else WARN if warn else None)


def test_a_limit_that_is_not_given_is_taken_from_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STET_LAG_WARN_EVENTS", "7")
    assert Limits().limit("warn_events") == 7
    assert Limits(warn_events=0).limit("warn_events") == 0
    monkeypatch.setenv("STET_LAG_WARN_EVENTS", "many")
    with pytest.raises(Failure, match="STET_LAG_WARN_EVENTS"):
        Limits().limit("warn_events")


def test_a_check_names_the_generation_its_sequence_and_the_lag() -> None:
    measured = ViewLag("articles", generation("articles", 1_200), Lag(1_000, 12.4), WARN)
    result = measured.check_result
    assert (result["passed"], result["severity"]) == (False, WARN)
    assert result["description"] == (
        "generation 4 as of 1,200: 1,000 events behind, the oldest for 12 s"
    )
    assert result["metadata"]["checkpoint"] == 1_200
    absent = ViewLag("articles", None, NONE, None).check_result
    assert (absent["passed"], absent["description"]) == (True, "no index is live; launch rebuild")


@given(st.none() | st.text() | st.sampled_from(["[]", "3", "null", '"a"', '{"head": 3}', "{"]))
def test_a_cursor_of_another_version_is_no_error(cursor: str | None) -> None:
    assert lag._parse_cursor(cursor) == ({"head": 3} if cursor == '{"head": 3}' else {})


def test_a_view_without_an_index_is_a_warning_once_there_are_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Archived(monkeypatch, 5, articles=5, tags=0)
    measured = lag.measure_views(ArchiveResource(), LIMITS)
    assert [(each.view, each.severity) for each in measured] == [("articles", None), ("tags", WARN)]
    Archived(monkeypatch, 0, tags=0)
    assert [each.severity for each in lag.measure_views(ArchiveResource(), LIMITS)] == [None]


@pytest.mark.parametrize("view", ["articles", "head"])
def test_what_did_not_change_is_not_reported_again(
    monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    archived = Archived(monkeypatch, 9, **{view: 9})
    with DagsterInstance.ephemeral() as instance:
        first = looked(instance)
        assert len(first.asset_events) == 4  # the log, the view, its index and the check
        again = looked(instance, first.cursor)
        assert (
            reason(again) == f"nothing changed: head 9; {view}: generation 4 as of 9: at the head"
        )
        archived.log.head = 10
        assert len(looked(instance, first.cursor).asset_events) == 1
        archived.log.head = 50
        assert len(looked(instance, first.cursor).asset_events) == 2


def test_an_empty_log_and_an_engine_that_fails_are_reasons_to_skip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archived = Archived(monkeypatch, 0, articles=0)
    with DagsterInstance.ephemeral() as instance:
        assert reason(looked(instance)) == "the log of home is empty"
        archived.error = SearchError("nobody answers")
        assert reason(looked(instance)) == "cannot observe: nobody answers"


@pytest.mark.parametrize(
    ("head", "live", "cursor", "expected", "after"),
    [
        (0, 0, None, "the log of home is empty", None),
        (5, 0, None, "no index is live yet: launch rebuild first", None),
        (5, 5, "3", "all live indexes are at the head, 5", "5"),
        (5, 3, "5", "no new events since head 5, but an index is at 3 although", "5"),
    ],
)
def test_without_new_events_no_catch_up_starts_and_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch,
    head: int,
    live: int,
    cursor: str | None,
    expected: str,
    after: str | None,
) -> None:
    Archived(monkeypatch, head, articles=live)
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, cursor=cursor)
        result = new_events(context, archive=ArchiveResource())
    assert isinstance(result, SensorResult)
    assert reason(result).startswith(expected)
    assert (result.run_requests or [], result.cursor) == ([], after)


def test_an_index_that_is_behind_starts_a_catch_up_only_if_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Archived(monkeypatch, 5, articles=5, tags=3)
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, cursor="3")
        result = new_events(context, archive=ArchiveResource())
        assert isinstance(result, SensorResult)
        assert (len(result.run_requests or []), result.cursor) == (1, "5")
        only = new_events(context, archive=ArchiveResource(views=["articles"]))
        assert isinstance(only, SensorResult)
        assert reason(only) == "all live indexes are at the head, 5"


def test_an_engine_that_fails_keeps_the_cursor_of_new_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Archived(monkeypatch, 5, articles=3).error = SearchError("nobody answers")
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, cursor="3")
        result = new_events(context, archive=ArchiveResource())
    assert isinstance(result, SensorResult)
    assert reason(result) == "cannot look, will try again: nobody answers"
    assert result.cursor in (None, "3")


def test_without_names_all_views_are_wanted() -> None:
    assert ArchiveResource().wants("articles")
    assert ArchiveResource(views=["tags"]).wants("tags")
    assert not ArchiveResource(views=["tags"]).wants("articles")


def test_a_value_that_is_given_wins_over_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STET_DEAD_LETTERS", "2")
    assert ArchiveResource().tolerated == 0.02
    assert ArchiveResource(dead_letters=0).tolerated == 0
