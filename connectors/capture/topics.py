"""What must hold of the topics and the mapping before reading goes on, so that nothing is lost.

The log keeps one position for a partition, by the topic's id. So a topic that was made again is
another topic, and what one mapping has read of a topic no other mapping would ever see.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from connectors.capture.kept import Kept
from connectors.capture.source import Partition, SourceError
from connectors.mapping.declared import Mapping as TableMapping

BEGIN_AGAIN = "To read it from where it begins now, add --begin-again; then let Debezium take a snapshot, which shows what was missed"  # noqa: E501


class Replaced(SourceError):
    """A topic was deleted and made again, or does not hold any more where reading was to go on."""


class ReadByAnother(SourceError):
    """Another mapping reads the topic into this log, and the position is its own."""


def check_topics(kept: Kept, partitions: Iterable[Partition], begin_again: bool) -> None:
    """Raise ``Replaced`` or ``ReadByAnother`` for topics that are not to be read; keep their ids.

    With ``begin_again`` a topic that was made again takes the place of the one before.
    """
    known = kept.topic_ids()
    now = {each.topic: each.topic_id for each in partitions}
    for topic, topic_id in now.items():
        if known.get(topic, topic_id) != topic_id and not begin_again:
            raise Replaced(
                f"the topic {topic} was deleted and made again (its id was {known[topic]}, and"
                f" is {topic_id}); what the old one had last may not have been read."
                f" {BEGIN_AGAIN}"
            )
    if known != now:
        _check_others(kept, now)
        kept.know_topics(now)


def tell_new_tables(kept: Kept, mapping: TableMapping, tell: Callable[[str], None]) -> None:
    """Say which tables the mapping has not had before: what lies before the position is passed."""
    known, now = kept.tables(), sorted(mapping.tables)
    new = [table for table in now if table not in known]
    if known and new and any(kept.reached.values()):
        tell(
            f"the mapping has {', '.join(new)} now, which it had not before: lines that came before"
            " are not read again. Let Debezium take a snapshot of them, which shows them all"
        )
    if now != known:
        kept.know_tables(now)


def is_in_order(partitions: Sequence[Partition], tell: Callable[[str], None]) -> bool:
    """Whether all changes come in one order, so that transactions can be whole; says if not."""
    if len(partitions) > 1:
        tell(
            f"the topic {partitions[0].topic} has {len(partitions)} partitions, so a transaction"
            " may come in several commits, and changes of different lines in another order than"
            " they were made; where that matters, let Debezium write to a topic of one partition."
            " If it may be so, say transactions: false in the mapping"
        )
    return len(partitions) == 1


def _check_others(kept: Kept, topics: Mapping[str, str]) -> None:
    own = kept.path.name
    for path in sorted(kept.beside.glob("*.sqlite")):
        if path.name == own:
            continue
        read = _ids_in(path)
        for topic, topic_id in topics.items():
            if topic_id in read:
                raise ReadByAnother(
                    f"the topic {topic} is read into this log by another mapping, of the source"
                    f" {path.stem}. Each topic has one position, so this one would never see what"
                    f" that one has read. Put all tables into one mapping; if this mapping takes"
                    f" the place of that one, write source: {path.stem} in it"
                )


def _ids_in(path: Path) -> set[str]:
    """The ids of the topics that another connector reads; none if its file is not one."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as other:
            return {topic_id for (topic_id,) in other.execute("SELECT topic_id FROM topic")}
    except sqlite3.DatabaseError:
        return set()
