"""The current state of many streams: one pass over the log instead of a query for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from event_log import Effect, EventLog
from replay.rules import Entity, read_entity

Wanted = Callable[[pa.Array], pa.Array]
EVENTS_A_LOOK_UP = 8_000
"""So many events are scanned in the time in which one stream is looked up."""


def read_entities(log: EventLog, streams: Collection[str]) -> dict[str, Entity]:
    """Fold the events of streams into their current states; those without events are left out.

    >>> import tempfile
    >>> from event_log import Category, EventType, NewEvent
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> _ = log.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea"})])
    >>> [entity.fields for entity in read_entities(log, ["tag/sea", "tag/sky"]).values()]
    [{'name': 'Sea'}]
    """
    snapshot = log.at()
    if len(streams) * EVENTS_A_LOOK_UP <= snapshot.sequence:
        found = (read_entity(log, stream) for stream in streams)
        return {entity.stream: entity for entity in found if entity.version}
    entities: dict[str, Entity] = {}
    for category, names in _by_category(log, streams).items():
        for event in snapshot.read(stream=names, category=category):
            entity = entities.setdefault(event.stream, Entity(event.stream))
            entity.apply(event, log.registry)
    return entities


def live_among(log: EventLog, streams: Collection[str]) -> dict[str, bool]:
    """Whether the entities of streams are live; those without events are left out.

    >>> import tempfile
    >>> from event_log import Category, EventType, NewEvent
    >>> tag = Category("tag", pa.schema([("name", pa.string())]),
    ...                (EventType("TagDefined", Effect.CREATES, ("name",)),))
    >>> log = EventLog(tempfile.mkdtemp(), (tag,))
    >>> _ = log.append([NewEvent("tag/sea", "TagDefined", {"name": "Sea"})])
    >>> live_among(log, ["tag/sea", "tag/sky"])
    {'tag/sea': True}
    """
    if len(streams) * EVENTS_A_LOOK_UP <= log.head:
        found = (read_entity(log, stream) for stream in streams)
        return {entity.stream: entity.live for entity in found if entity.version}
    live: dict[str, bool] = {}
    for category, names in _by_category(log, streams).items():
        wanted = pa.array(names, pa.string())
        _fold_life(log, category, live, partial(pc.is_in, value_set=wanted))
    return live


def live_beginning(log: EventLog, prefix: str) -> Iterator[str]:
    """The live streams whose names begin so, such as ``article/``."""
    live: dict[str, bool] = {}
    category = prefix.partition("/")[0]
    if category in log.registry:
        _fold_life(log, category, live, lambda column: pc.starts_with(column, prefix))
    return (stream for stream, is_live in live.items() if is_live)


def _by_category(log: EventLog, streams: Collection[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for stream in streams:
        category = stream.partition("/")[0]
        if category in log.registry:
            names.setdefault(category, []).append(stream)
    return names


def _fold_life(log: EventLog, category: str, live: dict[str, bool], is_wanted: Wanted) -> None:
    """Fold what the events of a category do to the life of their entities."""
    effects = {name: kind.effect for name, kind in log.registry.event_types.items()}
    for batch in log.scan(["stream", "type"], categories=[category]):
        few = batch.filter(is_wanted(batch.column("stream")))
        streams, types = few.column("stream").to_pylist(), few.column("type").to_pylist()
        for stream, type_name in zip(streams, types, strict=True):
            effect = effects[type_name]
            if effect is Effect.REVISES:
                live.setdefault(stream, False)
            else:
                live[stream] = effect is not Effect.REMOVES
