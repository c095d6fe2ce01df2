"""What is known of the streams that changes touch: whether their entities are live, their fields.

It is looked up for all changes of a round at once, and remembered. What others append meanwhile is
forgotten here, and looked up again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, MutableMapping
from typing import Any

from connectors.mapping.translation import Known
from event_log import EventLog, Receipt
from replay import live_among, read_entities

MOST = 200_000
"""The streams that are remembered."""


class KnownStreams(MutableMapping[str, Known]):
    """What is known of the streams of a log; one that is missing has no events."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[str, Known | None] = {}
        self._with_fields: set[str] = set()
        """Those whose fields are known, until they are in the log: texts take much memory."""
        self._head = log.head

    def look_up(self, streams: Collection[str], fields: bool = False) -> None:
        """Look up those streams that are not known; with ``fields`` also what their fields are."""
        known = self._known
        missing = [stream for stream in streams if stream not in known]
        if fields:
            missing += [each for each in streams if (was := known.get(each)) and was.fields is None]
        if not missing:
            return
        versions = self._log.versions(missing)
        begun = [stream for stream, version in versions.items() if version]
        self._known.update(dict.fromkeys(missing))
        if fields:
            for stream, entity in read_entities(self._log, begun).items():
                self[stream] = Known(entity.live, entity.fields)
        else:
            for stream, is_live in live_among(self._log, begun).items():
                self._known[stream] = Known(is_live)

    def catch_up(self) -> None:
        """Forget the streams of events that somebody else appended, or all when they are many.

        A round has begun then, and has changed nothing: what it changes is in no log yet.
        """
        head = self._log.head
        if head - self._head > MOST or len(self._known) > MOST:
            self._known.clear()
        elif head > self._head:
            for batch in self._log.scan(["stream"], after=self._head):
                for stream in batch.column("stream").to_pylist():
                    self._known.pop(stream, None)
        self._head = head

    def appended(self, receipt: Receipt) -> None:
        """Note the round's own events: what they did is known."""
        if receipt.added and receipt.last - receipt.added == self._head:
            self._head = receipt.last
        for stream in self._with_fields:
            known = self._known.get(stream)
            if known is not None:
                known.fields = None
        self._with_fields.clear()

    def forget(self) -> None:
        """Forget all: it was changed by a round that does not count."""
        self._known.clear()

    def __getitem__(self, stream: str) -> Known:
        if stream not in self._known:
            self.look_up([stream])
        known = self._known[stream]
        if known is None:
            raise KeyError(stream)
        return known

    def get(self, stream: str, default: Any = None) -> Any:
        """Return what is known of a stream; the inherited ``get`` takes longer for a new one."""
        if stream not in self._known:
            self.look_up([stream])
        known = self._known[stream]
        return default if known is None else known

    def __setitem__(self, stream: str, known: Known) -> None:
        self._known[stream] = known
        if known.fields is not None:
            self._with_fields.add(stream)

    def __delitem__(self, stream: str) -> None:
        self._known[stream] = None

    def __iter__(self) -> Iterator[str]:
        return (stream for stream, known in self._known.items() if known is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
