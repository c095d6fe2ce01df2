"""What an operator does by hand: let a generation serve, or go back to what served before."""

from dagster import Config, MetadataValue, OpExecutionContext, job, op
from pydantic import Field

from pipelines.failing import told_apart
from pipelines.resources import ArchiveResource


class Wanted(Config):
    """Which generation is to serve."""

    generation: int = Field(
        description="Its number, as the index assets and `stet generations` say."
    )


class Before(Config):
    """How far to go back."""

    generation: int = Field(
        default=0, description="Go back until this one serves; 0 goes back by one promotion."
    )


@op(description="Let a finished and checked generation serve in all its views.")
def promote_generation(
    context: OpExecutionContext, config: Wanted, archive: ArchiveResource
) -> None:
    """Let a generation serve, in all its views at the same moment."""
    from search import promote

    with told_apart():
        views = promote(archive.archive().engine, config.generation, archive.tolerated)
    context.log.info(f"generation {config.generation} serves {', '.join(views)}")
    context.add_output_metadata({"generation": config.generation, "views": list(views)})


@op(description="Let serve what served before, in all views at the same moment.")
def roll_back_generation(
    context: OpExecutionContext, config: Before, archive: ArchiveResource
) -> None:
    """Let serve what served before the last promotion, or before that."""
    with told_apart():
        serving = archive.archive().engine.roll_back(config.generation or None)
    for view, about in serving.items():
        context.log.info(f"{view}: generation {about.generation} serves")
    numbers = {view: about.generation for view, about in serving.items()}
    context.add_output_metadata({"serving": MetadataValue.json(numbers)})


@job(description="Let the generation serve that the run's config names.")
def promote() -> None:
    """Let a generation serve."""
    promote_generation()


@job(description="Go back to what served before, or to the generation that the run's config names.")
def roll_back() -> None:
    """Go back to what served before."""
    roll_back_generation()
