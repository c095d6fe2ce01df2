"""The jobs that an operator launches by hand: promote a generation, or roll back."""

from collections.abc import Mapping
from typing import Any

from dagster import Config, OpExecutionContext, PartitionedConfig, job, op
from pydantic import Field

from archive import Archive
from pipelines.failing import errors_as_failures
from pipelines.reporting import (
    GENERATIONS,
    generations_table,
    live_materializations,
    offer_generations,
)
from pipelines.resources import ArchiveResource
from search import Generation


class Wanted(Config):
    """Which generation is to be live."""

    generation: int = Field(
        description="The number of a generation. Choose a partition to take one that there is."
    )


class Before(Config):
    """How far to go back."""

    generation: int = Field(
        default=0, description="Go back until this generation is live; 0 undoes one promotion."
    )


@op(description="Make a generation live in all its views at once, if it passed its check.")
def promote_generation(
    context: OpExecutionContext, config: Wanted, archive: ArchiveResource
) -> None:
    """Make a generation live in all its views at once."""
    from search import promote

    with errors_as_failures():
        opened = archive.archive()
        views = promote(opened.engine, config.generation, archive.tolerated)
        context.log.info(f"generation {config.generation} is live in {', '.join(views)}")
        live = opened.engine.serving()
        _report(context, opened, live, f"generation {config.generation} was promoted")


@op(description="Undo the last promotion, in all views at once.")
def roll_back_generation(
    context: OpExecutionContext, config: Before, archive: ArchiveResource
) -> None:
    """Undo the last promotion, or all since a generation was live."""
    with errors_as_failures():
        opened = archive.archive()
        live = opened.engine.roll_back(config.generation or None)
        for view, now in live.items():
            context.log.info(f"{view}: generation {now.generation} is live")
        numbers = ", ".join(str(n) for n in sorted({now.generation for now in live.values()}))
        _report(context, opened, live, f"rolled back to generation {numbers}")


def _report(
    context: OpExecutionContext, archive: Archive, live: Mapping[str, Generation], said: str
) -> None:
    """Tell Dagster what is live now in each view, and what may be promoted."""
    for event in live_materializations(archive, context.instance, live, said):
        context.log_event(event)
    offer_generations(archive, context.instance)
    numbers = {view: now.generation for view, now in live.items()}
    context.add_output_metadata({"live": numbers, "generations": generations_table(archive)})


def _of_partition(generation: str) -> dict[str, Any]:
    return {"ops": {"promote_generation": {"config": {"generation": int(generation)}}}}


@job(
    description="Make a generation live. The partitions are the generations that may be promoted;"
    " or name one in the config.",
    config=PartitionedConfig(
        partitions_def=GENERATIONS, run_config_for_partition_key_fn=_of_partition
    ),
)
def promote() -> None:
    """Make a generation live."""
    promote_generation()


@job(description="Undo the last promotion, or go back to the generation that the config names.")
def roll_back() -> None:
    """Undo the last promotion."""
    roll_back_generation()
