"""The engine that an archive is searched with: the embedded one, or a cluster.

``Connection`` describes the cluster, ``configured_connection`` reads it from the settings, and
``open_engine`` is the one place where an engine is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from event_log import settings
from search.errors import InvalidConnection

if TYPE_CHECKING:
    from replay import View
    from search.engine import Engine

LOOPBACK = ("localhost", "127.0.0.1", "::1")
PATIENCE = 600.0


@dataclass(frozen=True)
class Connection:
    """How to reach an Elasticsearch cluster. No message and no ``repr`` contains a secret.

    >>> Connection.of("https://ana:secret@search.example:9243/").url
    'https://search.example:9243'
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    """A file with the certificate of the authority that signed the cluster's."""
    prefix: str = "stet"
    """The beginning of the names of all indexes and aliases."""
    patience: float = PATIENCE
    """Seconds for which a load waits for a cluster that is away or busy."""
    replicas: int | None = None
    """Copies of each index; None for one where the cluster has a second node."""

    @classmethod
    def of(cls, url: str, **options: str | None) -> Connection:
        """The connection of a URL and options; ``InvalidConnection`` where one is invalid."""
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
        chosen = {name: value for name, value in options.items() if value}
        if parts.username and not {"user", "password", "api_key"} & chosen.keys():
            chosen |= {"user": unquote(parts.username), "password": unquote(parts.password or "")}
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        default = 443 if parts.scheme == "https" else 9200
        address = f"{parts.scheme}://{host}:{port or default}{parts.path.rstrip('/')}"
        return cls(address)._with(chosen)

    def _with(self, options: Mapping[str, str]) -> Connection:
        texts = ("api_key", "user", "password", "ca", "prefix")
        connection = replace(
            self,
            **{name: options[name] for name in texts if name in options},
            patience=_number("STET_SEARCH_PATIENCE", options.get("patience"), PATIENCE),
            replicas=int(_number("STET_SEARCH_REPLICAS", options.get("replicas"), -1)),
        )
        if connection.replicas == -1:
            connection = replace(connection, replicas=None)
        if connection.ca and not Path(connection.ca).is_file():
            raise InvalidConnection(
                f"there is no certificate file {connection.ca}; see STET_SEARCH_CA"
            )
        if bool(connection.user) != bool(connection.password):
            raise InvalidConnection("a user needs a password, and a password a user")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", connection.prefix):
            raise InvalidConnection(
                f"{connection.prefix!r} cannot begin an index's name; STET_SEARCH_PREFIX takes"
                " lower case letters, digits, - and _"
            )
        return connection

    @property
    def remote(self) -> bool:
        """Whether the cluster is on another machine."""
        return urlsplit(self.url).hostname not in LOOPBACK


NAMES = ("api_key", "user", "password", "ca", "prefix", "patience", "replicas")


def configured_connection(url: str | None = None, **options: str | None) -> Connection | None:
    """The connection to the configured cluster; None for the embedded engine.

    What the arguments leave out comes from the settings: ``STET_SEARCH``,
    ``STET_SEARCH_API_KEY``, ``STET_SEARCH_USER``, ``STET_SEARCH_PASSWORD``, ``STET_SEARCH_CA``,
    ``STET_SEARCH_PREFIX``, ``STET_SEARCH_PATIENCE`` and ``STET_SEARCH_REPLICAS``.
    """
    url = settings.text("STET_SEARCH") if url is None else url
    if url is None or not names_cluster(url):
        return None
    configured = {name: settings.text(f"STET_SEARCH_{name.upper()}") for name in NAMES}
    configured |= {name: value for name, value in options.items() if value is not None}
    return Connection.of(url, **configured)


def names_cluster(address: object) -> bool:
    """Whether an address, or a setting, is that of a cluster and not the embedded engine.

    >>> names_cluster("https://search.example:9200"), names_cluster("embedded"), names_cluster(None)
    (True, False, False)
    """
    return address not in (None, "", "embedded")


def open_engine(
    folder: Path | str, views: Mapping[str, View], connection: Connection | None = None
) -> Engine:
    """Open the engine of some views: the cluster of a connection, else the embedded engine.

    The embedded engine keeps its indexes in ``folder``, the cluster its locks and dead letters.

    >>> import tempfile
    >>> open_engine(tempfile.mkdtemp(), {}).serving()
    {}
    """
    if connection is None:
        from search.embedded.engine import EmbeddedEngine

        return EmbeddedEngine(folder, views)
    from search.elastic.engine import ElasticsearchEngine

    return ElasticsearchEngine(folder, connection, views)


def _number(setting: str, text: str | None, default: float) -> float:
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = -1
    if number < 0 and text is not None:
        raise InvalidConnection(f"{setting}: {text!r} is not a number, 0 or more")
    return number


def _without_secret(url: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", url)
