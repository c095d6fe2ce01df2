"""The assets: the log, which is observed, and for each view its documents and its index.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetObservation,
    AssetsDefinition,
    BetaWarning,
    DataVersion,
    FreshnessPolicy,
    MaterializeResult,
    ObserveResult,
    asset,
    asset_check,
    observable_source_asset,
)

from pipelines import metadata, plots
from pipelines.failing import told_apart
from pipelines.resources import ArchiveResource
from search import Differences, Loading

# Observing the log is worth a decorator that Dagster still calls beta; the lock file pins it.
warnings.filterwarnings("ignore", category=BetaWarning)

VIEWS_GROUP = "views"
INDEX_GROUP = "index"
EQUAL = "documents_equal_view"
EQUALS = "Each document of the index equals the view's, key by key."
FRESH = FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)
"""An index is rebuilt, caught up, or seen at the head at least daily; two hours late is late."""


@observable_source_asset(name="log", group_name="log", description="The immutable log of events.")
def log(archive: ArchiveResource) -> ObserveResult:
    """Observe the log: its data version is its head."""
    events = archive.archive().log
    return ObserveResult(
        data_version=DataVersion(str(events.head)),
        metadata={"head": events.head, "digest": events.digest},
    )


def view_asset(name: str) -> AssetsDefinition:
    """The asset of a view: its documents, computed from the log as of the run's sequence."""

    @asset(
        name=name,
        key_prefix=VIEWS_GROUP,
        group_name=VIEWS_GROUP,
        deps=[log],
        output_required=False,
        kinds={"duckdb", "parquet"},
        description=f"The documents of the view {name!r}, as Parquet.",
    )
    def documents(
        context: AssetExecutionContext, archive: ArchiveResource
    ) -> Iterator[MaterializeResult[None]]:
        if not archive.wants(name):
            context.log.info(f"{name} is not among the views of this run; it stays as it is")
            return
        with told_apart():
            rebuild = archive.rebuild(context.run.run_id)
            written = rebuild.write(name)
        told: dict[str, Any] = metadata.figures(
            rebuild.sequence, written.documents, written.seconds, written.bytes
        )
        told["sample"] = metadata.sample(rebuild.path(name))
        if date := rebuild.archive.views[name].date:
            told[f"{name} a year"] = plots.documents_per_year(name, rebuild.path(name), date)
        yield MaterializeResult(metadata=told, data_version=DataVersion(str(rebuild.sequence)))

    return documents


def index_asset(name: str, documents: AssetsDefinition) -> AssetsDefinition:
    """The asset of an index, with its check: document by document, it equals the view.

    The index that completes a rebuild promotes all of its views in one step.
    """

    @asset(
        name=name,
        key_prefix=INDEX_GROUP,
        group_name=INDEX_GROUP,
        deps=[documents],
        output_required=False,
        kinds={"tantivy", "elasticsearch"},
        freshness_policy=FRESH,
        pool=f"{INDEX_GROUP}_{name}",  # of two rebuilds one waits, and does not load the same view
        check_specs=[AssetCheckSpec(EQUAL, asset=[INDEX_GROUP, name], description=EQUALS)],
        description=f"The search index over the view {name!r}.",
    )
    def index(
        context: AssetExecutionContext, archive: ArchiveResource
    ) -> Iterator[MaterializeResult[None]]:
        with told_apart():
            rebuild = archive.rebuild(context.run.run_id)
            indexed = rebuild.index(name, lambda loading: _tell(context, loading))
            differences = rebuild.check(name)
            if rebuild.promote_when_complete():
                context.log.info(f"generation {rebuild.generation} serves now")
        told = metadata.figures(rebuild.sequence, indexed.documents, indexed.seconds, indexed.bytes)
        told |= {"generation": rebuild.generation, "dead letters": indexed.rejected}
        yield MaterializeResult(
            metadata=told,
            data_version=DataVersion(str(rebuild.sequence)),
            check_results=[_equal(differences)],
        )

    return index


def _tell(context: AssetExecutionContext, loading: Loading) -> None:
    """How far a load is: a line in the run's log, and metadata of the asset while it runs."""
    context.log.info(str(loading))
    context.log_event(AssetObservation(context.asset_key, metadata=metadata.progress(loading)))


def _equal(differences: Differences) -> AssetCheckResult:
    return AssetCheckResult(
        check_name=EQUAL,
        passed=not differences,
        metadata={
            "missing": differences.missing,
            "extra": differences.extra,
            "different": differences.different,
        },
    )


def references_check(documents: AssetsDefinition) -> AssetChecksDefinition:
    """A warning when something names an entity that the log does not have."""

    @asset_check(
        asset=documents,
        name="no_unresolved_references",
        description="Nothing names an entity that the log has not seen (yet).",
    )
    def no_unresolved_references(
        context: AssetCheckExecutionContext, archive: ArchiveResource
    ) -> AssetCheckResult:
        from replay import unresolved_references

        rebuild = archive.rebuild(context.run.run_id)
        found = unresolved_references(rebuild.build.state, rebuild.archive.domain.references)
        return AssetCheckResult(
            passed=not found,
            severity=AssetCheckSeverity.WARN,
            metadata={
                "unresolved": len(found),
                "examples": [f"{r.category}.{r.field} → {r.id}" for r in found[:20]],
            },
        )

    return no_unresolved_references
