"""Merging two entities that are one: the other is chosen by name, counted, and merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from app.pages import strings
from app.pages.desk.inputs import Input, annotations_of
from app.pages.desk.names import category_of, title_of
from app.pages.desk.places import WRITE_SECONDS, Posting, render_desk
from app.pages.desk.typed import Typed, read, stored
from app.removing import numbers_of

if TYPE_CHECKING:
    from fastapi import Request

    from app.web.identity import Identity
    from app.web.site import Site
    from archive import Archive, Merged

OTHER, INTO = "other", "into"
"""The form's element with the other entity, and the receipt's with the one that was kept."""


async def merge_page(site: Site, request: Request, identity: Identity, stream: str) -> Response:
    """Show the form that chooses the other entity."""
    shown = await site.work.run(_form, site.archive, stream)
    return render_desk(request, "merge.html", identity, **shown)


async def post_merge(posting: Posting, stream: str) -> Response:
    """Answer the form: what will change, or the receipt of the merge."""
    archive, work = posting.site.archive, posting.site.work
    seconds = WRITE_SECONDS if posting.do == "save" else posting.site.options.query_seconds
    done = await work.within(seconds, _merged, archive, posting, stream)
    if isinstance(done, dict):
        status = 422 if done["error"] or done["other"].errors else 200
        return render_desk(posting.request, "merge.html", posting.identity, status, **done)
    told = urlencode({INTO: stream})
    return RedirectResponse(f"/desk/receipts/{done.receipt.last}?{told}", 303)


def _input(stream: str) -> Input:
    label = strings.text("desk_merge_other")
    return Input(OTHER, label, "text", target=stream.partition("/")[0], required=True)


def _form(
    archive: Archive, stream: str, chosen: Typed | None = None, said: Typed | None = None
) -> dict[str, Any]:
    """What the form shows; the values of a preview are added to it."""
    entity = archive.entity(stream)
    category = category_of(archive, stream)
    views = {view.per: view.name for view in archive.views.values()}
    other = (chosen or stored(archive, [_input(stream)], {})).shown[0]
    return {
        "stream": stream,
        "category": category.name,
        "view": views.get(category.name, ""),
        "entity_title": title_of(archive, entity),
        "other": other,
        "said": said or stored(archive, annotations_of(category), {}),
        "preview": None,
        "error": "",
    }


def _merged(archive: Archive, posting: Posting, stream: str) -> dict[str, Any] | Merged:
    from archive import ArchiveError
    from event_log import EventLogError
    from replay import Refused

    chosen = read(archive, [_input(stream)], posting.pairs, {})
    said = read(archive, annotations_of(category_of(archive, stream)), posting.pairs, {})
    other = chosen.values.get(OTHER)
    shown = _form(archive, stream, chosen, said)
    if posting.do not in ("review", "save"):
        return shown
    if other is None:
        if not chosen.wrong:
            label = shown["other"].input.label
            shown["other"].error = strings.text("desk_required", field=label)
        return shown
    try:
        at = _versions(archive, stream, other)
        if posting.do == "save" and posting.given.get("at") == at:
            return archive.merge(
                stream, other, actor=posting.identity.name, annotations=said.values
            )
        return shown | _previewed(archive, stream, other) | {"at": at}
    except (Refused, EventLogError, ArchiveError) as error:
        return shown | {"error": str(error)}


def _previewed(archive: Archive, stream: str, other: str) -> dict[str, Any]:
    """What a merge will change, which the form shows before it is done."""
    preview = archive.merge_preview(stream, other)
    return {
        "preview": preview,
        "moved": numbers_of(preview.revised) if preview.revised else strings.text("desk_nothing"),
        "other_id": other,
        "other_title": title_of(archive, archive.entity(other)),
    }


def _versions(archive: Archive, *streams: str) -> str:
    """The versions of the two that were previewed: a merge is of these, or previewed again."""
    return " ".join(str(archive.entity(stream).version) for stream in streams)
