"""Annotations on the command line: the options ``--reason`` and ``--note``, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import show
from app.options import Failure

if TYPE_CHECKING:
    from event_log import Category, Event

Reason = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Why, for the desk; readers do not see it."),
]
Note = Annotated[
    str | None, typer.Option(metavar="TEXT", help="A note for the public, such as a correction's.")
]


def given_annotations(
    category: Category | None, data: Any, reason: str | None, note: str | None
) -> dict[str, str]:
    """The annotations that the options give; raises ``Failure`` if the category has none such.

    ``data`` are the event's, which cannot have the same. ``category`` is ``None`` where the type is
    unknown, which is refused when the event is appended.
    """
    given = {n: v for n, v in (("reason", reason), ("note", note)) if v is not None}
    for name, text in given.items():
        if category is not None and name not in category.annotations.names:
            has = ", ".join(category.annotations.names) or "none"
            raise Failure(
                f"--{name}: an event of {category.name} has no {name}; its annotations: {has}"
            )
        if not text.strip():
            raise Failure(f"--{name}: is empty; leave it out")
        if isinstance(data, Mapping) and data.get(name) is not None:
            raise Failure(f"--{name}: data.{name} is given as well; leave out one of them")
    return given


def with_annotations(
    category: Category | None, data: Any, reason: str | None, note: str | None
) -> Any:
    """The data of an event, with the annotations that the options give."""
    given = given_annotations(category, data, reason, note)
    return {**data, **given} if isinstance(data, Mapping) else data


def of_event(event: Event, category: Category) -> dict[str, Any]:
    """The annotations that an event carries."""
    return {name: event.data[name] for name in category.annotations.names if name in event.data}


def print_annotations(annotations: Mapping[str, Any]) -> None:
    """Print each annotation on a line."""
    for name, value in annotations.items():
        show.line(f"    {name}: {show.plain(value)}")
