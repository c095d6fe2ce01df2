"""The lag of each index: a check of it, and a sensor that observes it without a run.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    ConfigurableResource,
    DefaultSensorStatus,
    SensorEvaluationContext,
    SensorResult,
    multi_asset_check,
    sensor,
)
from pydantic import Field

from archive import Archive, Lag
from pipelines.failing import errors_as_failures, expected_errors, one_line
from pipelines.reporting import (
    head_observation,
    live_materializations,
    offer_generations,
)
from pipelines.resources import ArchiveResource, whole
from pipelines.selection import INDEX_GROUP
from search import Generation

LAG = "lag"
BEHIND = "How many events the index is behind the log, and how long the oldest has waited."
OUTSIDE = "Observed, not written by a run: by the command line, stet follow or the Python API."


def _limit(verb: str, unit: str) -> str:
    return f"The check {verb} above this many {unit}; the setting of this name if it is not given."


class Limits(ConfigurableResource):  # type: ignore[type-arg]
    """The lags above which the check warns, and above which it fails.

    A limit that is not given here is taken from the settings: ``STET_LAG_WARN_EVENTS`` (1,000),
    ``STET_LAG_ERROR_EVENTS`` (100,000), ``STET_LAG_WARN_SECONDS`` (300) and
    ``STET_LAG_ERROR_SECONDS`` (3,600).
    """

    warn_events: int | None = Field(default=None, description=_limit("warns", "events"))
    error_events: int | None = Field(default=None, description=_limit("fails", "events"))
    warn_seconds: int | None = Field(default=None, description=_limit("warns", "seconds"))
    error_seconds: int | None = Field(default=None, description=_limit("fails", "seconds"))

    def limit(self, name: str) -> int:
        """The limit of this name; raises ``Failure`` when the setting is not a number."""
        given: int | None = getattr(self, name)
        return whole(f"STET_LAG_{name.upper()}") if given is None else given

    def severity(self, lag: Lag) -> AssetCheckSeverity | None:
        """Whether a lag is a warning or an error; ``None`` when it is within the limits."""
        for word, severity in (
            ("error", AssetCheckSeverity.ERROR),
            ("warn", AssetCheckSeverity.WARN),
        ):
            over = lag.seconds > self.limit(f"{word}_seconds")
            if lag.events > self.limit(f"{word}_events") or over:
                return severity
        return None


@dataclass(frozen=True)
class ViewLag:
    """One view's live generation, its lag, and how severe that is."""

    view: str
    live: Generation | None
    lag: Lag
    severity: AssetCheckSeverity | None

    @property
    def check_result(self) -> dict[str, Any]:
        """The arguments of Dagster's result of a check."""
        now = self.live
        where = f"generation {now.generation} as of {now.sequence:,}: " if now else ""
        return {
            "asset_key": AssetKey([INDEX_GROUP, self.view]),
            "check_name": LAG,
            "passed": self.severity is None,
            "severity": self.severity or AssetCheckSeverity.WARN,
            "description": f"{where}{self.lag}" if now else "no index is live; launch rebuild",
            "metadata": {
                "lag (events)": self.lag.events,
                "lag (seconds)": self.lag.seconds,
                "checkpoint": now.sequence if now else 0,
            },
        }


def measure_views(archive: ArchiveResource, limits: Limits) -> list[ViewLag]:
    """The lag of every view now."""
    from archive import measure_lag

    opened = archive.archive()
    log, live = opened.log, opened.engine.serving()
    checkpoints = {view: now.sequence for view, now in live.items()}
    lags = {checkpoint: measure_lag(log, checkpoint) for checkpoint in {0, *checkpoints.values()}}
    measured = []
    for view in opened.views:
        behind = lags[checkpoints.get(view, 0)]
        severity = limits.severity(behind)
        if view not in live and behind.events:
            severity = severity or AssetCheckSeverity.WARN
        measured.append(ViewLag(view, live.get(view), behind, severity))
    return measured


def lag_checks(archive: Archive) -> AssetChecksDefinition:
    """A check on the index of each view: how far it is behind the log."""

    @multi_asset_check(
        name="lag",
        specs=[
            AssetCheckSpec(LAG, asset=[INDEX_GROUP, view], description=BEHIND)
            for view in archive.views
        ],
        can_subset=True,
        description="Compare each index's checkpoint with the head of the log. It changes nothing.",
    )
    def lag_checks(
        context: AssetCheckExecutionContext, archive: ArchiveResource, limits: Limits
    ) -> Iterator[AssetCheckResult]:
        selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        with errors_as_failures():
            measured = measure_views(archive, limits)
        for each in measured:
            if each.view in selected:
                yield AssetCheckResult(**each.check_result)

    return lag_checks


@sensor(
    name="observe_lag",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Report to Dagster when the log's head, an index's checkpoint or the severity of a "
    "lag changed, whichever program changed it. It only observes, and starts no run.",
)
def observe_lag(
    context: SensorEvaluationContext, archive: ArchiveResource, limits: Limits
) -> SensorResult:
    """Report to Dagster what changed in the log and the indexes since the last look."""
    try:
        opened = archive.archive()
        head, measured = opened.log.head, measure_views(archive, limits)
        if not head:
            return SensorResult(skip_reason=f"the log of {opened.home} is empty")
        live = {each.view: each.live for each in measured if each.live is not None}
        indexes = list(live_materializations(opened, context.instance, live, OUTSIDE))
        if indexes:
            offer_generations(opened, context.instance)
    except expected_errors() as error:
        return SensorResult(skip_reason=f"cannot observe: {one_line(str(error))}")
    before = _parse_cursor(context.cursor)
    now = {f"view {each.view}": _mark(each) for each in measured}
    changed = [each for each in measured if before.get(f"view {each.view}") != _mark(each)]
    checks = [AssetCheckEvaluation(**each.check_result) for each in changed]
    heads = [head_observation(opened)] if before.get("head") != head else []
    worst = max(measured, key=lambda each: each.lag.events)
    summary = f"head {head:,}; {worst.view}: {worst.check_result['description']}"
    if not (checks or indexes or heads):
        return SensorResult(skip_reason=f"nothing changed: {summary}")
    context.log.info(summary)
    cursor = json.dumps({"head": head, **now})
    return SensorResult(asset_events=[*heads, *indexes, *checks], cursor=cursor)


def _mark(measured: ViewLag) -> str:
    """A text that differs when a view is worth a report; a lag's seconds are not part of it."""
    checkpoint = measured.live.sequence if measured.live else 0
    return f"{checkpoint} {measured.severity and measured.severity.value}"


def _parse_cursor(cursor: str | None) -> Mapping[str, Any]:
    """The marks of the last look; none if there was none, or another version wrote the cursor."""
    try:
        marks = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return marks if isinstance(marks, dict) else {}
