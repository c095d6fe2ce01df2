"""``Places``: where the files of an archive lie, and where reading puts what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from archive.errors import NoArchive
from archive.place import is_archive, is_url, local_folder
from event_log import place_to_cache, settings

if TYPE_CHECKING:
    from search import DeadLetters


class Places:
    """The folders and files of the archive at ``home``, a folder or a URL.

    >>> Places("/srv/archive").builds
    PosixPath('/srv/archive/views')
    """

    def __init__(self, home: Path | str) -> None:
        self.home = str(home)
        settings.open_home(self.home)
        self.folder = local_folder(home).absolute()
        """The folder on this machine for all that is computed from the log."""

    def existing(self) -> Self:
        """The archive itself; raises ``NoArchive`` when its folder does not exist.

        >>> Places("/no/such/archive").existing()
        Traceback (most recent call last):
        archive.errors.NoArchive: there is no archive at /no/such/archive: no such folder; ...
        """
        if not is_url(self.home) and not self.folder.is_dir():
            raise NoArchive(
                f"there is no archive at {self.home}: no such folder; give its folder with --home"
                " or STET_HOME, or begin one there with: stet import"
            )
        return self

    @property
    def builds(self) -> Path:
        """The folder of the builds (documents as Parquet files) and of the kept state."""
        return self.folder / "views"

    @property
    def scratch(self) -> Path:
        """The folder for what reading computes: the archive's own, where this process may write.

        Else it is below ``STET_CACHE``, or ``~/.cache/stet``. A folder that is no archive is never
        written to by reading.
        """
        return place_to_cache(self.folder, is_archive(self.home))

    @property
    def scratch_builds(self) -> Path:
        """The folder for the documents that reading computes."""
        return self.scratch / "views"

    @property
    def state_path(self) -> Path:
        """The file of the kept state."""
        from replay import STATE_FILE, place_of_state

        return place_of_state(self.builds) / STATE_FILE

    @property
    def state_lock(self) -> Path:
        """The file that is locked by who advances the kept state."""
        return self.builds / "state.lock"

    @property
    def dead_letters(self) -> DeadLetters:
        """The documents that an engine refused to index, with its reasons."""
        from search import DeadLetters

        return DeadLetters(self.folder)
