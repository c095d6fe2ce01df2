"""The log's files in an object store: S3, Google Cloud Storage, Azure, with conditional puts.

Put-if-absent is a put with ``If-None-Match: *``. When the response to a put is lost, the repeated
put is refused because of the first. So each put carries a random mark by which a writer
recognises its own. A store that ignores the condition would let two writers win; opening
detects it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from event_log.storage.bucket_cache import Copies, cache_folder
from event_log.storage.bucket_errors import NO_BUCKET, meaning, nothing_happened
from event_log.storage.store import NOTHING_APPENDED, REPEAT, Held, StoreError, hint

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, PutResult
    from obstore.store import ObjectStore as Client
    from obstore.store import RetryConfig

PATIENCE_SECONDS, QUICK_SECONDS = 60.0, 5.0
"""How long requests to a store that does not answer are repeated; and while a person waits."""
SILENCE = "30s"
"""How long a response may take, including the upload of a small file."""
TRANSFER = "900s"
"""How long the transfer of a file may take: 128 MB at 150 KB a second."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(milliseconds=100), timedelta(seconds=5)
SMALL_BYTES = 4 << 20
CHUNK_BYTES = 8 << 20
MARK = "stetput"
"""The attribute with the writer's mark: letters only, because Azure allows no hyphens."""
PROBE = "conditions"
PROBE_TEXT = b"Stet puts this again at each open, to see that the second put is refused.\n"
TAKEN = (AlreadyExistsError, PreconditionError)
"""The errors of a refused condition. S3 also sends one (409) when writers met and none won."""
FORBIDDEN = (PermissionDeniedError, UnauthenticatedError)
FAILURES = (BaseError, FileNotFoundError)
PREFIXES = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
OPTIONS = ("allow_http", "allow_invalid_certificates", "proxy_url", "proxy_ca_certificate")
"""The options of the connection in the environment, such as ``AWS_ALLOW_HTTP``. The client does not
read them itself when it is passed any option."""


class ObjectStore:
    """The files of one log below a URL such as ``s3://bucket/prefix``.

    Opening it puts a small object named ``conditions``, to check that the bucket exists and
    supports conditional puts. Credentials without permission to write open it for reading.
    """

    def __init__(self, url: str, patience: float = PATIENCE_SECONDS) -> None:
        """``patience`` is for how many seconds requests without an answer are repeated."""
        self.url = url.rstrip("/")
        self._patience = patience
        self._pid = os.getpid()
        quick = min(patience, QUICK_SECONDS)
        with self._errors_explained("cannot open"):
            self._client = _client(self.url, patience, SILENCE)
            self._patient = _client(self.url, patience, TRANSFER)
            self._quick = _client(self.url, quick, SILENCE)
        self._local = cache_folder(self.url)
        self._copies = Copies(self._local)
        self._tags: dict[str, str] = {}
        self._small: dict[str, Held] = {}
        """What small files had when they were read last, with their versions."""
        self._keeps_conditions = False
        self._open()

    @property
    def local(self) -> Path:
        """A folder for this URL alone, below ``$STET_CACHE`` or ``~/.cache/stet``."""
        return self._local

    @property
    def caches(self) -> Path:
        """The folder ``cache`` in it."""
        return self._local / "cache"

    def where(self, name: str) -> str:
        """Return the URL of the file."""
        return f"{self.url}/{name}"

    def watch_folder(self, folder: str) -> Path | None:  # noqa: ARG002 (the protocol's)
        """Return None: an object store sends no notices of new files and must be polled."""
        return None

    def names(self, folder: str, suffix: str = "", after: str = "") -> list[str]:
        """Return the sorted names in a folder with a suffix that come after another name."""
        names = self._list(folder, after)
        return [name for name in names if name.endswith(suffix) and "/" not in name]

    def walk(self, folder: str) -> list[str]:
        """Return the sorted names of all files below a folder, relative to it."""
        return self._list(folder)

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        try:
            self._head(name)
        except FileNotFoundError:
            return False
        return True

    def identity(self, name: str) -> object:
        """Return the object's entity tag; raises ``FileNotFoundError``."""
        return self._remember_tag(name, self._head(name))

    def modified(self, name: str) -> float:
        """Return when the object was put, in seconds since 1970; raises ``FileNotFoundError``."""
        return float(self._head(name)["last_modified"].timestamp())

    def path(self, name: str) -> Path:
        """Return a local copy, fetched if absent; raises ``FileNotFoundError``."""
        tag = self._tags.get(name) or str(self.identity(name))
        return self._copies.find(name, tag) or self.fresh_path(name)

    def fresh_path(self, name: str) -> Path:
        """Fetch the file now and return a local copy; raises ``FileNotFoundError``."""
        with self._errors_explained("cannot read", name):
            response = obstore.get(self._patient, name)
            with self._copies.staged() as staged:
                with staged.open("wb") as file:
                    for chunk in response.stream(min_chunk_size=CHUNK_BYTES):
                        file.write(chunk)
                    whole = file.tell() == response.meta["size"]
                if not whole:
                    raise StoreError(f"{self.url}/{name} came in part only; repeat")
                return self._copies.keep(name, self._remember_tag(name, response.meta), staged)

    def put_if_absent(self, name: str, write: Callable[[Path], None]) -> bool:
        """Let ``write`` fill a file, and put it under this name; False if the name is taken."""
        if not self._keeps_conditions:
            with self._errors_explained("cannot write", name, NOTHING_APPENDED):
                self._probe(self._client)
        with self._copies.staged() as staged:
            try:
                write(staged)
            except OSError as error:
                raise StoreError(
                    f"cannot write {staged}: {hint(error)}. {NOTHING_APPENDED}"
                ) from error
            tag = self._put(name, staged)
            if tag is None:
                return False
            with contextlib.suppress(StoreError):  # the object is put; a copy can be fetched
                self._copies.keep(name, tag, staged)
        self._tags[name] = tag
        return True

    def contents(self, names: Collection[str]) -> dict[str, Held]:
        """Return what small files have now, of those that exist, each with its version.

        For several names the folder is listed, and only what has changed is read.
        """
        listed: Collection[str] | None = None
        if len(names) > 1:
            folder = next(iter(names)).rpartition("/")[0]
            listed = {f"{folder}/{name}" for name in self._list(folder)}
        found = {}
        for name in names:
            if listed is not None and name not in listed:
                continue
            held = self._small.get(name)
            if held is None or listed is None or held[1]["e_tag"] != self._tags.get(name):
                try:
                    held = self._small[name] = self._read_small(name)
                except FileNotFoundError:
                    continue
            found[name] = held
        return found

    def _read_small(self, name: str) -> Held:
        with self._errors_explained("cannot read", name):
            response = obstore.get(self._client, name)
            version = {"e_tag": _tag(response.meta)}
            if numbered := response.meta["version"]:  # what Google compares
                version["version"] = numbered
            return bytes(response.bytes()), version

    def replace(self, contents: Mapping[str, bytes], seen: Mapping[str, object]) -> bool:
        """Replace or make small files, one after another; False at one that is not as seen."""
        for name in sorted(contents):
            mode = cast("PutMode", seen.get(name, "create"))
            if self._put(name, contents[name], mode) is None:
                return False
        return True

    def make_durable(self, name: str) -> None:
        """Do nothing: an object that is visible is durable."""

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with contextlib.suppress(FileNotFoundError), self._errors_explained("cannot remove", name):
            obstore.delete(self._client, name)
        self._tags.pop(name, None)
        self._copies.forget(name)

    def _open(self) -> None:
        with self._errors_explained("cannot open"):
            try:
                self._probe(self._quick)
            except FORBIDDEN:  # to write; reading may be allowed
                next(iter(obstore.list(self._quick, chunk_size=1)), None)
            except FileNotFoundError:
                raise self._error("cannot open", "", NO_BUCKET) from None

    def _probe(self, client: Client) -> None:
        for _ in range(2):
            try:
                obstore.put(client, PROBE, PROBE_TEXT, mode="create")
            except TAKEN:
                self._keeps_conditions = True
                return
        raise StoreError(
            f"{self.url} does not keep to conditions (If-None-Match): two writers could put one "
            "file, and events would be lost. Use another object store, or a newer version of it"
        )

    def _put(self, name: str, file: Path | bytes, mode: PutMode = "create") -> str | None:
        """Put a file and return the object's tag; None when the name is taken.

        With a version as mode: None when the object has another one.
        """
        mark, until = uuid.uuid4().hex, time.monotonic() + self._patience
        in_doubt = False
        while True:
            try:
                return self._put_marked(name, file, mark, mode)
            except TAKEN:
                reason = "writers met there again and again"
            except FAILURES as error:
                reason = meaning(error, self._scheme)
                in_doubt = in_doubt or not nothing_happened(error)
                if not in_doubt and not isinstance(error, FileNotFoundError):
                    raise self._error("cannot write", name, reason, NOTHING_APPENDED) from None
            try:
                return self._tag_if_mine(name, mark)
            except FAILURES as error:  # it is free, or that is not known: the put may be repeated
                if isinstance(error, FileNotFoundError) and mode != "create":
                    return None  # somebody deleted what was to be replaced
                if time.monotonic() >= until:
                    after = f"It may have been appended. {REPEAT}" if in_doubt else NOTHING_APPENDED
                    raise self._error("cannot write", name, reason, after) from None
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 (no secret: it separates writers)

    def _put_marked(self, name: str, file: Path | bytes, mark: str, mode: PutMode) -> str:
        self._check_process()
        size = len(file) if isinstance(file, bytes) else file.stat().st_size
        client = self._client if size <= SMALL_BYTES else self._patient
        # In one part, however large: this client has no conditional multipart put.
        put = obstore.put(
            client, name, file, mode=mode, use_multipart=False, attributes={MARK: mark}
        )
        return _tag(put)

    def _tag_if_mine(self, name: str, mark: str) -> str | None:
        holder = obstore.get(self._quick, name, options={"head": True})
        return _tag(holder.meta) if holder.attributes.get(MARK) == mark else None

    def _list(self, folder: str, after: str = "") -> list[str]:
        start = f"{folder}/"
        with self._errors_explained("cannot list", folder):
            pages = obstore.list(
                self._client, folder, offset=f"{start}{after}" if after else None, chunk_size=1000
            )
            objects = {meta["path"]: meta for page in pages for meta in page}
        for name, meta in objects.items():
            self._remember_tag(name, meta)
        return sorted(name.removeprefix(start) for name in objects)

    def _head(self, name: str) -> ObjectMeta:
        self._tags.pop(name, None)
        with self._errors_explained("cannot read", name):
            return obstore.head(self._client, name)

    def _remember_tag(self, name: str, meta: ObjectMeta) -> str:
        self._tags[name] = _tag(meta)
        return self._tags[name]

    @contextlib.contextmanager
    def _errors_explained(self, doing: str, name: str = "", after: str = "") -> Iterator[None]:
        """Turn the client's errors, except for a missing object, into ones that say what to do."""
        self._check_process()
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(
                errno.ENOENT, os.strerror(errno.ENOENT), f"{self.url}/{name}"
            ) from None
        except BaseError as error:
            raise self._error(doing, name, meaning(error, self._scheme), after) from None

    def _error(self, doing: str, name: str, reason: str, after: str = "") -> StoreError:
        where = f"{self.url}/{name}".rstrip("/")
        return StoreError(f"{doing} {where}: {reason}. {after}".rstrip())

    def _check_process(self) -> None:
        """Refuse use after a fork: the client's threads are missing, and calls never return."""
        if os.getpid() != self._pid:
            raise StoreError(
                f"{self.url} was opened before this process was forked, which its client does not "
                'survive; open it after the fork, or start processes by "spawn"'
            )

    @property
    def _scheme(self) -> str:
        return self.url.partition(":")[0]


def _client(url: str, patience: float, timeout: str) -> Client:
    prefix = PREFIXES[url.partition(":")[0]]
    connection = {
        name: os.environ[prefix + name.upper()]
        for name in OPTIONS
        if prefix + name.upper() in os.environ
    }
    retries: RetryConfig = {
        "max_retries": 100,  # until ``retry_timeout``
        "retry_timeout": timedelta(seconds=patience),
        "backoff": {"init_backoff": FIRST_PAUSE, "max_backoff": LONGEST_PAUSE, "base": 2},
    }
    options: Any = {"timeout": timeout, "read_timeout": timeout, **connection}
    return from_url(url, client_options=options, retry_config=retries)


def _tag(meta: ObjectMeta | PutResult) -> str:
    """Return the object's entity tag, which changes with every put."""
    tag = meta["e_tag"]
    if not tag:
        raise StoreError("the object store gives no entity tags (ETag); use another")
    return tag
