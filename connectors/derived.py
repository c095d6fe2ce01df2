"""Ids for events that come without one, made from their source's name and what they say.

The id is the UUIDv5 (RFC 9562) of a text in ``NAMESPACE``: the source's name, a line end, and the
event's content as JSON with sorted keys and without nulls. So importing the same source again makes
the same ids, and adds nothing. Events of one source that say the same are all kept: the second has
another line end and ``2`` after its content, the third ``3``.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import orjson
import uuid_utils

from event_log import NewEvent

NAMESPACE = UUID("e5bdfd5c-7de7-4468-8d15-e6cc9f54e46e")
STANDARD_INPUT = "stdin"
COMPRESSED = (".gz", ".zst")

_NAMESPACE = uuid_utils.UUID(bytes=NAMESPACE.bytes)
_BEGUN = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)

Keys = npt.NDArray[np.uint64]


def source_name(path: str) -> str:
    """The name of a file's source: without its folder, and without the suffix of a compression.

    >>> source_name("/backup/congress.jsonl.gz"), source_name("-")
    ('congress.jsonl', 'stdin')
    """
    if path == "-":
        return STANDARD_INPUT
    file = Path(path)
    name = file.stem if file.suffix in COMPRESSED else file.name
    return unicodedata.normalize("NFC", name)


class DerivedIds:
    """Makes the ids of one source's events; it is given all of them, in their order.

    >>> event = NewEvent("tag/sea", "TagDefined", {"name": "Sea"})
    >>> first, second = DerivedIds("cms").complete([event, event])
    >>> first.event_id, second.event_id == first.event_id
    ('db1e786d-...', False)
    """

    def __init__(self, source: str) -> None:
        self._begun = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
        self._begun.update(f"{source}\n".encode("utf-8", "surrogateescape"))
        self._seen = Occurrences()

    def complete(self, events: Sequence[NewEvent]) -> list[NewEvent]:
        """The next events of the source, those without an id with the one that is made for them."""
        contents = [_content(event) for event in events if event.event_id is None]
        if not contents:
            return list(events)
        digests = [self._digest(content) for content in contents]
        keys = np.frombuffer(b"".join(digest[:8] for digest in digests), np.uint64)
        ids = iter(
            _text(self._digest(b"%b\n%d" % (content, before + 1)) if before else digest)
            for content, digest, before in zip(
                contents, digests, self._seen.before(keys).tolist(), strict=True
            )
        )
        return [e if e.event_id is not None else _with_id(e, next(ids)) for e in events]

    def _digest(self, content: bytes) -> bytes:
        digest = self._begun.copy()
        digest.update(content)
        return digest.digest()


class Occurrences:
    """How often each key came before: sorted runs, eight bytes a key, merged as they grow."""

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def before(self, keys: Keys) -> npt.NDArray[np.int64]:
        """How often each of the next keys came before it, among them and among all earlier ones.

        >>> seen = Occurrences()
        >>> seen.before(np.array([7, 8, 7], np.uint64)).tolist()
        [0, 0, 1]
        >>> seen.before(np.array([8, 7], np.uint64)).tolist()
        [1, 2]
        """
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        counts = np.arange(len(keys)) - np.searchsorted(ordered, ordered)
        for run in self._runs:
            counts += np.searchsorted(run, ordered, "right") - np.searchsorted(run, ordered)
        result = np.empty(len(keys), np.int64)
        result[order] = counts
        self._add(ordered)
        return result

    def _add(self, run: Keys) -> None:
        while self._runs and len(self._runs[-1]) <= len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")
        self._runs.append(run)


def _content(event: NewEvent) -> bytes:
    """What an event says, the same however its JSON was written."""
    data: Any = event.data
    if isinstance(data, dict) and None in data.values():
        data = {name: value for name, value in data.items() if value is not None}
    said = {"data": data, "stream": event.stream, "type": event.type}
    for name in ("occurred_at", "actor", "correlation_id", "causation_id"):
        value = getattr(event, name)
        if value is not None:
            said[name] = value
    try:
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested so deep that no field can have it: it is refused anyway
        return repr(said).encode(errors="replace")


def _with_id(event: NewEvent, event_id: str) -> NewEvent:
    """The event with an id; ``dataclasses.replace`` takes three times as long."""
    return NewEvent(
        event.stream,
        event.type,
        event.data,
        event_id,
        event.occurred_at,
        event.actor,
        event.correlation_id,
        event.causation_id,
    )


def uuid5(text: str) -> str:
    """Return the UUIDv5 of a text in ``NAMESPACE``.

    >>> uuid5("a")
    '0c1d7294-e68f-5c24-be4b-8830df6998f2'
    """
    if text.isascii():
        return str(uuid_utils.uuid5(_NAMESPACE, text))
    digest = _BEGUN.copy()
    digest.update(text.encode("utf-8", "surrogatepass"))
    return _text(digest.digest())


def _text(digest: bytes) -> str:
    """The UUIDv5 of a SHA-1; ``uuid.UUID`` takes four times as long."""
    digits = digest[:16].hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
