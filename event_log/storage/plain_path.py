"""Plain paths: a file's path as engines take it that read more in a path than a name.

DuckDB takes a path for a pattern (``*``, ``?``, ``[``), for a table's partitions (``id=5``), for a
URL with options (``?``), and for UTF-8; tantivy and Arrow take it for UTF-8. A folder may have any
name. So an engine never gets a path with such a character: it gets one through a link to the
folder, in a temporary folder of this process.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

from event_log.storage.store import StoreError

PLAIN = re.compile(r"[\w./ -]+")
"""The paths that mean themselves to every engine; a byte that is no UTF-8 is no ``\\w``."""
PARTITIONED = re.compile(r"[\w./ =-]+")
"""Those that mean themselves to engines that are told to read no partitions from them."""
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a folder of our own is made there
"""Where links may lie, if the usual temporary folder has no plain path itself."""
_links: dict[str, str] = {}
"""By folder, the link to it."""
_folder: tuple[int, str] | None = None
"""The process, and its folder of links."""
_lock = threading.Lock()


def plain_path(path: Path | str, partitioned: bool = False) -> str:
    """Return an absolute path of the same file that engines take as it is; see above.

    The file need not exist. With ``partitioned`` the engine reads no partitions from a path, so
    that ``=`` may stand in it. The result is good as long as this process runs; it is for engines,
    never for messages. Raises ``StoreError`` when no link can be made.

    >>> plain_path("/srv/archive/views/state.duckdb")
    '/srv/archive/views/state.duckdb'
    """
    plain = PARTITIONED if partitioned else PLAIN
    whole = str(Path(path).absolute())
    if "/../" in whole:  # DuckDB takes it away with the name before, which may be a link
        whole = os.path.realpath(whole)
    if plain.fullmatch(whole):
        return whole
    parts = whole.split("/")
    # The link is to the last folder with an odd name: so there are few links for many files.
    odd = max(place for place, part in enumerate(parts) if part and not plain.fullmatch(part))
    if odd == len(parts) - 1:
        raise StoreError(f"{whole!r} has a name that no engine takes; rename it")
    return "/".join((_link("/".join(parts[: odd + 1])), *parts[odd + 1 :]))


def _link(folder: str) -> str:
    global _folder
    with _lock:
        if _folder is None or _folder[0] != os.getpid():
            _folder = os.getpid(), _begin()
            _links.clear()
        link = _links.setdefault(folder, f"{_folder[1]}/{len(_links)}")
        if not Path(link).is_symlink():  # also when something tidied up
            Path(link).parent.mkdir(mode=0o700, exist_ok=True)
            Path(link).symlink_to(folder)
        return link


def _begin() -> str:
    """Make this process's folder of links, which is removed when it ends."""
    usual = tempfile.gettempdir()
    for place in (usual, *TEMPORARY):
        if PLAIN.fullmatch(place) and os.access(place, os.W_OK):
            folder = tempfile.mkdtemp(prefix="stet-links-", dir=place)
            atexit.register(_end, os.getpid(), folder)
            return folder
    raise StoreError(f"cannot make a link in {usual!r}; set TMPDIR to a folder with a plain name")


def _end(process: int, folder: str) -> None:
    if process == os.getpid():  # a forked process ends as well
        shutil.rmtree(folder, ignore_errors=True)


def as_told(message: str) -> str:
    """Return an engine's message with the folders themselves in place of the links to them."""
    with _lock:
        links = dict(_links)
    for folder, link in links.items():
        message = message.replace(f"{link}/", f"{folder}/")
    return message
