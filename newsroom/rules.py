"""The newsroom's own rules for an editor's event; ``replay.rules`` has the rules of any domain."""

from __future__ import annotations

from urllib.parse import urlsplit

from event_log import NewEvent, dates
from newsroom.categories import TAG_KINDS
from replay import Entity, Refused


def check(current: Entity, event: NewEvent) -> None:
    """Refuse an unknown kind of tag, what is no address, size or alias, and years that contradict.

    >>> check(Entity("tag/sea"), NewEvent("tag/sea", "TagDefined", {"kind": "colour"}))
    Traceback (most recent call last):
    replay.errors.Refused: data.kind: 'colour' is no kind of tag; use one of person, place, ...
    """
    kind = event.data.get("kind")
    if current.stream.startswith("tag/") and kind is not None and kind not in TAG_KINDS:
        raise Refused(f"data.kind: {kind!r} is no kind of tag; use one of {', '.join(TAG_KINDS)}")
    for name, least in (("width", 1), ("height", 1), ("word_count", 0)):
        size = event.data.get(name)
        if isinstance(size, int) and size < least:
            raise Refused(f"data.{name}: {size} is less than {least}")
    if (url := event.data.get("url")) is not None and not is_address(url):
        raise Refused(
            f"data.url: {url!r} is no address; write https://… , or a path that begins with /"
        )
    if any(isinstance(a, str) and not a.strip() for a in event.data.get("aliases") or ()):
        raise Refused("data.aliases: one of them is empty; leave it out")
    if current.stream.startswith("byline/"):
        _check_active(current, event)


def is_address(text: str) -> bool:
    """Whether a text is an address of the web, or a path on the newspaper's own site.

    >>> is_address("https://example.org/a"), is_address("/images/1.jpg"), is_address("not a url")
    (True, True, False)
    >>> is_address("javascript:x"), is_address("//example.org/a")
    (False, False)
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    on_the_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    own = not parts.scheme and not parts.netloc and text.startswith("/")
    return (on_the_web or own) and not any(letter.isspace() for letter in text)


def _check_active(current: Entity, event: NewEvent) -> None:
    fields = current.fields | {k: v for k, v in event.data.items() if v is not None}
    cleared = event.data.get("cleared") or ()
    ends = [None if n in cleared else fields.get(n) for n in ("active_from", "active_to")]
    if None in ends:
        return
    begin, end = ends
    if dates.date_span(begin).first > dates.date_span(end).first:
        raise Refused(f"data.active_to: {end} is before active_from, {begin}; exchange them")
