"""What was appended together: the events of one correlation id, counted without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from event_log import EventLog


@dataclass(frozen=True)
class Group:
    """The events of one correlation id."""

    events: int
    entities: Mapping[str, int]
    """By category, how many entities they changed."""


def group_of(log: EventLog, correlation_id: str) -> Group:
    """Count the events of a correlation id, and the entities that they are of.

    >>> from event_log import EventLog, NewEvent
    >>> from newsroom import DOMAIN
    >>> import tempfile
    >>> log = EventLog(tempfile.mkdtemp(), DOMAIN.categories)
    >>> names = {"type": "TagDefined", "data": {"name": "Sea"}, "correlation_id": "both"}
    >>> _ = log.append([NewEvent(stream, **names) for stream in ("tag/sea", "tag/bay")])
    >>> group_of(log, "both")
    Group(events=2, entities={'tag': 2})
    """
    places = [
        found
        for batch in log.scan(["sequence", "correlation_id"])
        if len(found := batch.filter(pc.equal(batch["correlation_id"], correlation_id))["sequence"])
    ]
    if not places:
        return Group(0, {})
    first, last = places[0][0].as_py(), places[-1][-1].as_py()
    wanted = pa.concat_arrays(places)
    streams: dict[str, str] = {}
    for batch in log.at(last).scan(["sequence", "stream", "category"], after=first - 1):
        those = batch.filter(pc.is_in(batch["sequence"], wanted))
        streams |= dict(zip(*(those[n].to_pylist() for n in ("stream", "category")), strict=True))
    return Group(len(wanted), dict(Counter(streams.values())))
