"""Where the kept state lies: beside the builds, unless DuckDB cannot open a database there.

DuckDB resolves links and takes a ``?`` in the path of a database for the beginning of options: its
write-ahead log would be in another folder. Nor does it open one at a path that is not UTF-8.
"""

from __future__ import annotations

import os
from pathlib import Path

from event_log import user_cache
from replay.errors import NotWritten


def place_of_state(builds: Path) -> Path:
    """The folder for the kept state of an archive with this folder of builds.

    >>> place_of_state(Path("/srv/archive/views"))
    PosixPath('/srv/archive/views')
    >>> place_of_state(Path("/srv/why?/views")).parent == user_cache("").parent
    True
    """
    if _opens(builds):
        return builds
    place = user_cache("state", os.path.realpath(builds))
    if not _opens(place):
        raise NotWritten(
            f"DuckDB opens no database in {builds}, nor in {place}: there is a ? or a byte that is"
            " not UTF-8 in the path; set STET_CACHE to another folder"
        )
    return place


def _opens(folder: Path) -> bool:
    path = os.path.realpath(folder)
    return "?" not in path and os.fsencode(path).decode(errors="ignore") == path
