"""``Readable``: an archive of which readers may know what is public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.editable import Editable

if TYPE_CHECKING:
    from datetime import datetime

    from archive.public import PublicEvent


class Readable(Editable):
    """What readers may know of an entity's life: see ``Domain.public``.

    Each is as of ``now``: what is under embargo by then is as if it did not exist.
    """

    def public_history(self, stream: str, *, now: datetime | None = None) -> list[PublicEvent]:
        """List what readers may know of each event of an entity, oldest first.

        That is what it changed, when, and its public annotations: not who, and not the rest. The
        list is empty for an entity that does not exist, or is under embargo. Of a removed entity
        the changes are left out, since its values were withdrawn.

        >>> import tempfile
        >>> archive = Readable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea", "reason": "Asked for"})
        >>> archive.public_history("tag/sea")[0].changes
        (PublicChange(field='name', old=None, new='Sea'),)
        """
        from archive.public import public_history

        return public_history(self.existing(), stream, now)

    def corrections(self, stream: str, *, now: datetime | None = None) -> list[PublicEvent]:
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

        return corrections(self.existing(), stream, now)

    def withdrawal(self, stream: str, *, now: datetime | None = None) -> PublicEvent | None:
        """What readers may know of the event that removed an entity.

        ``None`` for an entity that is not removed, does not exist, or is under embargo.

        >>> import tempfile
        >>> archive = Readable(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.append("tag/sea", "TagRemoved", {"note": "Named twice"})
        >>> archive.withdrawal("tag/sea").annotations
        {'note': 'Named twice'}
        """
        from archive.public import withdrawal

        return withdrawal(self.existing(), stream, now)
