"""The desk's first page, and the receipt of what was saved."""

from __future__ import annotations

from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from app.pages import strings
from app.pages.desk.finding import broken, found, today
from app.pages.desk.merging import INTO
from app.pages.desk.names import category_of, title_of, with_id
from app.pages.desk.places import render_desk
from app.pages.desk.visibility import hidden_until, scheduled, seen_in
from app.removing import numbers_of
from app.web.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request

    from app.web.identity import Identity
    from app.web.site import Site
    from archive import Archive
    from event_log import Event
    from replay import Unresolved

MOST_REFERENCES = 200
MOST_OF_A_TEXT = 1_000


async def home_page(site: Site, request: Request, identity: Identity) -> Response:
    """Show what the desk finds, what changed today, and what has to be looked after."""
    asked = request.query_params
    text = asked.get("q", "").strip()[:MOST_OF_A_TEXT]
    shown = await site.work.run(_home, site.archive, text, asked.get("actor") or None)
    shown |= {"references": None, "references_left_out": 0}
    if asked.get("show") == "references":
        shown |= await site.work.run(_references, site.archive)
    return render_desk(request, "home.html", identity, **shown)


def _home(archive: Archive, text: str, actor: str | None) -> dict[str, Any]:
    categories = [category.name for category in archive.domain.categories]
    return {
        "q": text,
        "actor": actor,
        "categories": categories,
        "example": f"{categories[0]}/1",
        "found": found(archive, text) if text else [],
        "today": today(archive, actor),
        "scheduled": [_scheduled(archive, view, hit) for view, hit in scheduled(archive)],
        "broken": broken(archive),
    }


def _scheduled(archive: Archive, view: str, hit: Any) -> tuple[Any, str]:
    """A hit that readers do not see yet, with its title as text, and its date."""
    from dataclasses import replace

    date = archive.views[view].date or ""
    return replace(hit, title=unescape(hit.title)), str(hit.document.get(date) or "")


def _references(archive: Archive) -> dict[str, Any]:
    references: list[Unresolved] = archive.unresolved_references()
    return {
        "references": references[:MOST_REFERENCES],
        "references_left_out": max(0, len(references) - MOST_REFERENCES),
    }


async def receipt_page(site: Site, request: Request, identity: Identity, sequence: int) -> Response:
    """Show the event with a sequence, and view by view whether it can be searched."""
    into = request.query_params.get(INTO, "")
    shown = await site.work.run(partial(_receipt, site.archive, sequence, into))
    return render_desk(request, "receipt.html", identity, **shown)


def _receipt(archive: Archive, sequence: int, into: str) -> dict[str, Any]:
    from replay import read_entity

    event = next(archive.log.read(sequence - 1, limit=1), None) if sequence > 0 else None
    if event is None:
        raise Problem(404, f"there is no sequence {sequence}; the log's head is {archive.log.head}")
    entity = read_entity(archive.log, event.stream)
    names = category_of(archive, event.stream).annotations.names
    return {
        "event": event,
        "stream": event.stream,
        "version": entity.version,
        "entity_title": title_of(archive, entity),
        "together": _together(archive, event, title_of(archive, entity), into),
        "merged_into": into if _is_merge(archive, event, into) else "",
        "said": {name: event.data[name] for name in names if event.data.get(name) is not None},
        "seen": seen_in(archive, event),
        "hidden_until": entity.live and hidden_until(archive, event.category, entity.fields),
    }


def _is_merge(archive: Archive, event: Event, into: str) -> bool:
    """Whether an event removed an entity that may have been merged into another.

    The log does not name the other where nothing referred to the removed one, so the address does.
    """
    from event_log import Effect
    from replay import read_entity

    removes = archive.log.registry.event_types[event.type].effect is Effect.REMOVES
    alike = into.partition("/")[0] == event.category and into != event.stream
    is_one = bool(removes and event.correlation_id and alike and "\0" not in into)
    return is_one and read_entity(archive.log, into).version > 0


def _together(archive: Archive, event: Event, title: str, into: str) -> str:
    """What a receipt says of the events that were appended together with its own."""
    if event.correlation_id is None:
        return ""
    group = archive.group(event.correlation_id)
    counts = strings.text("desk_receipt_changed", entities=numbers_of(group.entities))
    if _is_merge(archive, event, into):
        kept = with_id(archive, into)
        return strings.text("desk_receipt_merged_into", old=title, new=kept, count=counts)
    if group.events == 1:
        return ""
    return strings.text("desk_receipt_together", events=group.events, count=counts)
