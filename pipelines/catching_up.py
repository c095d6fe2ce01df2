"""Catching up: what serves is brought from its checkpoint to the head of the log.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    Failure,
    OpExecutionContext,
    in_process_executor,
    job,
    op,
)

from pipelines import metadata, plots
from pipelines.assets import INDEX_GROUP
from pipelines.failing import one_line, told_apart
from pipelines.resources import Archive

if TYPE_CHECKING:
    from search.stepping import Step

COUNTED = ("touched", "computed", "written", "unchanged", "deleted")


@dataclass
class Done:
    """What a run has done so far."""

    steps: list["Step"] = field(default_factory=list)
    reached: list[tuple[datetime, int]] = field(default_factory=list)
    """Which sequence was searchable from which instant on."""
    behind: dict[str, str] = field(default_factory=dict)
    """The views that need a rebuild, and why."""


@op(
    pool="catch_up",
    description="Fold the new events, and write the documents that differ because of them.",
)
def catch_up_views(context: OpExecutionContext, archive: Archive) -> None:
    """Bring what serves to the head that the log has now, step by step; all views together.

    When a step fails for a reason that may be one view's, each view goes on alone, so that a broken
    one does not stop the others; then the run fails, and names it.
    """
    from event_log import EventLogError
    from search.errors import ClusterAway, NothingServes, StateHeld

    done, failed = Done(), dict[str, str]()
    with told_apart():
        head = archive.log().head
        try:
            _catch_up(context, archive, archive.views, head, done)
        except (ClusterAway, NothingServes, StateHeld, EventLogError):
            raise
        except Exception as error:
            views = [view for view in archive.engine().serving() if archive.wants(view)]
            if len(views) < 2:
                raise
            context.log.error(f"{_said(error)}; each view goes on alone")
            failed = _alone(context, archive, views, head, done)
    _show(context, archive, done)
    if failed:
        told = "; ".join(f"{view}: {why}" for view, why in failed.items())
        raise Failure(description=told, allow_retries=False)


def _catch_up(
    context: OpExecutionContext, archive: Archive, views: list[str], head: int, done: Done
) -> None:
    from search.catch_up import CatchUp

    opened = CatchUp.open(archive.folder(), views or None, archive.engine(), context.log.info)
    with opened as running:
        while (step := running.step(head)) is not None:
            done.steps.append(step)
            done.reached.append((datetime.now(UTC), step.through))
            context.log.info(
                f"{step.after:,} → {step.through:,}: {step.events:,} events, {step.written:,}"
                f" documents written or deleted in {step.seconds:.2f} s"
            )
        for view, why in running.needs_rebuild.items():
            context.log.warning(f"{view} needs a rebuild: {why}")
            done.behind[view] = why


def _alone(
    context: OpExecutionContext, archive: Archive, views: list[str], head: int, done: Done
) -> dict[str, str]:
    """Catch up each view by itself; returns those that failed, and why."""
    from search.errors import ClusterAway, NothingServes

    failed = {}
    for view in views:
        try:
            _catch_up(context, archive, [view], head, done)
        except ClusterAway:
            raise
        except NothingServes as error:
            done.behind[view] = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this view's alone
            failed[view] = _said(error)
    return failed


def _said(error: Exception) -> str:
    """The message of an error of ours; of another, what it is as well."""
    from search.errors import SearchError
    from views.errors import ViewError

    ours = isinstance(error, SearchError | ViewError | OSError)
    return one_line(str(error) if ours else f"{type(error).__name__}: {error}")


def _show(context: OpExecutionContext, archive: Archive, done: Done) -> None:
    """What a person looks at: for each view that moved on, and for all of them together."""
    together, views = _together(archive, done), _by_view(archive, done)
    for view, figures in views.items():
        context.log_event(
            AssetMaterialization(
                AssetKey([INDEX_GROUP, view]),
                description=f"caught up to {figures['sequence']:,}",
                metadata={**figures, **together},
                tags={"dagster/data_version": str(figures["sequence"])},
            )
        )
    lines = [(view, *(of[f"documents {name}"] for name in COUNTED)) for view, of in views.items()]
    together["views"] = metadata.table(["view", *COUNTED], lines)
    if done.behind:
        together["need a rebuild"] = metadata.table(["view", "why"], list(done.behind.items()))
    context.add_output_metadata(together)


def _together(archive: Archive, done: Done) -> dict[str, Any]:
    from views.lag import recorded

    steps = done.steps
    seconds = sum(step.seconds for step in steps)
    events = sum({(step.after, step.through): step.events for step in steps}.values())
    told: dict[str, Any] = {
        "events folded": events,
        "steps": len(steps),
        "seconds": round(seconds, 3),
        "events a second": metadata.rate(events, seconds),
        "peak memory (MB)": metadata.peak_memory(),
    }
    if steps:
        after, through = steps[0].after, max(step.through for step in steps)
        told["fan-out"] = plots.fan_out([number for step in steps for number in step.fan_out])
        times = recorded(archive.log(), after, through)
        told["lag over time"] = plots.lag_over_time(times, after, done.reached)
    return told


def _by_view(archive: Archive, done: Done) -> dict[str, dict[str, Any]]:
    """The figures of each view that moved on, summed over the steps."""
    if not done.steps:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for view, now in archive.engine().serving().items():
        if not archive.wants(view) or view in done.behind:
            continue
        parts = [part for step in done.steps for part in step.views if part.view == view]
        seconds = sum(part.seconds for part in parts)
        counts = {f"documents {n}": sum(getattr(part, n) for part in parts) for n in COUNTED}
        found[view] = {
            "sequence": now.sequence,
            "generation": now.generation,
            "dagster/row_count": now.documents,
            **counts,
            "seconds of this view": round(seconds, 3),
            "documents a second": metadata.rate(counts["documents computed"], seconds),
        }
    return found


@job(
    description="Bring what serves from its checkpoint to the head of the log, all views together. "
    "Killed anywhere and started again, it comes to the same.",
    executor_def=in_process_executor,
)
def catch_up() -> None:
    """Catch up."""
    catch_up_views()
