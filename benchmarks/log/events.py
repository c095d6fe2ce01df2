"""The event that every engine gets: an article of about 700 bytes as JSON, each with its own words.

Every stream has five events, far apart: with ``streams`` streams event n is of stream n modulo
``streams``. Which stream that is looks random, and so do the words, but all are the same in
each run.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import zip_longest

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from event_log import TEXT, Effect, EventLog, NewEvent
from newsroom.categories import ARTICLE
from newsroom.vocabulary import vocabulary

EACH = 5
"""Events of a stream."""
CREATES, REVISES = (
    next(kind.name for kind in ARTICLE.types if kind.effect is effect)
    for effect in (Effect.CREATES, Effect.REVISES)
)
PUBLISHED = 1_700_000_000_000_000
BEYOND = 1_000_000_000
"""The number of an event that no log here comes to."""
DRAWN = 1 << 18
"""How many words are drawn in advance; texts pick among them, which is fast."""
HEADLINE_WORDS, ABSTRACT_WORDS, BODY_WORDS = 7, 12, 26
SECTIONS = pa.array([f"section/{number}" for number in range(40)])


def opened(location: object) -> EventLog:
    """A log for these events."""
    return EventLog(str(location), (ARTICLE,))


def table(first: int, count: int, streams: int) -> pa.Table:
    """Events number ``first`` and following, as ``append_many`` takes them."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    chance = np.random.default_rng(first)
    names = _names("article/", numbers % np.uint64(streams))
    types = np.where(numbers < streams, CREATES, REVISES)
    moments = pa.array((PUBLISHED + numbers * 60_000_000).astype(np.int64))
    urls = pc.binary_join_element_wise("https://www.example.org/", names, "")
    fields = {
        "headline": _words(chance, count, HEADLINE_WORDS),
        "abstract": _words(chance, count, ABSTRACT_WORDS),
        "body": _words(chance, count, BODY_WORDS).cast(TEXT),
        "url": urls,
        "published_at": moments.cast(ARTICLE.struct.field("published_at").type),
        "section_id": SECTIONS.take(pa.array(chance.integers(0, len(SECTIONS), count))),
        "byline_ids": _lists(chance, "byline/", count, 1, 5_000),
        "tag_ids": _lists(chance, "tag/", count, 2, 20_000),
        "language": pa.repeat("en", count),
        "word_count": pa.array(chance.integers(100, 2_000, count)),
    }
    data = pa.StructArray.from_arrays([*fields.values()], [*fields])
    return pa.table({"stream": names, "type": pa.array(types, pa.string()), "article": data})


def tables(count: int, size: int, streams: int | None = None) -> Iterator[pa.Table]:
    """Events in tables of a size."""
    streams = streams or max(count // EACH, 1)
    for first in range(0, count, size):
        yield table(first, min(size, count - first), streams)


def objects(count: int, first: int = 0) -> list[NewEvent]:
    """Events as objects, each the first of its stream."""
    return new_events(table(first, count, first + count))


def as_json(count: int) -> list[tuple[str, str, int, bytes]]:
    """Events as the peers get them: their stream, type and version, and their data as JSON."""
    streams = max(count // EACH, 1)
    found: list[tuple[str, str, int, bytes]] = []
    for events in tables(count, 100_000):
        for event in events.to_pylist():
            data = orjson.dumps(event["article"])
            found.append((event["stream"], event["type"], 1 + len(found) // streams, data))
    return found


def stream_of(number: int) -> str:
    """The name of a stream."""
    name: str = _names("article/", np.array([number], np.uint64))[0].as_py()
    return name


def new_events(events: pa.Table) -> list[NewEvent]:
    """The same as objects."""
    return [
        NewEvent(event["stream"], event["type"], event["article"]) for event in events.to_pylist()
    ]


def _names(prefix: str, numbers: np.ndarray) -> pa.Array:
    """A name for each number, that looks random: SplitMix64 in 16 hexadecimal digits."""
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    octets = mixed.astype(">u8").view(np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    both = np.stack([digits[octets >> 4], digits[octets & 15]], axis=1).reshape(-1, 16)
    start = np.frombuffer(prefix.encode(), np.uint8)
    whole = np.concatenate([np.broadcast_to(start, (len(both), len(start))), both], axis=1)
    offsets = np.arange(0, whole.size + 1, whole.shape[1], dtype=np.int32)
    data = pa.py_buffer(np.ascontiguousarray(whole))
    return pa.StringArray.from_buffers(len(both), pa.py_buffer(offsets), data)


def _lists(chance: np.random.Generator, prefix: str, count: int, each: int, many: int) -> pa.Array:
    """Lists of names, some of them in many events."""
    chosen = (many * chance.random(count * each) ** 3).astype(np.uint64)
    offsets = pa.array(np.arange(0, len(chosen) + 1, each, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, _names(prefix, chosen))


@cache
def _drawn() -> pa.Array:
    """Words as they come in texts: the frequent ones often, after Zipf's law."""
    kinds = vocabulary()
    lists = (kinds.nouns, kinds.verbs, kinds.adjectives, kinds.plurals, kinds.places)
    words = [word for drawn in zip_longest(*lists) for word in drawn if word]
    often = 1 / np.arange(5, len(words) + 5)
    drawn = np.random.default_rng(1).choice(len(words), DRAWN, p=often / often.sum())
    return pa.array(words, pa.string()).take(pa.array(drawn))


def _words(chance: np.random.Generator, count: int, each: int) -> pa.Array:
    """Texts of so many words."""
    chosen = pa.array(chance.integers(0, DRAWN, count * each, np.int32))
    offsets = pa.array(np.arange(0, count * each + 1, each, dtype=np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(offsets, _drawn().take(chosen)), " ")
