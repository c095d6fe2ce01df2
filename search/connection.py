"""Which engine an archive is searched with: the embedded one, or a cluster and how to reach it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from event_log import settings
from search.errors import InvalidConnection

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PATIENCE = 600.0


@dataclass(frozen=True)
class Connection:
    """An Elasticsearch cluster, and how to reach it. Secrets are in no message and no ``repr``.

    >>> Connection.of("https://ana:secret@search.example:9243/").url
    'https://search.example:9243'
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    """A file with the certificate of who signed the cluster's."""
    prefix: str = "stet"
    """What the names of all indexes and aliases begin with."""
    patience: float = PATIENCE
    """Seconds for which a load waits for a cluster that is away or busy."""
    replicas: int | None = None
    """Copies of each index; as many as there are nodes for, at most one, when not given."""

    @classmethod
    def of(cls, url: str, **given: str | None) -> Connection:
        """The connection that a URL names; raises ``InvalidConnection`` for what is none."""
        parts = urlsplit(url.strip())
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise InvalidConnection(
                f"{_without_secret(url)!r} is no address of a cluster; write it like"
                " https://search.example:9200"
            )
        said = {name: value for name, value in given.items() if value}
        if parts.username and not {"user", "password", "api_key"} & said.keys():
            said |= {"user": unquote(parts.username), "password": unquote(parts.password or "")}
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        default = 443 if parts.scheme == "https" else 9200
        where = f"{parts.scheme}://{host}:{port or default}{parts.path.rstrip('/')}"
        return cls(where)._with(said)

    def _with(self, given: Mapping[str, str]) -> Connection:
        found = replace(
            self,
            **{n: given[n] for n in ("api_key", "user", "password", "ca", "prefix") if n in given},
            patience=_number("STET_SEARCH_PATIENCE", given.get("patience"), PATIENCE),
            replicas=int(_number("STET_SEARCH_REPLICAS", given.get("replicas"), -1)),
        )
        if found.replicas == -1:
            found = replace(found, replicas=None)
        if found.ca and not Path(found.ca).is_file():
            raise InvalidConnection(f"there is no certificate file {found.ca}; see STET_SEARCH_CA")
        if bool(found.user) != bool(found.password):
            raise InvalidConnection("a user needs a password, and a password a user")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", found.prefix):
            raise InvalidConnection(
                f"{found.prefix!r} cannot begin an index's name; STET_SEARCH_PREFIX takes lower"
                " case letters, digits, - and _"
            )
        return found

    @property
    def remote(self) -> bool:
        """Is it on another machine?"""
        return urlsplit(self.url).hostname not in LOOPBACK


NAMES = ("api_key", "user", "password", "ca", "prefix", "patience", "replicas")


def configured_connection(url: str | None = None, **given: str | None) -> Connection | None:
    """The cluster that is asked for, or none for the embedded engine.

    What is not given is taken from the settings: ``STET_SEARCH``, ``STET_SEARCH_API_KEY``,
    ``STET_SEARCH_USER``, ``STET_SEARCH_PASSWORD``, ``STET_SEARCH_CA``, ``STET_SEARCH_PREFIX``,
    ``STET_SEARCH_PATIENCE`` and ``STET_SEARCH_REPLICAS``.
    """
    url = settings.text("STET_SEARCH") if url is None else url
    if url in (None, "", "embedded"):
        return None
    said = {name: settings.text(f"STET_SEARCH_{name.upper()}") for name in NAMES}
    return Connection.of(url, **{**said, **{n: v for n, v in given.items() if v is not None}})


def _number(name: str, given: str | None, otherwise: float) -> float:
    try:
        number = otherwise if given is None else float(given)
    except ValueError:
        number = -1
    if number < 0 and given is not None:
        raise InvalidConnection(f"{name}: {given!r} is not a number, 0 or more")
    return number


def _without_secret(url: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", url)
