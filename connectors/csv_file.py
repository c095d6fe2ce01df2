"""Import CSV files by a mapping: each line is a line of a table, as in a snapshot.

A line creates its entity; one of an entity that the log has revises it by what differs. Lines of a
child table are read all, and then become the lists of their parents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.comparing import Comparison, said
from connectors.csv_lines import CsvLine, CsvLines
from connectors.debezium.change import Change, Operation, Origin
from connectors.derived import source_name
from connectors.errors import ConnectorError, UnreadableFile
from connectors.importing import Imported, OnError, Progress, import_source
from connectors.mapping.children import ListsInMemory, ordered
from connectors.mapping.declared import Mapping, Table
from connectors.mapping.entities import EntityTable
from connectors.mapping.errors import Untranslatable
from connectors.mapping.list_tables import ListTable
from connectors.mapping.reading_tables import of_schema
from connectors.source import Source
from event_log import EventLog, InvalidEvent, NewEvent, counted


class UnknownTable(ConnectorError):
    """It cannot be told which of a mapping's tables a file is."""


@dataclass(slots=True)
class WholeList:
    """A parent's list, after all lines of its file are read; ``reason`` says if it may lack one."""

    event: NewEvent
    field: str
    reason: str | None = None


class TableFile(Source[CsvLine | WholeList]):
    """A CSV file as a source: the lines of one table."""

    def __init__(
        self, log: EventLog, path: str, mapping: Mapping, table: Table, source: str
    ) -> None:
        self._lines = CsvLines(path, mapping.csv.delimiter, mapping.csv.encoding)
        super().__init__(path, self._lines)
        self._table, self._null = table, mapping.csv.null
        self._header: list[str] = []
        self._entity = EntityTable(table) if table.stream else None
        self._lists = [ListTable(table, each) for each in table.lists]
        self._children = ListsInMemory()
        self._begins: dict[tuple[str, str], int] = {}
        """For each list, the number of the line of its first child."""
        self._lacking: dict[tuple[str, str], int] = {}
        """The lists of which a child is on a line that is bad, and the number of that line."""
        self._lost: int | None = None
        """The number of the first bad line that may be a child of any list."""
        self._log, self._name = log, source
        self._comparison: Comparison | None = None

    def parts(self) -> Iterator[tuple[int, CsvLine | WholeList]]:
        """The lines, each after the number at which it begins; after them the lists."""
        for line in self._lines:
            if self._header:
                self._keep_children(line)
                yield self._lines.number, line
            else:
                self._read_header(line)
        if not self._header:
            raise UnreadableFile(self.path, None, "is empty; its first line must name the columns")
        for each in self._lists:
            for parent in self._children.parents(each.name):
                event = NewEvent(parent, each.changed(), {each.field: self._whole(each, parent)})
                reason = self._why_not(each.name, parent)
                yield self._begins[each.name, parent], WholeList(event, each.field, reason)

    def _why_not(self, name: str, parent: str) -> str | None:
        """Why a list is left as it is: one without a child that was rejected would be too short."""
        if (number := self._lacking.get((name, parent))) is not None:
            why = f"line {number}, a child of it, is bad"
        elif self._lost is not None:
            why = f"line {self._lost} is bad, and may be a child of it"
        else:
            return None
        return f"the list of {parent} is left as it is: {why}; mend that line and import again"

    def _read_header(self, line: CsvLine) -> None:
        names = [name.strip() for name in line.values]
        if line.reason is not None:
            self._refuse(line.reason)
        for place, name in enumerate(names, 1):
            if not name:
                self._refuse(f"the header has no name for column {place}")
            if name in names[: place - 1]:
                self._refuse(f"the header has the column {name!r} twice")
        self._header = names
        shape = dict.fromkeys(names)
        try:
            if self._entity is not None:
                self._entity.lines.plan(shape, frozenset())
            for each in self._lists:
                each.check_columns(shape)
        except Untranslatable as error:
            self._refuse(f"column {error.column}: {error.reason}")

    def _refuse(self, reason: str) -> None:
        raise UnreadableFile(self.path, self._lines.number, reason)

    def events(self, part: CsvLine | WholeList) -> Sequence[NewEvent]:
        """The event that a line says; raises ``InvalidEvent`` if it says none that is valid."""
        if isinstance(part, WholeList):
            if part.reason is not None:
                raise InvalidEvent(part.field, part.reason)
            return (part.event,)
        if part.reason is not None:
            raise InvalidEvent("", part.reason)
        if len(part.values) != len(self._header):
            raise InvalidEvent(
                "",
                f"has {counted(len(part.values), 'column')}, but the header {len(self._header)}",
            )
        change = self._change(part)
        try:
            for each in self._lists:
                each.move(change)
            draft = None if self._entity is None else self._entity.whole(change)
        except Untranslatable as error:
            raise InvalidEvent(error.column or "", error.reason) from None
        if draft is None:
            return ()
        data = {name: said(value) for name, value in draft.data.items()}
        return (NewEvent(draft.stream, draft.type, data, None, draft.occurred_at, draft.actor),)

    def _change(self, line: CsvLine) -> Change:
        """The line as a snapshot would read it."""
        null = self._null
        values = [None if value == null else value for value in line.values]
        change = Change(
            self._table.name, Operation.READ, None, None, None, Origin(self.path, "", 0, 0), ""
        )
        change.after, change.snapshot = dict(zip(self._header, values, strict=False)), "true"
        return change

    def _keep_children(self, line: CsvLine) -> None:
        """Keep what a line adds to lists; one that is bad adds nothing, as ``events`` tells."""
        if not self._lists:
            return
        if line.reason is not None or len(line.values) != len(self._header):
            self._lost = self._lost or self._lines.number
            return
        change = self._change(line)
        try:
            moves = [(each.name, each.move(change)) for each in self._lists]
        except Untranslatable:
            self._note_lacking(change)
            return
        for name, move in moves:
            for key, child in move.steps(self._children, name):
                if child is not None:
                    self._children.put(name, key, child)
                    self._begins.setdefault((name, child.parent), self._lines.number)

    def _note_lacking(self, change: Change) -> None:
        """Note the lists that lack a child: those of the line's parents, or any if none is told."""
        for each in self._lists:
            try:
                for parent in each.parents(change.after or {}):
                    self._lacking.setdefault((each.name, parent), self._lines.number)
            except Untranslatable:
                self._lost = self._lost or self._lines.number

    def _whole(self, table: ListTable, parent: str) -> list[str | int]:
        return ordered(self._children.of(table.name, parent))

    def text(self, part: CsvLine | WholeList) -> bytes:
        """The line as it stands in the file."""
        return b"" if isinstance(part, WholeList) else part.text.encode(errors="surrogateescape")

    def length(self, part: CsvLine | WholeList) -> int:
        """The length of the line."""
        return 0 if isinstance(part, WholeList) else len(part.text)

    def settled(self, events: list[NewEvent]) -> list[NewEvent | None]:
        """The events with ids that are made from what they say, and only what differs of each."""
        if self._comparison is None:
            self._comparison = self._compared()
        return self._comparison.settled(events)

    def _compared(self) -> Comparison:
        revising = {each.category.name: each.changed() for each in self._lists}
        owned: list[str] = []
        if self._entity is not None:
            category, changed = self._entity.category, self._entity.types.changed
            revising |= {category.name: changed} if changed else {}
            fields = self._entity.of_lines(self._header)
            owned = [name for name in fields if name not in category.required]
        return Comparison(self._log, self._name, revising, owned)


def import_csv(
    log: EventLog,
    path: str,
    mapping: Mapping,
    on_error: OnError = "stop",
    progress: Progress | None = None,
    source: str | None = None,
    rejects: str | None = None,
    table: str | None = None,
) -> Imported:
    """Import a CSV file (``.csv``, ``.gz``, ``.zst``, or ``-`` for standard input) into a log.

    The file's first line names the columns. Which ``table`` of the mapping it is, its name without
    folder and suffix says, unless it is given or the mapping has only one. A line of an entity that
    the log has revises it by what differs, so the same file adds nothing when it is imported again.
    Lines that a ``where`` of the mapping leaves out, and those that are missing, remove nothing.

    What ``on_error``, ``progress`` and ``rejects`` mean, and which errors are raised,
    ``connectors.importing.import_source`` says; besides, ``UnknownTable``.
    """
    name = source or source_name(path)
    lines = TableFile(log, path, mapping, _table(path, mapping, table), name)
    result = import_source(log, lines, on_error, progress, rejects=rejects)
    result.source = name if result.derived else None
    return result


def _table(path: str, mapping: Mapping, name: str | None) -> Table:
    """The table that a file is; raises ``UnknownTable``."""
    tables = mapping.tables
    if name is None and len(tables) == 1:
        return next(iter(tables.values()))
    stem = source_name(path).partition(".")[0]
    wanted = of_schema(name or stem)
    if wanted not in tables:
        there = ", ".join(tables)
        raise UnknownTable(
            f"{path}: {mapping.path} has no table {wanted.removeprefix('public.')!r}; there is"
            f" {there}; name the file after one of them"
        )
    return tables[wanted]
