"""Opening the store of a location: a folder or an object store."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from event_log.storage.store import Store, StoreError

OBJECT_STORES = ("s3", "gs", "az")
"""The schemes of a location that is no folder."""


def open_store(location: str | Path) -> Store:
    """Open the store at a location: a folder, or a URL (``file``, ``s3``, ``gs`` or ``az``).

    The first write makes the folder. Opening an object store checks that the bucket exists and
    supports conditional puts; endpoint and credentials come from the usual environment variables.

    >>> open_store("archive/log").path("commits/1").parts[-4:]
    ('archive', 'log', 'commits', '1')
    """
    scheme = _scheme(location)
    if scheme in OBJECT_STORES:
        return _object_store(str(location), scheme)
    from event_log.storage.folder import LocalStore

    return LocalStore(_folder(location, scheme))


def local_folder(location: str | Path) -> Path:
    """Return the local folder of the store at a location, without opening the store.

    >>> local_folder("file:///srv/archive")
    PosixPath('/srv/archive')
    """
    scheme = _scheme(location)
    if scheme not in OBJECT_STORES:
        return _folder(location, scheme)
    from event_log.storage.bucket_cache import cache_folder

    return cache_folder(str(location))


def _folder(location: str | Path, scheme: str | None) -> Path:
    if scheme is None:
        return Path(location)
    if scheme != "file":
        raise StoreError(
            f"{scheme}:// is no store that Stet knows: give a folder, or a URL that begins with "
            "file://, s3://, gs:// or az://"
        )
    url = urlsplit(str(location))
    if url.netloc not in ("", "localhost") or not url.path:
        raise StoreError(
            f"{location} names another machine; write file:///folder, with three slashes"
        )
    return Path(unquote(url.path))


def _object_store(location: str, scheme: str) -> Store:
    url = urlsplit(location)
    if not url.netloc or "@" in url.netloc or url.query or url.fragment:
        raise StoreError(
            f"{scheme}:// needs a bucket and may have a prefix, as {scheme}://bucket/prefix; "
            "credentials and endpoint are set in the environment"
        )
    try:
        from event_log.storage.bucket import ObjectStore
    except ModuleNotFoundError as error:
        if error.name != "obstore":
            raise
        raise StoreError(
            f"{scheme}:// needs the package obstore; install the extra object-store, in the clone:"
            " uv pip install '.[object-store]'"
        ) from None
    return ObjectStore(f"{scheme}://{url.netloc}{url.path}")


def _scheme(location: str | Path) -> str | None:
    """Return the scheme of a URL, None for a path; refuses a URL that was turned into a path."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?", str(location))
    if match and isinstance(location, str) and match[2]:
        return match[1].lower()
    if match and match[1].lower() in OBJECT_STORES and str(location)[match.end() :][:1] == "/":
        raise StoreError(f"{location} is no folder; write {match[1]}://bucket/prefix")
    return None
