"""The job ``catch_up``: brings the live indexes from their checkpoints to the head of the log.

Annotations are not postponed in this module: Dagster reads those of ``context`` and of resources.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster import Failure, OpExecutionContext, job, op

from event_log import counted
from pipelines import metadata, plots
from pipelines.failing import errors_as_failures
from pipelines.reporting import live_materializations, observe_head
from pipelines.resources import ArchiveResource

if TYPE_CHECKING:
    from archive import Step

COUNTED = ("touched", "computed", "written", "unchanged", "deleted")


@dataclass
class Progress:
    """What a run has done so far."""

    steps: list["Step"] = field(default_factory=list)
    reached: list[tuple[datetime, int]] = field(default_factory=list)
    """By step, the instant at which it was searchable, and its sequence."""
    behind: dict[str, str] = field(default_factory=dict)
    """The views that need a rebuild, and why."""
    broken: dict[str, str] = field(default_factory=dict)
    """The views that have a mistake, and which."""


@op(
    pool="catch_up",
    description="Fold the new events, and write the documents that they changed.",
)
def catch_up_views(context: OpExecutionContext, archive: ArchiveResource) -> None:
    """Bring the live indexes to the present head of the log, step by step, all views together.

    If a view cannot be computed, the others still catch up; then the run fails and names the view.
    """
    done = Progress()
    with errors_as_failures():
        _catch_up(context, archive, done)
    _show(context, archive, done)
    if done.broken:
        raise Failure(description="; ".join(done.broken.values()), allow_retries=False)


def _catch_up(context: OpExecutionContext, archive: ArchiveResource, done: Progress) -> None:
    from archive import CatchUp

    opened = CatchUp.open(archive.archive(), archive.chosen, context.log.info)
    with opened as running:
        head = running.head
        while (step := running.step(head)) is not None:
            done.steps.append(step)
            done.reached.append((datetime.now(UTC), step.through))
            context.log.info(
                f"{step.after:,} → {step.through:,}: {counted(step.events, 'event')},"
                f" {counted(step.written, 'document')} written or deleted in {step.seconds:.2f} s"
            )
        done.behind, done.broken = running.needs_rebuild, running.broken
        for view, why in done.behind.items():
            context.log.warning(f"{view} {why}; run the job rebuild")


def _show(context: OpExecutionContext, archive: ArchiveResource, done: Progress) -> None:
    """Write the figures of each view that caught up, and those of the run, to Dagster."""
    opened = archive.archive()
    live = opened.engine.serving() if done.steps else {}
    run, views = _run_figures(archive, done), _view_figures(archive, done, live)
    if done.steps:
        for head in observe_head(opened, context.instance):
            context.log_event(head)
        said = f"caught up to {max(step.through for step in done.steps):,}"
        shown = {view: {**figures, **run} for view, figures in views.items()}
        for event in live_materializations(opened, context.instance, live, said, shown):
            context.log_event(event)
    lines = [(view, *(of[f"documents {name}"] for name in COUNTED)) for view, of in views.items()]
    run["views"] = metadata.table(["view", *COUNTED], lines)
    if done.behind:
        run["need a rebuild"] = metadata.table(["view", "why"], list(done.behind.items()))
    if done.broken:
        run["have a mistake"] = metadata.table(["view", "why"], list(done.broken.items()))
    context.add_output_metadata(run)


def _run_figures(archive: ArchiveResource, done: Progress) -> dict[str, Any]:
    """The figures of all steps and views, with a plot of the fan-out and of the lag."""
    from archive import recorded_between

    steps = done.steps
    seconds = sum(step.seconds for step in steps)
    events = sum({(step.after, step.through): step.events for step in steps}.values())
    figures: dict[str, Any] = {
        "events folded": events,
        "steps": len(steps),
        "seconds": round(seconds, 3),
        "events a second": metadata.rate(events, seconds),
        "peak memory (MB)": metadata.peak_memory(),
    }
    if steps:
        after, through = steps[0].after, max(step.through for step in steps)
        figures["fan-out"] = plots.fan_out([number for step in steps for number in step.fan_out])
        times = recorded_between(archive.archive().log, after, through)
        figures["lag over time"] = plots.lag_over_time(times, after, done.reached)
    return figures


def _view_figures(
    archive: ArchiveResource, done: Progress, live: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The figures of each live view that caught up, summed over the steps."""
    figures: dict[str, dict[str, Any]] = {}
    for view in live:
        if not archive.wants(view) or view in done.behind or view in done.broken:
            continue
        parts = [part for step in done.steps for part in step.views if part.view == view]
        seconds = sum(part.seconds for part in parts)
        counts = {f"documents {n}": sum(getattr(part, n) for part in parts) for n in COUNTED}
        figures[view] = {
            **counts,
            "seconds of this view": round(seconds, 3),
            "documents a second": metadata.rate(counts["documents computed"], seconds),
        }
    return figures


@job(
    description="Bring the live indexes from their checkpoints to the head of the log, all views "
    "together. A run that was killed can be started again.",
)
def catch_up() -> None:
    """Catch up."""
    catch_up_views()
