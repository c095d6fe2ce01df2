"""The streams of what documents name only: sections, bylines, tags, images, and the articles.

Names that differ in case or in space are one name, and get one stream. A stream begins with what a
person can read of the name; a digest of the name follows, so that two names never share a stream.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import sha1

READABLE = 60
"""Characters of a stream's readable part."""
URI = re.compile(r"nyt://([a-z]+)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
OLD_ID = re.compile(r"[0-9a-f]{24}")


def folded(name: str) -> str:
    """A name without what is no difference between two: case, and how words are spaced.

    >>> folded("JANE  doe ") == folded("Jane Doe")
    True
    """
    return unicodedata.normalize("NFC", " ".join(name.split()).casefold())


@lru_cache(1 << 16)
def stream_of(category: str, *names: str) -> str:
    """The stream of an entity that is known by its name, below other names if it has any.

    >>> stream_of("byline", "Zoë  O'Hara")
    'byline/zoe-o-hara-c19e306686'
    >>> stream_of("section", "Arts", "Music") == stream_of("section", "arts", "music")
    True
    >>> stream_of("section", "Music") == stream_of("section", "Arts", "Music")
    False
    """
    known_by = [folded(name) for name in names]
    digest = sha1("\n".join(known_by).encode(), usedforsecurity=False).hexdigest()[:10]
    slug = "-".join(filter(None, map(_slug, known_by)))[:READABLE].strip("-")
    return f"{category}/{slug}-{digest}" if slug else f"{category}/{digest}"


def article_stream(identity: str) -> str:
    """The stream of an article, from what its document is known by.

    >>> article_stream("nyt://article/5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa")
    'article/nyt-5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa'
    >>> article_stream("nyt://slideshow/5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa")
    'article/nyt-slideshow-5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa'
    >>> article_stream("4fd2872b8eb7c8105d858553")
    'article/nyt-4fd2872b8eb7c8105d858553'
    """
    if found := URI.fullmatch(identity):
        kind, uuid = found.groups()
        return f"article/nyt-{uuid}" if kind == "article" else f"article/nyt-{kind}-{uuid}"
    if OLD_ID.fullmatch(identity):
        return f"article/nyt-{identity}"
    return stream_of("article", identity)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
