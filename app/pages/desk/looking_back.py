"""An entity's history on the desk, and what is made from it: restore a version, undo an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from app.pages import strings
from app.pages.desk.differences import FieldDifference, differences
from app.pages.desk.inputs import annotations_of, inputs_of
from app.pages.desk.names import category_of, title_of
from app.pages.desk.places import WRITE_SECONDS, Posting, render_desk
from app.pages.desk.typed import Typed, read, stored
from app.removing import numbers_of
from app.web.addresses import desk_page
from app.web.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request

    from app.web.identity import Identity
    from app.web.site import Site
    from archive import Archive
    from event_log import Event, NewEvent, Receipt

ALL = "all"
"""Asks to take back all events that were appended together with one, as a merge is."""


class _Stop(Exception):
    """The events that a restoring or an undoing would append, which are shown and not appended."""

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
    whole: str = ""
    """The correlation id of events that are taken back together."""
    part_of: tuple[int, str] | None = None
    """Of one event that was appended with others: how many there are, and the page that takes all
    of them back."""


@dataclass(frozen=True)
class Changed:
    """An entity that a restoring or an undoing changes, and the events that it takes."""

    stream: str
    title: str
    types: Sequence[str]
    changes: list[FieldDifference]


def taking_back(archive: Archive, stream: str, page: str, given: dict[str, str]) -> TakingBack:
    """What an address or a form asks to take back; raises ``Problem`` 422 for no number."""
    name = "version" if page == "restore" else "sequence"
    text = given.get(name, "")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 12):
        raise Problem(422, f"{name}: {text!r} is no whole number")
    number, pairs = int(text), [(name, text)]
    if page == "restore":
        heading = strings.text("desk_restore_title", version=number)
        act = partial(archive.restore, stream, number)
        return TakingBack(stream, page, heading, strings.text("desk_do_restore"), pairs, act)
    event = next(archive.log.read(number - 1, limit=1), None) if number else None
    if event is None or event.stream != stream:
        raise Problem(404, f"{stream} has no sequence {number}")
    button = strings.text("desk_do_undo")
    if given.get(ALL) and event.correlation_id:
        heading, whole = strings.text("desk_undo_all_title"), event.correlation_id
        act = partial(archive.undo_all, whole)
        return TakingBack(stream, page, heading, button, [*pairs, (ALL, "1")], act, whole)
    heading = strings.text("desk_undo_title", what=event.type)
    asked = TakingBack(stream, page, heading, button, pairs, partial(archive.undo, number))
    events = archive.group(event.correlation_id).events if event.correlation_id else 1
    if events > 1:
        asked.part_of = events, desk_page(stream, page, sequence=number, all=1)
    return asked


async def take_back_page(
    site: Site, request: Request, identity: Identity, stream: str, page: str
) -> Response:
    """Show what a restoring or an undoing will change, with the button that does it."""

    def prepared() -> dict[str, Any]:
        asked = taking_back(site.archive, stream, page, dict(request.query_params))
        return _shown(site.archive, asked)

    shown = await site.work.run(prepared)
    return _answered(request, identity, shown)


def _answered(request: Request, identity: Identity, shown: dict[str, Any]) -> Response:
    status = 409 if shown["refused"] else 422 if shown["said"].wrong else 200
    return render_desk(request, "take_back.html", identity, status, **shown)


async def post_take_back(posting: Posting, stream: str, page: str) -> Response:
    """Restore or undo as the form says; the entity must be as it was when the form was shown."""
    from archive import RefusedInBatch
    from replay import Refused

    archive = posting.site.archive

    def done() -> Receipt | dict[str, Any]:
        asked = taking_back(archive, stream, page, posting.given)
        said = read(archive, annotations_of(category_of(archive, stream)), posting.pairs, {})
        if posting.do != "save" or said.wrong:
            return _shown(archive, asked, said)
        was = posting.given.get("at", "")
        try:
            return asked.act(
                actor=posting.identity.name,
                annotations=said.values,
                before=lambda _: _check_version(archive, stream, was),
            )
        except (Refused, RefusedInBatch) as error:
            return _shown(archive, asked, said) | {"refused": str(error)}

    answer = await posting.site.work.within(WRITE_SECONDS, done)
    if isinstance(answer, dict):
        return _answered(posting.request, posting.identity, answer)
    return RedirectResponse(f"/desk/receipts/{answer.last}", 303)


def _check_version(archive: Archive, stream: str, was: str) -> None:
    now = archive.entity(stream).version
    if was != str(now):
        raise Problem(409, strings.text("desk_moved_on", stream=stream, now=now, was=was or "?"))


def _shown(archive: Archive, asked: TakingBack, said: Typed | None = None) -> dict[str, Any]:
    from replay import Refused

    stream = asked.stream
    now = archive.entity(stream)
    events: Sequence[NewEvent] = ()
    changed: list[Changed] = []
    left_out, refused = 0, ""
    try:
        if asked.whole:
            preview = archive.undo_preview(asked.whole)
            events, left_out = preview.lives, preview.left_out
            changed = [_changed(archive, *astuple(each)) for each in preview.entities]
        else:
            asked.act(before=_stop)
    except _Stop as stopped:
        events = stopped.events
        changed = [_changed_by(archive, stream, events)]
        refused = _refusal(archive, events)
    except Refused as error:
        refused = str(error)
    return {
        "stream": stream,
        "entity_title": title_of(archive, now),
        "version": now.version,
        "heading": asked.heading,
        "button": asked.button,
        "action": desk_page(stream, asked.page),
        "pairs": [*asked.pairs, ("at", str(now.version))],
        "part_of": asked.part_of,
        "refused": refused,
        "used_by": _users(archive, stream, events),
        "changed": changed,
        "left_out": left_out,
        "said": said or stored(archive, annotations_of(category_of(archive, stream)), {}),
    }


def _changed(
    archive: Archive,
    stream: str,
    types: Sequence[str],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> Changed:
    from replay import read_entity

    inputs = inputs_of(archive.domain, category_of(archive, stream))
    title = title_of(archive, read_entity(archive.log, stream))
    return Changed(stream, title, types, differences(archive, inputs, old, new))


def _changed_by(archive: Archive, stream: str, events: Sequence[NewEvent]) -> Changed:
    """What the events of one entity change."""
    now = archive.entity(stream).fields
    after = dict(now)
    for event in events:
        _suppose(after, event, archive)
    return _changed(archive, stream, [event.type for event in events], now, after)


def _refusal(archive: Archive, events: Sequence[NewEvent]) -> str:
    """Why an event would be refused; of several only when they are appended."""
    from replay import Refused

    try:
        for event in events if len(events) == 1 else ():
            archive.check(event)
    except Refused as error:
        return str(error)
    return ""


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


def _users(archive: Archive, stream: str, events: Sequence[NewEvent]) -> str:
    """What names an entity that the events remove."""
    from event_log import Effect

    types = archive.log.registry.event_types
    if not any(types[event.type].effect is Effect.REMOVES for event in events):
        return ""
    counts = archive.used_by(stream)[stream]
    return numbers_of(counts) if counts else ""
