"""Where caches lie: beside what they are made from, or in the user's cache folder.

Reading needs no permission to write. What a reader computes goes beside the archive where this
process may write there, so that others use it too; where it may not, below ``STET_CACHE``, else
``$XDG_CACHE_HOME/stet`` or ``~/.cache/stet``.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from event_log import settings


def may_write(folder: Path) -> bool:
    """Return whether this process may make files in a folder; no file is made to find out.

    >>> import tempfile
    >>> may_write(Path(tempfile.mkdtemp())), may_write(Path("/no/such/folder"))
    (True, False)
    """
    return os.access(folder, os.W_OK | os.X_OK)


def user_cache(*identity: str) -> Path:
    """Return this user's cache folder for what these texts identify; it need not exist."""
    content = "\n".join(identity).encode(errors="surrogateescape")
    folder = hashlib.sha256(content).hexdigest()[:16]
    if own := settings.text("STET_CACHE"):
        return Path(own).absolute() / folder
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches).absolute() / "stet" / folder


def place_to_cache(folder: Path, own: bool = True) -> Path:
    """Return the folder, if this process may write there, else the user's cache folder for it.

    A folder that does not exist, or is not the reader's ``own``, is none to write to.

    >>> place_to_cache(Path("/proc/1")).parent == user_cache("").parent
    True
    """
    return folder if own and may_write(folder) else user_cache(os.path.realpath(folder))
