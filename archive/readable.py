"""``Readable``: an archive of which readers may know what is public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.editable import Editable

if TYPE_CHECKING:
    from datetime import datetime

    from archive.public import PublicEvent


class Readable(Editable):
    """What readers may know of an entity's life: see ``Domain.public``.

    Each is as of ``now``: what is under embargo by then is as if it did not exist, and so is what
    was replaced while it was. ``embargoed`` tells the desk of that too.
    """

    def public_history(
        self, stream: str, *, now: datetime | None = None, embargoed: bool = False
    ) -> list[PublicEvent]:
        """List what readers may know of each event of an entity, oldest first.

        That is what it changed since the last public state, when, and its public annotations: not
        who, and not the rest. What was replaced while it was under embargo was never public, so its
        events are left out, and the first public one tells the entity as it was then. The list is
        empty for an entity that does not exist, or is under embargo. Of a removed entity
        the changes are left out, since its values were withdrawn.

        >>> import tempfile
        >>> archive = Readable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea", "reason": "Asked for"})
        >>> archive.public_history("tag/sea")[0].changes
        (PublicChange(field='name', old=None, new='Sea'),)
        """
        from archive.public import public_history

        return public_history(self.existing(), stream, now, embargoed)

    def corrections(
        self, stream: str, *, now: datetime | None = None, embargoed: bool = False
    ) -> list[PublicEvent]:
        """List the events that revise, remove or reinstate an entity, and tell readers why.

        They are of the ``public_history``, oldest first.

        >>> import tempfile
        >>> archive = Readable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "See"})
        >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Sea", "note": "Misspelt"})
        >>> [event.annotations for event in archive.corrections("tag/sea")]
        [{'note': 'Misspelt'}]
        """
        from archive.public import corrections

        return corrections(self.existing(), stream, now, embargoed)

    def withdrawal(
        self, stream: str, *, now: datetime | None = None, embargoed: bool = False
    ) -> PublicEvent | None:
        """What readers may know of the event that removed an entity.

        ``None`` for an entity that is not removed, does not exist, is under embargo, or was removed
        before it was ever public.

        >>> import tempfile
        >>> archive = Readable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.append("tag/sea", "TagRemoved", {"note": "Named twice"})
        >>> archive.withdrawal("tag/sea").annotations
        {'note': 'Named twice'}
        """
        from archive.public import withdrawal

        return withdrawal(self.existing(), stream, now, embargoed)
