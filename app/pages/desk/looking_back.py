"""An entity's history on the desk, and what is made from it: restore a version, undo an event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from app.pages import strings
from app.pages.desk.differences import FieldDifference, differences
from app.pages.desk.inputs import annotations_of, inputs_of
from app.pages.desk.names import category_of, title_of
from app.pages.desk.places import Posting, desk_page, render_desk
from app.pages.desk.typed import Typed, read, stored
from app.web.problems import Problem
from event_log import counted

if TYPE_CHECKING:
    from fastapi import Request

    from app.web.identity import Identity
    from app.web.site import Site
    from archive import Archive
    from event_log import Event, NewEvent, Receipt

Before = Callable[[Sequence["NewEvent"]], None]


class _Stop(Exception):
    """The events that a taking back would append, which are shown and not appended."""

    def __init__(self, events: Sequence[NewEvent]) -> None:
        super().__init__()
        self.events = events


@dataclass(frozen=True)
class Step:
    """An event of a history: what it changed, and what it said."""

    event: Event
    summary: str
    said: list[tuple[str, str]]
    changes: list[FieldDifference]


async def history_page(site: Site, request: Request, identity: Identity, stream: str) -> Response:
    """Show the events of an entity with their differences, the newest first."""
    shown = await site.work.run(_history, site.archive, stream)
    return render_desk(request, "history.html", identity, **shown)


def _history(archive: Archive, stream: str) -> dict[str, Any]:
    from replay import Entity

    current = archive.entity(stream)
    category = category_of(archive, stream)
    inputs = inputs_of(archive.domain, category)
    entity, steps = Entity(stream), []
    summaries = archive.history(stream)
    for event, told in zip(archive.log.stream(stream), summaries, strict=True):
        before = dict(entity.fields)
        entity.apply(event, archive.log.registry)
        said = [(each["field"], each["value"]) for each in told["annotations"]]
        changed = differences(archive, inputs, before, entity.fields)
        steps.append(Step(event, told["summary"], said, changed))
    return {
        "stream": stream,
        "entity_title": title_of(archive, current),
        "steps": steps[::-1],
    }


@dataclass
class TakingBack:
    """A restoring or an undoing: what is asked for, and how the archive does it."""

    stream: str
    page: str
    heading: str
    button: str
    pairs: list[tuple[str, str]]
    act: Callable[..., Receipt]


def taking_back(archive: Archive, stream: str, page: str, given: dict[str, str]) -> TakingBack:
    """What an address or a form asks to take back; raises ``Problem`` 422 for no number."""
    name = "version" if page == "restore" else "sequence"
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 12):
        raise Problem(422, f"{name}: {text!r} is no whole number")
    number = int(text)
    if page == "restore":
        heading, button = strings.text("desk_restore_title", version=number), "desk_do_restore"
        act: Callable[..., Receipt] = lambda **named: archive.restore(stream, number, **named)  # noqa: E731
    else:
        event = next(archive.log.read(number - 1, limit=1), None) if number else None
        if event is None or event.stream != stream:
            raise Problem(404, f"{stream} has no sequence {number}")
        heading, button = strings.text("desk_undo_title", what=event.type), "desk_do_undo"
        act = lambda **named: archive.undo(number, **named)  # noqa: E731
    return TakingBack(stream, page, heading, strings.text(button), [(name, text)], act)


async def take_back_page(
    site: Site, request: Request, identity: Identity, stream: str, page: str
) -> Response:
    """Show what a restoring or an undoing will change, with the button that does it."""

    def prepared() -> dict[str, Any]:
        asked = taking_back(site.archive, stream, page, dict(request.query_params))
        return _shown(site.archive, asked)

    shown = await site.work.run(prepared)
    return render_desk(request, "take_back.html", identity, **shown)


async def post_take_back(posting: Posting, stream: str, page: str) -> Response:
    """Restore or undo as the form says; the entity must be as it was when the form was shown."""
    archive = posting.site.archive

    def done() -> Receipt | dict[str, Any]:
        asked = taking_back(archive, stream, page, posting.given)
        said = read(archive, annotations_of(category_of(archive, stream)), posting.pairs, {})
        if posting.do != "save" or said.wrong:
            return _shown(archive, asked, said)
        was = posting.given.get("at", "")
        return asked.act(
            actor=posting.identity.name,
            annotations=said.values,
            before=lambda _: _check_version(archive, stream, was),
        )

    answer = await posting.site.work.run(done)
    if isinstance(answer, dict):
        return render_desk(posting.request, "take_back.html", posting.identity, **answer)
    return RedirectResponse(f"/desk/receipts/{answer.last}", 303)


def _check_version(archive: Archive, stream: str, was: str) -> None:
    now = archive.entity(stream).version
    if was != str(now):
        raise Problem(409, strings.text("desk_moved_on", stream=stream, now=now, was=was or "?"))


def _shown(archive: Archive, asked: TakingBack, said: Typed | None = None) -> dict[str, Any]:
    from replay import Refused, read_entity

    stream = asked.stream
    now, after = archive.entity(stream), read_entity(archive.log, stream)
    category = category_of(archive, stream)
    events: Sequence[NewEvent] = ()
    refused = ""
    try:
        asked.act(before=_stop)
    except _Stop as stopped:
        events = stopped.events
    except Refused as error:
        refused = str(error)
    for event in events:
        _suppose(after.fields, event, archive)
    return {
        "stream": stream,
        "entity_title": title_of(archive, now),
        "version": now.version,
        "heading": asked.heading,
        "button": asked.button,
        "action": desk_page(stream, asked.page),
        "pairs": [*asked.pairs, ("at", str(now.version))],
        "events": events,
        "refused": refused,
        "used_by": _users(archive, stream, events),
        "changes": differences(
            archive, inputs_of(archive.domain, category), now.fields, after.fields
        ),
        "said": said or stored(archive, annotations_of(category), {}),
    }


def _stop(events: Sequence[NewEvent]) -> None:
    raise _Stop(events)


def _suppose(fields: dict[str, Any], event: NewEvent, archive: Archive) -> None:
    """Change fields as an event will."""
    from event_log import Effect

    if archive.log.registry.event_types[event.type].effect is Effect.CREATES:
        fields.clear()
    names = category_of(archive, event.stream).fields.names
    fields.update({name: value for name, value in event.data.items() if name in names})
    for name in event.data.get("cleared") or ():
        fields.pop(name, None)


def _users(archive: Archive, stream: str, events: Sequence[NewEvent]) -> list[str]:
    """What names an entity that the events remove."""
    from event_log import Effect

    types = archive.log.registry.event_types
    if not any(types[event.type].effect is Effect.REMOVES for event in events):
        return []
    counts = archive.used_by(stream)[stream]
    return [counted(number, category) for category, number in counts.items()]
