"""Waiting for a source: while it is away, and for topics that are not there yet.

A topic that was read and is not there any more was deleted: it is waited for only a little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from connectors.capture.kept import Kept
from connectors.capture.source import SourceAway, SourceError, TopicMissing
from connectors.capture.topics import BEGIN_AGAIN, Replaced
from connectors.mapping.declared import Mapping

AGAIN_SECONDS = 1.0
"""Between two questions to a broker that is away."""
DELETED_SECONDS = 30.0
"""So long a topic that was read is waited for: a broker that begins may not know it yet."""


class Waiting:
    """Asks a source until it answers; says once that it does not, and once that it does again."""

    def __init__(
        self,
        mapping: Mapping,
        kept: Kept,
        tell: Callable[[str], None],
        is_stopping: Callable[[], bool],
    ) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        """What is to be done while it waits."""
        self._mapping, self._kept, self._tell = mapping, kept, tell
        self._is_stopping = is_stopping
        self.away = ""
        """Why the source does not answer; empty when it does."""
        self._deleted_since: float | None = None

    def for_answer(self, ask: Callable[[], Any], must_be: bool = False) -> Any:
        """Return the answer of the source, however long it is away; nothing when it is to stop.

        Raises ``SourceError`` for a topic that is not there, where it ``must_be``, and ``Replaced``
        for one that was read and has been deleted.
        """
        while not self._is_stopping():
            try:
                answer = ask()
            except TopicMissing as error:
                known = self._kept.topic_ids().get(error.topic)
                if known is not None:
                    self._wait_for_deleted(error.topic, known, at_once=must_be)
                elif must_be:
                    raise SourceError(f"{error}; see topics in {self._mapping.path}") from None
                else:
                    self._note(f"{error} yet")
            except SourceAway as error:
                self._note(str(error))
            else:
                self._note("")
                self._deleted_since = None
                return answer
            self._pause(AGAIN_SECONDS)
        return {}

    def _wait_for_deleted(self, topic: str, topic_id: str, at_once: bool) -> None:
        now = time.monotonic()
        self._deleted_since = self._deleted_since or now
        if at_once or now - self._deleted_since >= DELETED_SECONDS:
            raise Replaced(
                f"the topic {topic} was deleted (its id was {topic_id}), so nothing comes of it any"
                " more; what it had last may not have been read. Let Debezium make it again, or"
                f" correct topics in {self._mapping.path}. {BEGIN_AGAIN}"
            )
        self._note(f"the topic {topic} is not there any more, as if it was deleted")

    def _note(self, why: str) -> None:
        if why and not self.away:
            self._tell(f"{why}; waiting")
        elif not why and self.away:
            self._tell("the source answers again")
        self.away = why

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_stopping() and time.monotonic() < until:
            self.meanwhile()
            time.sleep(0.05)
