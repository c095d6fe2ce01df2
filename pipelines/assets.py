"""The assets: the log, which is observed, and for each view its documents and its index.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
Concepts: https://docs.dagster.io/guides/build/assets
"""

import warnings
from collections.abc import Callable, Iterator
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
    AutomationCondition,
    BetaWarning,
    DataVersion,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    ObserveResult,
    asset,
    asset_check,
    observable_source_asset,
)

from archive import Archive, Indexed, Rebuild
from pipelines import describing, metadata, plots
from pipelines.failing import errors_as_failures
from pipelines.reporting import (
    LOG,
    head_figures,
    live_materializations,
    observe_head,
    offer_generations,
    version_tags,
)
from pipelines.resources import ArchiveResource
from pipelines.selection import INDEX_GROUP, VIEWS_GROUP, selection_of
from replay import Build, View
from search import Differences, Loading

# Observing the log is worth a decorator that Dagster still calls beta; the lock file pins it.
warnings.filterwarnings("ignore", category=BetaWarning)

EQUAL = "documents_equal_view"
EQUALS = "Each document of the index equals the document of the view with the same id."
FRESH = FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)
"""An index must be rebuilt, caught up, or seen at the head once a day, two hours late at most."""
Decorator = Callable[[Callable[..., Any]], AssetsDefinition]


def log_asset(archive: Archive) -> Any:
    """The asset of the log, which others write and Dagster observes."""

    @observable_source_asset(
        name=LOG.path[-1],
        group_name="log",
        description=describing.log(archive),
        metadata=describing.log_metadata(archive),
        tags=describing.tags(archive, "log"),
    )
    def log(archive: ArchiveResource) -> ObserveResult:
        """Observe the log: its data version is its head."""
        with errors_as_failures():
            figures = head_figures(archive.archive())
        return ObserveResult(data_version=DataVersion(str(figures["head"])), metadata=figures)

    return log


def _of_view(archive: Archive, view: View, layer: str) -> dict[str, Any]:
    """What the assets of a view and of its index have in common."""
    return {
        "name": view.name,
        "key_prefix": layer,
        "group_name": layer,
        "output_required": False,
        "code_version": str(view.code_version),
        "automation_condition": AutomationCondition.code_version_changed(),
        "owners": describing.owners(archive),
        "tags": describing.tags(archive, layer),
    }


def view_asset(archive: Archive, view: View) -> AssetsDefinition:
    """The asset of a view: its documents, computed from the log as of the run's sequence."""

    decorate: Decorator = asset(
        **_of_view(archive, view, VIEWS_GROUP),
        deps=[LOG],
        kinds={"duckdb", "parquet"},
        metadata=describing.view_metadata(archive, view),
        description=describing.view(view),
    )

    @decorate
    def documents(
        context: AssetExecutionContext, archive: ArchiveResource
    ) -> Iterator[MaterializeResult[None]]:
        with errors_as_failures():
            selection = selection_of(context, archive)
            if view.name not in selection.documents:
                context.log.info(f"{view.name} is not among the views of this run")
                return
            build = archive.build(selection)
            for head in observe_head(archive.archive(), context.instance):
                context.log_event(head)
            shown = _write(build, view)
        yield MaterializeResult(
            metadata=shown,
            data_version=DataVersion(str(build.sequence)),
            tags=version_tags(build.sequence, LOG, str(view.code_version)),
        )

    return documents


def _write(build: Build, view: View) -> dict[str, Any]:
    """Compute a view's documents; returns the metadata of the asset."""
    written = build.write(view)
    path = build.path(view.name)
    shown = metadata.figures(build.sequence, written.documents, written.seconds, written.bytes)
    shown["sample"] = metadata.sample(path, view)
    shown["dagster/uri"] = path.absolute().as_uri()
    shown["dagster/column_schema"] = describing.columns(build.schema(view.name), view)
    if view.date:
        name = f"{view.name} a year"
        shown[name] = plots.documents_per_year(view.name, path, view.date)
    return shown


def index_asset(archive: Archive, view: View, documents: AssetsDefinition) -> AssetsDefinition:
    """The asset of an index, with the check that its documents equal the view's.

    The last index of a rebuild to finish promotes all views of the rebuild at once. Then the
    indexes are materialized: a materialization is what is live. Until then they are observed.
    """
    equal = AssetCheckSpec(EQUAL, asset=[INDEX_GROUP, view.name], description=EQUALS, blocking=True)

    decorate: Decorator = asset(
        **_of_view(archive, view, INDEX_GROUP),
        deps=[documents],
        kinds={"elasticsearch" if archive.uses_cluster else "tantivy"},
        metadata=describing.index_metadata(archive, view),
        freshness_policy=FRESH,
        pool=f"{INDEX_GROUP}_{view.name}",  # two rebuilds must not load the same view
        check_specs=[equal],
        description=describing.index(view),
    )

    @decorate
    def index(
        context: AssetExecutionContext, archive: ArchiveResource
    ) -> Iterator[AssetCheckResult]:
        with errors_as_failures():
            selection = selection_of(context, archive)
            if view.name not in selection.indexes:
                raise Failure(f"views: the run selects {view.name} and its config does not")
            rebuild = archive.rebuild(selection)
            if view.name not in selection.documents and not rebuild.path(view.name).exists():
                context.log.info(f"no build has the documents of {view.name}; they are computed")
                rebuild.write(view.name)
            # A step that is tried again may have promoted it, for which it was equal.
            promoted = rebuild.is_promoted
            yield _equal(Differences() if promoted else _fill(context, rebuild, view.name))
            if rebuild.complete:
                if archive.promotes and not promoted:
                    rebuild.promote()
                _report_live(context, archive, rebuild)

    return index


def _fill(context: AssetExecutionContext, rebuild: Rebuild, view: str) -> Differences:
    """Index a view, and compare the index with its documents."""
    indexed = rebuild.index(view, lambda loading: _report(context, loading))
    differences = rebuild.check(view)
    _report_built(context, rebuild, indexed)
    return differences


def _report_built(context: AssetExecutionContext, rebuild: Rebuild, indexed: Indexed) -> None:
    """Tell Dagster that an index is built, which is not live yet."""
    shown = {"generation": rebuild.generation, **_figures(rebuild, indexed)}
    what = f"generation {rebuild.generation} is built as of {rebuild.sequence:,}, and not live yet"
    context.log_event(AssetObservation(context.asset_key, what, metadata=shown))


def _report_live(
    context: AssetExecutionContext, archive: ArchiveResource, rebuild: Rebuild
) -> None:
    """Tell Dagster which indexes are live when a rebuild is complete, and at which sequence.

    It does not know the views yet if events were caught up since, or nothing was promoted.
    """
    opened, number = archive.archive(), rebuild.generation
    said = f"generation {number} is live"
    figures = {view: _figures(rebuild, rebuild.indexed(view)) for view in rebuild.views}
    if not archive.promotes:
        said = f"generation {number} is complete as of {rebuild.sequence:,}, and not promoted"
        figures = {view: {} for view in rebuild.views}
    context.log.info(said)
    live = opened.engine.serving()
    for event in live_materializations(opened, context.instance, live, said, figures):
        context.log_event(event)
    offer_generations(opened, context.instance)


def _figures(rebuild: Rebuild, indexed: Indexed) -> dict[str, Any]:
    shown = metadata.figures(rebuild.sequence, indexed.documents, indexed.seconds, indexed.bytes)
    return shown | {"dead letters": indexed.rejected}


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
            build = archive.build(selection_of(context, archive))
            references = archive.archive().domain.references
            with build.state.log_errors():
                unresolved = unresolved_references(build.state, references)
        return AssetCheckResult(
            passed=not unresolved,
            severity=AssetCheckSeverity.WARN,
            metadata={
                "unresolved": len(unresolved),
                "examples": [f"{r.category}.{r.field} → {r.id}" for r in unresolved[:20]],
            },
        )

    return no_unresolved_references
