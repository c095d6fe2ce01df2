"""The pages on which an entity is edited: the form, the review, the conflict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from app.pages import strings
from app.pages.desk.differences import differences, parts_of, text_of
from app.pages.desk.editing import (
    DECIDE,
    Edit,
    begun,
    blame,
    blame_all,
    check,
    check_required,
    merged,
    posted,
    saved_before,
)
from app.pages.desk.names import title_of
from app.pages.desk.places import Posting, kept_pairs, render_desk
from app.pages.desk.visibility import hidden_until
from app.removing import numbers_of
from app.web.addresses import desk_page
from app.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import Request

    from app.pages.desk.inputs import Input
    from app.pages.word_diff import Part
    from app.web.identity import Identity
    from app.web.site import Site
    from archive import Archive, Preview
    from event_log import Receipt

NUMBER, BASE = "id", "base"
"""The elements that have a new entity's id, and the version from which both of a conflict began."""


def shown_edit(archive: Archive, edit: Edit) -> dict[str, Any]:
    """What the pages of an edit show of it."""
    views = {view.per: view.name for view in archive.views.values()}
    return {
        "edit": edit,
        "stream": edit.stream,
        "entity_title": title_of(archive, edit.entity),
        "is_new": edit.entity.version == 0,
        "hidden_until": hidden_until(archive, edit.category.name, edit.entity.fields),
        "will_be_hidden_until": hidden_until(archive, edit.category.name, edit.fields()),
        "view_of_category": views,
        "here": desk_page(edit.stream),
        "form_acts": [act for act in edit.acts if act.has_fields],
        "other_acts": [act for act in edit.acts if not act.has_fields],
    }


async def edit_page(site: Site, request: Request, identity: Identity, stream: str) -> Response:
    """Show the form of an entity; ``act`` in the address chooses what is done."""

    def prepared() -> dict[str, Any]:
        edit = begun(site.archive, stream, request.query_params.get("act"))
        if not edit.entity.version:
            raise Problem(404, f"{stream} has no events; begin it at /desk/{edit.category.name}")
        return shown_edit(site.archive, edit)

    return render_desk(
        request, "edit.html", identity, **await site.work.run(prepared), was_typed=False
    )


async def new_page(site: Site, request: Request, identity: Identity, category: str) -> Response:
    """Show the empty form of a category."""

    def prepared() -> dict[str, Any]:
        return shown_edit(site.archive, begun(site.archive, f"{category}/"))

    shown = await site.work.run(prepared)
    given = request.query_params.get(NUMBER, "")
    return render_desk(request, "edit.html", identity, **shown, was_typed=False, new_id=given)


async def post_edit(posting: Posting, stream: str) -> Response:
    """Answer a form of an edit: the form again, a review, a conflict, or a receipt."""
    site, archive = posting.site, posting.site.archive
    work = await site.work.run(_understood, archive, posting, stream)
    if work.receipt is not None:
        return RedirectResponse(f"/desk/receipts/{work.receipt.last}", 303)
    edit, shown = work.edit, work.shown
    if work.page == "review.html" and posting.do == "count":
        shown |= await _counted(site, edit, posting.identity)
    return render_desk(
        posting.request,
        work.page,
        posting.identity,
        work.status,
        **shown,
        was_typed=True,
        new_id=posting.given.get(NUMBER, ""),
    )


@dataclass
class _Work:
    """What is to be answered to a posted edit."""

    edit: Edit
    page: str
    status: int = 200
    receipt: Receipt | None = None
    shown: dict[str, Any] | None = None


def _understood(archive: Archive, posting: Posting, stream: str) -> Any:
    """Read a posted edit, save it if that was asked for, and say which page answers."""
    actor, do = posting.identity.name, posting.do
    is_unnamed = stream.endswith("/")
    edit = posted(archive, stream, posting.pairs)
    work = _Work(edit, "edit.html")
    if do in ("review", "count", "save"):
        work = _saved_or_reviewed(archive, edit, actor, posting, is_unnamed)
    work.shown = {**shown_edit(archive, work.edit), **(work.shown or {})}
    return work


def _saved_or_reviewed(
    archive: Archive, edit: Edit, actor: str | None, posting: Posting, is_unnamed: bool
) -> _Work:
    if is_unnamed:
        edit.errors.append(strings.text("desk_id_required"))
        check_required(edit)
        event = edit.event(actor)
        blame_all(archive, edit, replace(event, stream=edit.stream + edit.event_id))
        return _Work(edit, "edit.html", 422)
    before = saved_before(archive, edit, actor) if posting.do == "save" else None
    if before is not None:
        return _Work(edit, "edit.html", receipt=before)
    if edit.conflicts and not edit.read.version:
        return _taken(edit)
    check_required(edit)
    if edit.is_wrong:
        blame_all(archive, edit, edit.event(actor))
        return _again(archive, edit, posting)
    if edit.conflicts:
        return _conflict(archive, edit)
    check(archive, edit, actor)
    if edit.is_wrong:
        return _again(archive, edit, posting)
    if posting.do != "save":
        shown = {"pairs": kept_pairs(posting.pairs), **_changes(archive, edit)}
        return _Work(edit, "review.html", shown=shown)
    return _save(archive, edit, actor, posting)


def _save(archive: Archive, edit: Edit, actor: str | None, posting: Posting) -> _Work:
    from archive import ArchiveError
    from event_log import EventLogError, WrongExpectedVersion
    from replay import Refused, read_entity

    event = edit.event(actor)
    try:
        receipt = archive.append(
            event.stream,
            event.type,
            event.data,
            expected_version=edit.read.version,
            event_id=event.event_id,
            actor=actor,
        )
    except WrongExpectedVersion:
        edit.entity = read_entity(archive.log, edit.stream)
        return _conflict(archive, edit) if edit.read.version else _taken(edit)
    except (Refused, EventLogError, ArchiveError) as error:
        blame(edit, str(error))
        return _again(archive, edit, posting)
    return _Work(edit, "edit.html", receipt=receipt)


def _again(archive: Archive, edit: Edit, posting: Posting) -> _Work:
    """The form with what is wrong; of a conflict with both versions, until it is decided."""
    from replay import read_entity

    decided = [value for name, value in posting.pairs if name == DECIDE]
    if not decided:
        return _Work(edit, "edit.html", 422)
    for name in edit.undecided:
        edit.typed.blame(name, strings.text("desk_decide_first"))
    base = posting.given.get(BASE, "")
    is_earlier = base.isascii() and base.isdigit() and len(base) < 12
    was = read_entity(archive.log, edit.stream, int(base) if is_earlier else edit.read.version)
    inputs = [each.input for each in edit.typed.shown if each.input.name in decided]
    sides = _sides(archive, inputs, was.fields, edit.typed.values, edit.read.fields)
    return _Work(edit, "edit.html", 422, shown={"conflict": sides, "base": was.version})


def _taken(edit: Edit) -> _Work:
    """The form of a new entity again: its id is another's, which is left alone."""
    edit.errors.append(strings.text("desk_id_taken", stream=edit.stream))
    edit.entity = edit.read
    return _Work(edit, "edit.html", 409)


def _conflict(archive: Archive, edit: Edit) -> _Work:
    """Both versions side by side, merged where they do not touch."""
    again, both = merged(archive, edit)
    inputs = [each.input for each in edit.typed.shown]
    asked = [each for each in inputs if each.name in both.conflicts]
    was, theirs = edit.read, edit.entity
    later = [each for each in archive.log.stream(edit.stream) if each.version > was.version]
    shown = {
        "conflict": _sides(archive, asked, was.fields, edit.fields(), theirs.fields),
        "base": was.version,
        "later": later,
        "of_theirs": differences(archive, inputs, was.fields, theirs.fields),
        "cannot": edit.act.label if again.unchosen else "",
    }
    return _Work(again, "edit.html", 409, shown=shown)


@dataclass(frozen=True)
class Sides:
    """A field that both changed: what it was, and what each made of it."""

    was: str
    mine: Sequence[Part]
    theirs: Sequence[Part]


def _sides(
    archive: Archive, inputs: Sequence[Input], *states: Mapping[str, Any]
) -> dict[str, Sides]:
    """The fields as they were, as they are mine, and as they are theirs."""
    sides = {}
    for each in inputs:
        was, mine, theirs = (text_of(archive, each, state.get(each.name)) for state in states)
        sides[each.name] = Sides(was, parts_of(was, mine), parts_of(was, theirs))
    return sides


async def _counted(site: Site, edit: Edit, identity: Identity) -> dict[str, Any]:
    """The fan-out: a part of a second where the kept state is free, many seconds where it is not,
    so it is computed when it is asked for, and the review does not wait for it."""
    try:
        return {"preview": await site.work.run(_preview, site.archive, edit, identity.name)}
    except Problem as problem:
        return {"preview": None, "not_counted": problem.detail}


def _changes(archive: Archive, edit: Edit) -> dict[str, Any]:
    """What a review says: the differences, and who uses what is removed."""
    from event_log import Effect

    inputs = [each.input for each in edit.typed.shown]
    old = {} if edit.act.effect is Effect.CREATES else edit.read.fields
    used = ""
    if edit.act.effect is Effect.REMOVES:
        counts = archive.used_by(edit.stream)[edit.stream]
        used = numbers_of(counts) if counts else ""
    return {
        "changes": differences(archive, inputs, old, edit.fields()),
        "saying": differences(archive, [s.input for s in edit.said.shown], {}, edit.said.values),
        "used_by": used,
    }


def _preview(archive: Archive, edit: Edit, actor: str | None) -> Preview:
    from archive import ArchiveError
    from replay import ReplayError

    event = edit.event(actor)
    try:
        return archive.preview(event.stream, event.type, event.data, actor=actor)
    except (ReplayError, ArchiveError) as error:
        raise Problem(503, str(error)) from error
