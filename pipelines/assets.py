"""The assets: the log, which is observed, and for each view its documents and its index.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
Concepts: https://docs.dagster.io/guides/build/assets
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
from pipelines.failing import errors_as_failures
from pipelines.resources import ArchiveResource
from search import Differences, Loading

# Observing the log is worth a decorator that Dagster still calls beta; the lock file pins it.
warnings.filterwarnings("ignore", category=BetaWarning)

VIEWS_GROUP = "views"
INDEX_GROUP = "index"
EQUAL = "documents_equal_view"
EQUALS = "Each document of the index equals the document of the view with the same id."
FRESH = FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)
"""An index must be rebuilt, caught up, or seen at the head once a day, two hours late at most."""


@observable_source_asset(
    name="log",
    group_name="log",
    description="The append-only log of events.",
)
def log(archive: ArchiveResource) -> ObserveResult:
    """Observe the log: its data version is its head."""
    with errors_as_failures():
        events = archive.archive().log
        head, digest = events.head, events.digest
    return ObserveResult(
        data_version=DataVersion(str(head)), metadata={"head": head, "digest": digest}
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
            context.log.info(f"{name} is not among the views of this run, and is not changed")
            return
        with errors_as_failures():
            rebuild = archive.rebuild(context.run.run_id)
            written = rebuild.write(name)
            shown: dict[str, Any] = metadata.figures(
                rebuild.sequence, written.documents, written.seconds, written.bytes
            )
            shown["sample"] = metadata.sample(rebuild.path(name))
            if date := rebuild.archive.views[name].date:
                shown[f"{name} a year"] = plots.documents_per_year(name, rebuild.path(name), date)
        yield MaterializeResult(metadata=shown, data_version=DataVersion(str(rebuild.sequence)))

    return documents


def index_asset(name: str, documents: AssetsDefinition) -> AssetsDefinition:
    """The asset of an index, with the check that its documents equal the view's.

    The last index of a rebuild to finish promotes all views of the rebuild at once.
    """

    @asset(
        name=name,
        key_prefix=INDEX_GROUP,
        group_name=INDEX_GROUP,
        deps=[documents],
        output_required=False,
        kinds={"tantivy", "elasticsearch"},
        freshness_policy=FRESH,
        pool=f"{INDEX_GROUP}_{name}",  # two rebuilds must not load the same view
        check_specs=[AssetCheckSpec(EQUAL, asset=[INDEX_GROUP, name], description=EQUALS)],
        description=f"The search index over the view {name!r}.",
    )
    def index(
        context: AssetExecutionContext, archive: ArchiveResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_as_failures():
            rebuild = archive.rebuild(context.run.run_id)
            indexed = rebuild.index(name, lambda loading: _report(context, loading))
            differences = rebuild.check(name)
            if rebuild.promote_when_complete():
                context.log.info(f"generation {rebuild.generation} is live now")
        shown = metadata.figures(
            rebuild.sequence, indexed.documents, indexed.seconds, indexed.bytes
        )
        shown |= {"generation": rebuild.generation, "dead letters": indexed.rejected}
        yield MaterializeResult(
            metadata=shown,
            data_version=DataVersion(str(rebuild.sequence)),
            check_results=[_equal(differences)],
        )

    return index


def _report(context: AssetExecutionContext, loading: Loading) -> None:
    """Write the progress of a load to the run's log, and to the metadata of the asset."""
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
    """A check that warns of references to entities that are not in the log."""

    @asset_check(
        asset=documents,
        name="no_unresolved_references",
        description="Each reference names an entity that is in the log.",
    )
    def no_unresolved_references(
        context: AssetCheckExecutionContext, archive: ArchiveResource
    ) -> AssetCheckResult:
        from replay import unresolved_references

        with errors_as_failures():
            rebuild = archive.rebuild(context.run.run_id)
            state, references = rebuild.build.state, rebuild.archive.domain.references
            with state.log_errors():
                unresolved = unresolved_references(state, references)
        return AssetCheckResult(
            passed=not unresolved,
            severity=AssetCheckSeverity.WARN,
            metadata={
                "unresolved": len(unresolved),
                "examples": [f"{r.category}.{r.field} → {r.id}" for r in unresolved[:20]],
            },
        )

    return no_unresolved_references
