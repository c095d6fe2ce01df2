"""Lag: a check on each index that only looks, and a sensor that looks without a run.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    ConfigurableResource,
    DefaultSensorStatus,
    SensorEvaluationContext,
    SensorResult,
    multi_asset_check,
    sensor,
)

from archive import Lag
from pipelines.assets import INDEX_GROUP
from pipelines.failing import told_apart
from pipelines.resources import ArchiveResource, whole
from replay import Domain
from search import Generation

LAG = "lag"
BEHIND = "How far the index is behind the log: events, and seconds that the oldest has waited."
VERSION_TAG = "dagster/data_version"
SEEN_AGAIN = timedelta(hours=12)
"""After so long without news an index that is at the head is said to be so once more."""


class Limits(ConfigurableResource):  # type: ignore[type-arg]
    """From which lag on there is a warning, and from which an error.

    What is not given here is taken from the settings: ``STET_LAG_WARN_EVENTS`` (1,000),
    ``STET_LAG_ERROR_EVENTS`` (100,000), ``STET_LAG_WARN_SECONDS`` (300) and
    ``STET_LAG_ERROR_SECONDS`` (3,600).
    """

    warn_events: int | None = None
    error_events: int | None = None
    warn_seconds: int | None = None
    error_seconds: int | None = None

    def limit(self, name: str) -> int:
        """One of the four; raises ``Failure`` when the setting is no number."""
        given: int | None = getattr(self, name)
        return whole(f"STET_LAG_{name.upper()}") if given is None else given

    def severity(self, lag: Lag) -> AssetCheckSeverity | None:
        """How bad a lag is; none when it is within the limits."""
        for word, severity in (
            ("error", AssetCheckSeverity.ERROR),
            ("warn", AssetCheckSeverity.WARN),
        ):
            over = lag.seconds > self.limit(f"{word}_seconds")
            if lag.events > self.limit(f"{word}_events") or over:
                return severity
        return None


@dataclass(frozen=True)
class Judged:
    """One view's lag, and what is to be thought of it."""

    view: str
    serving: Generation | None
    lag: Lag
    severity: AssetCheckSeverity | None

    @property
    def told(self) -> dict[str, Any]:
        """The same as the arguments of a check's result."""
        now = self.serving
        where = f"generation {now.generation} as of {now.sequence:,}: " if now else ""
        return {
            "asset_key": AssetKey([INDEX_GROUP, self.view]),
            "check_name": LAG,
            "passed": self.severity is None,
            "severity": self.severity or AssetCheckSeverity.WARN,
            "description": f"{where}{self.lag}" if now else "nothing serves; launch rebuild",
            "metadata": {
                "lag (events)": self.lag.events,
                "lag (seconds)": self.lag.seconds,
                "checkpoint": now.sequence if now else 0,
            },
        }


def judge(archive: ArchiveResource, limits: Limits) -> list[Judged]:
    """The lag of every view now."""
    from archive import measure_lag

    opened = archive.archive()
    log, serving = opened.log, opened.engine.serving()
    checkpoints = {view: now.sequence for view, now in serving.items()}
    lags = {checkpoint: measure_lag(log, checkpoint) for checkpoint in {0, *checkpoints.values()}}
    found = []
    for view in opened.views:
        behind = lags[checkpoints.get(view, 0)]
        severity = limits.severity(behind)
        if view not in serving and behind.events:
            severity = severity or AssetCheckSeverity.WARN
        found.append(Judged(view, serving.get(view), behind, severity))
    return found


def lag_checks(domain: Domain) -> AssetChecksDefinition:
    """A check on the index of each view: how far it is behind the log."""

    @multi_asset_check(
        name="lag",
        specs=[
            AssetCheckSpec(LAG, asset=[INDEX_GROUP, view], description=BEHIND)
            for view in domain.views
        ],
        can_subset=True,
        description="Compare each index's checkpoint with the head of the log. It changes nothing.",
    )
    def lag_checks(
        context: AssetCheckExecutionContext, archive: ArchiveResource, limits: Limits
    ) -> Iterator[AssetCheckResult]:
        selected = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
        with told_apart():
            found = judge(archive, limits)
        for judged in found:
            if judged.view in selected:
                yield AssetCheckResult(**judged.told)

    return lag_checks


@sensor(
    name="observe_lag",
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Look at the log and at what serves, and say when something changed: the head, a "
    "checkpoint (whoever moved it), or how bad a lag is. It only observes, and starts no run.",
)
def observe_lag(
    context: SensorEvaluationContext, archive: ArchiveResource, limits: Limits
) -> SensorResult:
    """Tell Dagster what it does not know yet of the log and the indexes."""
    from event_log import EventLogError
    from search import SearchError

    try:
        log = archive.archive().log
        head, digest, found = log.head, log.digest, judge(archive, limits)
    except (SearchError, EventLogError, OSError) as error:
        return SensorResult(skip_reason=f"cannot look: {error}")
    if not head:
        return SensorResult(skip_reason=f"the log of {archive.archive().home} is empty")
    before = _remembered(context.cursor)
    now = {judged.view: _mark(judged) for judged in found}
    news = [judged for judged in found if before.get(judged.view) != now[judged.view]]
    told = [AssetCheckEvaluation(**judged.told) for judged in news]
    seen = [_materialized(judged) for judged in found if _moved(context, judged)]
    observed: list[AssetObservation] = []
    if before.get("head") != head:
        about: dict[str, Any] = {"head": head, "digest": digest}
        observed = [AssetObservation("log", metadata=about, tags={VERSION_TAG: str(head)})]
    worst = max(found, key=lambda judged: judged.lag.events)
    said = f"head {head:,}; {worst.view}: {worst.told['description']}"
    if not (told or seen or observed):
        return SensorResult(skip_reason=f"nothing changed: {said}")
    context.log.info(said)
    cursor = json.dumps({"head": head, **now})
    return SensorResult(asset_events=[*observed, *seen, *told], cursor=cursor)


def _mark(judged: Judged) -> str:
    """What is new when it differs: a lag that grows by the second is none."""
    checkpoint = judged.serving.sequence if judged.serving else 0
    return f"{checkpoint} {judged.severity and judged.severity.value}"


def _remembered(cursor: str | None) -> Mapping[str, Any]:
    try:
        said = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _moved(context: SensorEvaluationContext, judged: Judged) -> bool:
    """Does Dagster not know yet that this serves, as when the command line has done it?"""
    if judged.serving is None:
        return False
    key = AssetKey([INDEX_GROUP, judged.view])
    known = context.instance.get_latest_materialization_event(key)
    if known is None or known.asset_materialization is None:
        return True
    if (known.asset_materialization.tags or {}).get(VERSION_TAG) != str(judged.serving.sequence):
        return True
    told = datetime.fromtimestamp(known.timestamp, UTC)
    return not judged.lag.events and datetime.now(UTC) - told > SEEN_AGAIN


def _materialized(judged: Judged) -> AssetMaterialization:
    now = judged.serving
    assert now is not None  # noqa: S101 - asked by ``_moved``
    return AssetMaterialization(
        AssetKey([INDEX_GROUP, judged.view]),
        description="Seen, not made here: the command line or stet follow may have done it.",
        metadata={
            "sequence": now.sequence,
            "documents": now.documents,
            "generation": now.generation,
            "bytes": now.bytes,
        },
        tags={VERSION_TAG: str(now.sequence)},
    )
