"""``POST /streams/.../events``: an editor's events, at the version that was read, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from app.api.answers import Category, Id, answer, errors
from app.api.models import EventModel, Events, ReceiptModel
from app.api.security import EDITORS
from app.api.streams import stream_name
from app.web.addresses import in_path
from app.web.conditional import ANY, versions_of
from app.web.identity import Editor, Identity
from app.web.problems import Problem, WrongField
from app.web.searchable import MOST_SECONDS, Reached, views_to_wait_for, wait
from app.web.site import Served

if TYPE_CHECKING:
    from app.web.site import Site
    from archive import RefusedInBatch
    from event_log import NewEvent, Receipt

APPEND_SECONDS = 60.0
"""An append is not given up as early as a query: who asked could not know whether it was done."""
router = APIRouter(tags=["entities"])

IfMatch = Annotated[
    str | None,
    Header(
        description='The version that was read, such as `"5"`. Required unless the first event'
        " creates the entity; `*` takes any version.",
        examples=['"5"'],
    ),
]
Key = Annotated[
    str | None,
    Header(
        description="The event's id. The same request again adds nothing, and has the same receipt"
        " (200). In a list it is that of the first event, and the others have it with `/2` and so"
        " on.",
        examples=["0193f0a2-7c5e-7bb1-9d0e-3f5c1a2b4d6e"],
    ),
]

WaitFor = Annotated[
    str | None,
    Query(
        alias="wait",
        description="Views, with commas between them: answer when it is searchable there.",
        examples=["articles,topics"],
    ),
]
Timeout = Annotated[
    float, Query(ge=0, le=MOST_SECONDS, description="The longest to wait, in seconds.")
]


@router.post(
    "/streams/{category}/{id:path}/events",
    status_code=201,
    response_model=ReceiptModel,
    responses={
        200: {"model": ReceiptModel, "description": "Nothing was added: the log had it already."},
        201: {"description": "Appended; `Location` is the entity, `ETag` its version."},
        202: {
            "model": ReceiptModel,
            "description": "Appended, but not searchable yet in the views that are `late`.",
        },
        **errors(404, 409, 412, 413, 428),
    },
    operation_id="append_events",
    summary="Append an event, or several together",
    openapi_extra=EDITORS,
)
async def append(
    site: Served,
    identity: Editor,
    request: Request,
    category: Category,
    id: Id,
    body: Events,
    if_match: IfMatch = None,
    idempotency_key: Key = None,
    wait_for: WaitFor = None,
    timeout: Timeout = 5.0,
) -> Response:
    """Validate events against the current state of their entity, and append them.

    A list is all or nothing. The actor is who is logged in. A revision that changes nothing, and
    says nothing, is not appended: `added` is 0.
    """
    stream = await site.work.run(stream_name, site, category, id)
    views = await site.work.run(views_to_wait_for, site, wait_for)
    given = body if isinstance(body, list) else [body]
    events = _events(stream, given, identity, idempotency_key)
    receipt, again = await site.work.within(APPEND_SECONDS, _append, site, events, if_match)
    told: dict[str, Any] = {**asdict(receipt), "searchable": None, "late": None}
    status = 201 if receipt.added and not again else 200
    if views:
        reached: Reached = request.app.state.reached
        told["searchable"], late = await wait(site, reached, receipt.last, views, timeout)
        if late:
            status, told["late"] = 202, late
    headers = {
        "Location": f"/api/v1/streams/{category}/{in_path(id)}",
        "ETag": f'"{receipt.version}"',
    }
    return answer(told, receipt.last, status, headers)


def _events(
    stream: str, given: Sequence[EventModel], identity: Identity, key: str | None
) -> list[NewEvent]:
    from event_log import NewEvent

    events = []
    for number, each in enumerate(given, 1):
        event_id = each.event_id
        if key is not None:
            if event_id not in (None, key):
                raise Problem(
                    422,
                    "the event's id and Idempotency-Key differ; give one of them",
                    [WrongField("event_id", "is not the Idempotency-Key")],
                )
            event_id = key if number == 1 else f"{key}/{number}"
        events.append(
            NewEvent(
                stream,
                each.type,
                each.data,
                event_id,
                each.occurred_at,
                identity.name,
                each.correlation_id,
                each.causation_id,
            )
        )
    return events


def _append(site: Site, events: Sequence[NewEvent], if_match: str | None) -> tuple[Receipt, bool]:
    """Append events; returns the receipt, and whether the log had them already."""
    from archive import RefusedInBatch
    from event_log import WrongExpectedVersion

    again = _receipt_of_before(site, events)
    if again is not None:
        return again, True
    expected = _expected(site, events[0], if_match)
    try:
        return site.archive.append_all(events, expected_version=expected), False
    except WrongExpectedVersion as error:
        raise _conflict(site, error) from None
    except RefusedInBatch as error:
        raise _all_wrong(site, events, error) from None


def _all_wrong(site: Site, events: Sequence[NewEvent], error: RefusedInBatch) -> Exception:
    """The refusal of an event with all of its fields that are wrong, not the first alone."""
    wrong = site.archive.mistakes(events[: error.number])
    is_alone = len(events) == 1  # and needs no number
    if len(wrong) < 2:
        return error.cause if is_alone else error
    detail = "; ".join(map(str, wrong))
    if is_alone:
        return Problem(422, detail, [WrongField(each.field, each.reason) for each in wrong])
    place = f"events[{error.number - 1}]"
    errors = [WrongField(f"{place}.{each.field}", each.reason) for each in wrong]
    return Problem(422, f"event {error.number}: {detail}; nothing was appended", errors)


def _expected(site: Site, first: NewEvent, if_match: str | None) -> int | None:
    from event_log import Effect

    kind = site.archive.log.registry.event_types.get(first.type)
    if if_match is None:
        if kind is not None and kind.effect is not Effect.CREATES:
            raise Problem(
                428,
                f"{first.type} changes an entity that exists: send If-Match with the version that"
                " was read (the ETag of the entity)",
            )
        return None
    if if_match.strip() == ANY:
        return None
    versions = versions_of(if_match)
    if versions is None:
        said = 'is no version, such as "5", and not *'
        raise Problem(422, f"If-Match: {said}", [WrongField("If-Match", said)])
    return versions[0] if len(versions) == 1 else _one_of(site, first.stream, versions)


def _one_of(site: Site, stream: str, versions: Sequence[int]) -> int:
    """The version of an entity, if it is one of several that were named, or of none."""
    from replay import read_entity

    actual = read_entity(site.archive.log, stream).version
    if actual in versions:
        return actual
    raise Problem(
        412,
        f"{stream} is at version {actual}, which If-Match does not name; send the ETag of the"
        ' entity as it was read, such as "5": a weak one, W/"5", names no version',
        more={"actual_version": actual, "changes": []},
        headers={"ETag": f'"{actual}"'},
    )


def _conflict(site: Site, error: Any) -> Problem:
    """A conflict, with what happened since the version that was read."""
    since = site.archive.history(error.stream) if error.actual else []
    changes = [event for event in since if event["version"] > error.expected]
    return Problem(
        412,
        str(error),
        more={"actual_version": error.actual, "changes": _plain(changes)},
        headers={"ETag": f'"{error.actual}"'},
    )


def _plain(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    from app.show import plain

    return [{name: plain(value) for name, value in event.items()} for event in events]


def _receipt_of_before(site: Site, events: Sequence[NewEvent]) -> Receipt | None:
    """The receipt of a request that was sent before; raises ``Problem`` 422 if it said other."""
    from dataclasses import replace

    log = site.archive.log
    ids = [event.event_id for event in events if event.event_id is not None]
    known = log.known(ids) if ids else {}
    if not known:
        return None
    for event in events:
        sequence = known.get(event.event_id or "")
        if sequence is None or not _is_same(site, event, sequence):
            raise Problem(
                422,
                f"the id {ids[0]!r} is that of an earlier request, which said something else; what"
                " is new needs an id of its own",
                [WrongField("Idempotency-Key", "was used for something else")],
            )
    first, last = min(known.values()), max(known.values())
    return replace(log.receipt(last), first=first, added=len(known))


def _is_same(site: Site, event: NewEvent, sequence: int) -> bool:
    from event_log import InvalidEvent, NewEvent, Validator

    log = site.archive.log
    stored = next(log.read(after=sequence - 1, limit=1))
    if (stored.stream, stored.type) != (event.stream, event.type):
        return False
    validator, category = Validator(log.registry), log.registry.owner[event.type]
    written = NewEvent(stored.stream, stored.type, dict(stored.data))
    try:
        return validator.data(event, category) == validator.data(written, category)
    except InvalidEvent:
        return False
