"""``Editable``: an archive to which editors append events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archive import domains
from archive.opened import Opened

if TYPE_CHECKING:
    from archive.merge import Merged, MergePreview
    from archive.preview import Preview
    from archive.progress import Tell
    from archive.revert_all import UndoPreview
    from archive.together import Group
    from event_log import InvalidEvent, NewEvent, Receipt
    from replay import Entity


class Editable(Opened):
    """The editing of an archive: every event is validated before it is appended."""

    def append(
        self,
        stream: str,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        expected_version: int | None = None,
        event_id: str | None = None,
        occurred_at: Any = None,
        actor: str | None = None,
        force: bool = False,
    ) -> Receipt:
        """Append an editor's event, after validating it against its entity's current state.

        ``data`` has the fields that the event sets. The others stay as they are, and so does one
        whose value is ``None``. To empty fields, name them: ``{"cleared": ["room"]}``. It also has
        the event's annotations, such as ``{"reason": "..."}``.

        With ``expected_version`` the event is refused if its stream is at another version. Without
        one, an event of another editor that comes between is no conflict: this one is validated
        again, and appended after it. If the log has the ``event_id`` already, nothing is appended,
        and the receipt of the first append is returned. A revision that changes nothing, and has no
        annotation, is not appended either, unless ``force`` is set: the receipt is that of the
        stream's last event, and its ``added`` is 0.

        Raises ``Refused`` for an event that contradicts the current state (it revises what does
        not exist), ``WrongExpectedVersion``, and the errors of ``EventLog.append``. In each case
        nothing was appended.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> archive.append("tag/sea", "TagRevised", {"name": "Sea"})
        Traceback (most recent call last):
        replay.errors.Refused: tag/sea does not exist; TagDefined comes first
        """
        from archive.edit import append
        from event_log import NewEvent

        event = NewEvent(stream, type, dict(data or {}), event_id, occurred_at, actor)
        return append(self, event, expected_version, force)

    def append_all(
        self,
        events: Sequence[NewEvent],
        *,
        expected_version: int | None = None,
        force: bool = False,
    ) -> Receipt:
        """Append an editor's events together or not at all, each validated as ``append`` does.

        Each is validated as if those before it had been appended already. ``expected_version`` is
        that of the first event's stream, and ``force`` is as for ``append``. Raises
        ``RefusedInBatch``, which says which event is refused and why, and what ``append`` raises.

        >>> import tempfile
        >>> from event_log import NewEvent
        >>> archive = Editable(tempfile.mkdtemp())
        >>> sea = NewEvent("section/sea", "SectionOpened", {"name": "Sea"})
        >>> bay = {"name": "Bay", "parent_id": "section/sea"}
        >>> archive.append_all([sea, NewEvent("section/bay", "SectionOpened", bay)]).added
        2
        """
        from archive.edit import append_all

        return append_all(self, events, expected_version, force)

    def check(self, event: NewEvent) -> None:
        """Validate an editor's event as ``append`` does, without appending it; raises its errors.

        >>> import tempfile
        >>> from event_log import NewEvent
        >>> Editable(tempfile.mkdtemp()).check(NewEvent("tag/sea", "TagDefined", {"name": " "}))
        Traceback (most recent call last):
        replay.errors.Refused: data.name: is empty; tag needs a name
        """
        from archive.edit import check

        check(self, event)

    def mistakes(self, events: Sequence[NewEvent]) -> list[InvalidEvent]:
        """All that is wrong with the fields of the last of some events, after the others.

        ``append_all`` raises for the first of it.

        >>> import tempfile
        >>> from event_log import NewEvent
        >>> wrong = NewEvent("tag/sea", "TagDefined", {"name": " ", "kind": "colour", "colour": 1})
        >>> [each.field for each in Editable(tempfile.mkdtemp()).mistakes([wrong])]
        ['data.colour', 'data.name', 'data.kind']
        """
        from archive.mistakes import mistakes

        return mistakes(self, events)

    def entity(self, stream: str, version: int | None = None) -> Entity:
        """The state of an entity, now or at a version; raises ``Refused`` where there is none.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
        >>> archive.entity("tag/sea").fields, archive.entity("tag/sea", 1).fields
        ({'name': 'Ocean'}, {'name': 'Sea'})
        """
        from archive.revert import entity_at

        return entity_at(self, stream, version)

    def restore(
        self,
        stream: str,
        version: int,
        *,
        actor: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        before: Callable[[Sequence[NewEvent]], None] | None = None,
    ) -> Receipt:
        """Append the events that make an entity what it was at a version.

        The first of them carries the ``annotations``. ``before`` is called with them before they
        are appended, and may raise to stop that.
        Raises ``Refused`` when the stream has no such version, or is so already.
        """
        from archive.revert import restore

        return restore(self, stream, version, actor, annotations, before)

    def undo(
        self,
        sequence: int,
        *,
        actor: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        before: Callable[[Sequence[NewEvent]], None] | None = None,
    ) -> Receipt:
        """Append the events that take back what one event changed, and nothing else.

        The first of them carries the ``annotations``. ``before`` is called with them before they
        are appended, and may raise to stop that.
        Raises ``Refused`` when a later event changed the same again, when the log has no such
        event, and when it changed nothing.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea", "kind": "place"})
        >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
        >>> _ = archive.append("tag/sea", "TagRevised", {"kind": "subject"})
        >>> archive.undo(2).last, archive.entity("tag/sea").fields
        (4, {'name': 'Sea', 'kind': 'subject'})
        """
        from archive.revert import undo

        return undo(self, sequence, actor, annotations, before)

    def undo_all(
        self,
        correlation_id: str,
        *,
        actor: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        before: Callable[[UndoPreview], None] | None = None,
    ) -> Receipt:
        """Append together the events that take back all events of a correlation id.

        The first of them carries the ``annotations``. ``before`` is called with what will change
        before anything is appended, and may raise to stop that. What was taken back already stays
        so. Raises ``Refused`` when another event changed the same again, which is named, and when
        there is nothing to take back.
        """
        from archive.revert_all import undo_all

        return undo_all(self.existing(), correlation_id, actor, annotations, before)

    def undo_preview(self, correlation_id: str) -> UndoPreview:
        """What ``undo_all`` would change; it raises what that raises, and appends nothing."""
        from archive.revert_all import undo_preview

        return undo_preview(self.existing(), correlation_id)

    def group(self, correlation_id: str) -> Group:
        """How many events have a correlation id, and how many entities they are of."""
        from archive.together import group_of

        return group_of(self.log, correlation_id)

    def merge(
        self,
        kept: str,
        merged: str,
        *,
        actor: str | None = None,
        annotations: Mapping[str, Any] | None = None,
        before: Callable[[MergePreview], None] | None = None,
    ) -> Merged:
        """Let what refers to one entity refer to another of its category, and remove the one.

        Where the category has a field ``aliases``, the title and the aliases of ``merged`` become
        aliases of ``kept``. All is one append with one correlation id: ``undo_all`` takes it back.
        The event that removes ``merged`` carries the ``annotations``. ``before`` is called with
        what will change before anything is appended, and may raise to stop that. Raises
        ``Refused``, and the errors of ``EventLog.append``.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.append("tag/seas", "TagDefined", {"name": "Seas"})
        >>> merged = archive.merge("tag/sea", "tag/seas")
        >>> archive.entity("tag/sea").fields["aliases"], archive.entity("tag/seas").live
        (['Seas'], False)
        >>> archive.undo_all(merged.correlation_id).added, archive.entity("tag/seas").live
        (2, True)
        """
        from archive.merge import merge

        return merge(self.existing(), kept, merged, actor, annotations, before)

    def merge_preview(self, kept: str, merged: str) -> MergePreview:
        """What ``merge`` would change; it raises what that raises, and appends nothing."""
        from archive.merge import merge_preview

        return merge_preview(self.existing(), kept, merged)

    def used_by(
        self, streams: str | Sequence[str], supposing: Sequence[NewEvent] = ()
    ) -> dict[str, dict[str, int]]:
        """Count the live entities that refer to each of these entities, by their category.

        They are counted as they will be after the events ``supposing``, which are not appended.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> _ = archive.append("section/sea", "SectionOpened", {"name": "Sea"})
        >>> bay = {"name": "Bay", "parent_id": "section/sea"}
        >>> _ = archive.append("section/bay", "SectionOpened", bay)
        >>> archive.used_by(["section/sea", "section/bay"])
        {'section/sea': {'section': 1}, 'section/bay': {}}
        """
        from archive.references import used_by

        named = [streams] if isinstance(streams, str) else streams
        return used_by(self.existing(), named, supposing)

    def remember_domain(self) -> None:
        """Write the domain's name into the archive.

        ``append`` calls it. A program that writes to ``log`` directly, as an import does, calls it
        before. Raises ``WrongDomain`` when the archive belongs to another domain.
        """
        domains.remember(self.home, self.domain)

    def preview(
        self,
        stream: str,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        occurred_at: Any = None,
        actor: str | None = None,
        tell: Tell | None = None,
    ) -> Preview:
        """Count the documents of each view that an event would change; nothing is appended.

        The event is given as to ``append``, whose errors are raised. ``tell`` is called with a line
        when it takes long.

        >>> import tempfile
        >>> archive = Editable(tempfile.mkdtemp())
        >>> sorted(archive.preview("tag/sea", "TagDefined", {"name": "Sea"}).documents)
        ['history', 'topics']
        """
        from archive.preview import preview
        from event_log import NewEvent

        event = NewEvent(stream, type, dict(data or {}), None, occurred_at, actor)
        self.check(event)
        return preview(self.existing(), event, tell)
