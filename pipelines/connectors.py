"""Connectors and relays as assets: what they have come to, and a check of their lag.

They run on their own (``stet connect``, ``stet relay``); Dagster only looks. An asset is there for
each that ran in the archive, and for each whose file the setting ``STET_CONNECT`` names.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetSelection,
    DataVersion,
    ObserveResult,
    define_asset_job,
    multi_asset_check,
    observable_source_asset,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from archive import Archive, Lag
from connectors import ConnectorError, Standing, read_mapping, standings, standings_now
from event_log import counted, settings
from pipelines.failing import errors_as_failures
from pipelines.lag import LAG, Limits
from pipelines.resources import ArchiveResource
from replay import Domain

GROUP = "connectors"
BEHIND = "How many messages a connector, or events a relay, has not done yet."


def connector_names(archive: Archive) -> list[str]:
    """The names of the connectors and relays that ran in an archive, or that a setting names."""
    ran = {each.name for each in standings(archive.folder)}
    declared = (settings.text("STET_CONNECT") or "").split(",")
    return sorted(
        ran | {_source(path.strip(), archive.domain) for path in declared if path.strip()}
    )


def _source(path: str, domain: Domain) -> str:
    """The name of the source that a mapping declares; the file's own name without one."""
    try:
        return read_mapping(path, domain).source
    except ConnectorError:  # `stet connect` says what is wrong with it; the code location loads
        return Path(path).stem


def connector_asset(name: str) -> Any:
    """The asset of a connector or relay, which runs elsewhere and Dagster observes."""

    @observable_source_asset(
        key=AssetKey([GROUP, name]),
        group_name=GROUP,
        description="Follows another system, or sends events on; it runs outside of Dagster.",
    )
    def connector(archive: ArchiveResource) -> ObserveResult:
        """Observe what it has come to: its data version is its position."""
        standing = find(archive, name)
        if standing is None:
            return ObserveResult(data_version=DataVersion("none"), metadata={"runs": False})
        return ObserveResult(
            data_version=DataVersion(standing.position), metadata=figures(standing)
        )

    return connector


def find(archive: ArchiveResource, name: str) -> Standing | None:
    """How a connector or relay does now; None if it never ran."""
    with errors_as_failures():
        opened = archive.archive()
        now = standings_now(opened.folder, opened.log)
    return next((each for each in now if each.name == name), None)


def figures(standing: Standing) -> dict[str, Any]:
    """The metadata of an observation."""
    return {
        "position": standing.position,
        "lag": "unknown" if standing.lag is None else standing.lag,
        "rate (a second)": standing.rate,
        "dead letters": standing.dead_letters,
        "runs": standing.running,
        "said at": standing.said_at,
        **({"note": standing.note} if standing.note else {}),
    }


def connector_lag(names: list[str]) -> AssetChecksDefinition:
    """A check on each connector and relay: how far it is behind, and whether it can be known."""

    @multi_asset_check(
        name="connector_lag",
        specs=[AssetCheckSpec(LAG, asset=[GROUP, name], description=BEHIND) for name in names],
        can_subset=True,
        description="Compare positions with the ends of topics, or the log's head; change nothing.",
    )
    def connector_lag(
        context: AssetCheckExecutionContext, archive: ArchiveResource, limits: Limits
    ) -> Iterator[AssetCheckResult]:
        for key in context.selected_asset_check_keys:
            yield _checked(key.asset_key.path[-1], archive, limits)

    return connector_lag


def _checked(name: str, archive: ArchiveResource, limits: Limits) -> AssetCheckResult:
    standing = find(archive, name)
    lag = standing.lag if standing else None
    severity = AssetCheckSeverity.WARN if lag is None else limits.severity(Lag(lag, 0.0))
    if standing is not None and lag and not standing.running:
        severity = severity or AssetCheckSeverity.WARN
    return AssetCheckResult(
        asset_key=AssetKey([GROUP, name]),
        check_name=LAG,
        passed=severity is None,
        severity=severity or AssetCheckSeverity.WARN,
        description=_told(standing),
        metadata=figures(standing) if standing else {},
    )


def _told(standing: Standing | None) -> str:
    if standing is None:
        return "it never ran in this archive; start it"
    if standing.lag is None:
        return "its lag is unknown: the broker does not answer"
    where = "runs" if standing.running else "does not run"
    return f"{where}, {counted(standing.lag, 'message')} behind"


def observe_connectors(checks: AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    """The job ``observe_connectors``: what each has come to, and the check of its lag."""
    return define_asset_job(
        "observe_connectors",
        selection=AssetSelection.groups(GROUP, include_sources=True)
        | AssetSelection.checks(checks),
        description="Observe connectors and relays, and check their lag. It changes nothing.",
    )
