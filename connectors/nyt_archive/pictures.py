"""The pictures of a document: a list of renditions in the old shape, one object in the new."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from connectors.nyt_archive.names import stream_of
from connectors.nyt_archive.values import count, group, groups, text
from event_log import InvalidEvent

SITE = "https://static01.nyt.com/"
"""Where a relative address of a picture begins."""
RENDITION = re.compile(
    r"[-.](?:\d+|(?:article|super|jumbo|thumb|popup|slide|blog|master|square|medium|large|xlarge"
    r"|small|wide|facebook|video|mobile|filmstrip|span|verticalTwo|threeByTwo)\w*)(?:-v\d+)?$",
    re.IGNORECASE,
)
"""The end of the name of a picture's file, which says how large the rendition is."""


@dataclass(frozen=True)
class Picture:
    """One picture: its largest rendition."""

    stream: str
    fields: Mapping[str, Any]


def pictures(document: Mapping[str, Any]) -> list[Picture]:
    """The pictures of a document, in order, each once, however many renditions it has.

    >>> wide = {"url": "images/2016/sea/05SEA-thumbWide.jpg", "width": 190, "height": 126}
    >>> large = {"url": "images/2016/sea/05SEA-jumbo.jpg", "width": 1024, "height": 683}
    >>> [found.fields["url"] for found in pictures({"multimedia": [wide, large]})]
    ['https://static01.nyt.com/images/2016/sea/05SEA-jumbo.jpg']
    """
    found: dict[str, Picture] = {}
    for each in _renditions(document):
        before = found.get(each.stream)
        if before is None:
            found[each.stream] = each
        elif _area(each) > _area(before):
            found[each.stream] = Picture(each.stream, {**before.fields, **each.fields})
        else:
            found[each.stream] = Picture(each.stream, {**each.fields, **before.fields})
    return list(found.values())


def _renditions(document: Mapping[str, Any]) -> Iterator[Picture]:
    if isinstance(document.get("multimedia"), Mapping):
        of_all = group(document, "multimedia")
        rendition = group(of_all, "default") or group(of_all, "thumbnail")
        yield from _rendition(rendition, of_all, None)
        return
    for each in groups(document, "multimedia"):
        if (text(each, "type") or "image") == "image":
            yield from _rendition(each, each, text(each, "crop_name"))


def _rendition(
    sized: Mapping[str, Any], of_all: Mapping[str, Any], crop: str | None
) -> Iterator[Picture]:
    url = text(sized, "url")
    if url is None:
        return
    try:
        address = urljoin(SITE, url)
        known_by = _known_by(address, crop)
    except ValueError as error:
        raise InvalidEvent("url", f"{url[:60]!r} is no address ({error})") from None
    fields = {
        "url": address,
        "caption": text(of_all, "caption"),
        "credit": text(of_all, "credit"),
        "width": count(sized, "width"),
        "height": count(sized, "height"),
    }
    said = {name: value for name, value in fields.items() if value is not None}
    yield Picture(stream_of("image", *known_by), said)


def _known_by(address: str, crop: str | None) -> tuple[str, ...]:
    """What all renditions of a picture have in common: the address without the rendition."""
    folder, file = posixpath.split(urlsplit(address).path)
    stem = posixpath.splitext(file)[0]
    if crop and stem.endswith(f"-{crop}"):
        return (folder, stem.removesuffix(f"-{crop}"))
    return (folder, RENDITION.sub("", stem) or stem)


def _area(picture: Picture) -> int:
    return int(picture.fields.get("width", 0)) * int(picture.fields.get("height", 0))
