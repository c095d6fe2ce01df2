"""The newsroom's own rules for an editor's event; ``replay.rules`` has the rules of any domain."""

from __future__ import annotations

from event_log import NewEvent
from newsroom.categories import TAG_KINDS
from replay import Entity, Refused


def check(current: Entity, event: NewEvent) -> None:
    """Refuse a tag of an unknown kind.

    >>> check(Entity("tag/sea"), NewEvent("tag/sea", "TagDefined", {"kind": "colour"}))
    Traceback (most recent call last):
    replay.errors.Refused: data.kind: 'colour' is no kind of tag; use one of person, place, ...
    """
    kind = event.data.get("kind")
    if current.stream.startswith("tag/") and kind is not None and kind not in TAG_KINDS:
        raise Refused(f"data.kind: {kind!r} is no kind of tag; use one of {', '.join(TAG_KINDS)}")
