"""The newsroom's own rules for an editor's event; ``replay.rules`` has the rules of any domain."""

from __future__ import annotations

from event_log import NewEvent, dates
from newsroom.categories import TAG_KINDS
from replay import Entity, Refused


def check(current: Entity, event: NewEvent) -> None:
    """Refuse a tag of an unknown kind, and a byline whose years end before they begin.

    >>> check(Entity("tag/sea"), NewEvent("tag/sea", "TagDefined", {"kind": "colour"}))
    Traceback (most recent call last):
    replay.errors.Refused: data.kind: 'colour' is no kind of tag; use one of person, place, ...
    """
    kind = event.data.get("kind")
    if current.stream.startswith("tag/") and kind is not None and kind not in TAG_KINDS:
        raise Refused(f"data.kind: {kind!r} is no kind of tag; use one of {', '.join(TAG_KINDS)}")
    if current.stream.startswith("byline/"):
        _check_active(current, event)


def _check_active(current: Entity, event: NewEvent) -> None:
    fields = current.fields | {k: v for k, v in event.data.items() if v is not None}
    cleared = event.data.get("cleared") or ()
    ends = [None if n in cleared else fields.get(n) for n in ("active_from", "active_to")]
    if None in ends:
        return
    begin, end = ends
    if dates.date_span(begin).first > dates.date_span(end).first:
        raise Refused(f"data.active_to: {end} is before active_from, {begin}; exchange them")
