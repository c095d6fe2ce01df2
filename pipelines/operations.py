"""The jobs that an operator launches by hand: promote a generation, or roll back."""

from dagster import Config, MetadataValue, OpExecutionContext, job, op
from pydantic import Field

from pipelines.failing import errors_as_failures
from pipelines.resources import ArchiveResource


class Wanted(Config):
    """Which generation is to be live."""

    generation: int = Field(
        description="The number of a generation; `stet generations` lists them."
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
        views = promote(archive.archive().engine, config.generation, archive.tolerated)
    context.log.info(f"generation {config.generation} is live in {', '.join(views)}")
    context.add_output_metadata({"generation": config.generation, "views": list(views)})


@op(description="Undo the last promotion, in all views at once.")
def roll_back_generation(
    context: OpExecutionContext, config: Before, archive: ArchiveResource
) -> None:
    """Undo the last promotion, or all since a generation was live."""
    with errors_as_failures():
        live = archive.archive().engine.roll_back(config.generation or None)
    for view, now in live.items():
        context.log.info(f"{view}: generation {now.generation} is live")
    numbers = {view: now.generation for view, now in live.items()}
    context.add_output_metadata({"live": MetadataValue.json(numbers)})


@job(description="Make the generation live that the run's config names.")
def promote() -> None:
    """Make a generation live."""
    promote_generation()


@job(description="Undo the last promotion, or go back to the generation that the config names.")
def roll_back() -> None:
    """Undo the last promotion."""
    roll_back_generation()
