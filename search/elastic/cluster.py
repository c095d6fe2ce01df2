"""Requests to an Elasticsearch cluster, and its errors as messages of one line.

Only this module imports the ``elasticsearch`` client. The modules beside it compose requests; this
one sends them, as bytes that are serialized already or as small JSON.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from elastic_transport import (
    ConnectionTimeout,
    HttpHeaders,
    SerializationError,
    Serializer,
    TlsError,
    TransportError,
)
from elastic_transport.client_utils import DEFAULT, basic_auth_to_header
from elasticsearch import Elasticsearch

from search.connection import Connection
from search.errors import ClusterAway, ClusterCrowded, ClusterRefused

OLDEST = (9, 0)
"""The oldest version of the server that this client supports."""
CONNECTIONS = 16
SECONDS = 60.0
"""The time limit of a request; see ``Patience`` for retrying it."""
CROWDED = 429
BUSY = frozenset({CROWDED, 502, 503, 504})
GZIP_LEVEL = 1
"""The fastest level: on most networks a higher one costs more time than it saves."""
JSON = "application/json"
LINES = "application/x-ndjson"


class Refusal(ClusterRefused):
    """An error response; ``status`` and ``kind`` are its HTTP status and Elasticsearch's type."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Reply:
    """A response: its HTTP status, and its body as it was sent."""

    status: int
    body: bytes


class _Bytes(Serializer):
    """Passes bytes through: this room serializes requests and reads responses itself."""

    mimetype = JSON

    def dumps(self, data: Any) -> bytes:
        """Return the body of a request, which is serialized already."""
        assert isinstance(data, bytes)  # noqa: S101 - `Cluster` sends nothing else
        return data

    def loads(self, data: bytes) -> bytes:
        """Return the body of a response, which its reader parses."""
        return data


class Cluster:
    """An Elasticsearch cluster. It raises ``ClusterAway`` and ``ClusterRefused``, and no others."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.url = connection.url
        self._headers = HttpHeaders({"accept": JSON})
        if connection.api_key and connection.user:
            raise ClusterRefused("give either an API key, or a user and a password, not both")
        if connection.api_key:
            self._headers["authorization"] = f"ApiKey {connection.api_key}"
        if connection.user and connection.password:
            credentials = connection.user, connection.password
            self._headers["authorization"] = basic_auth_to_header(credentials)
        try:
            client = Elasticsearch(
                connection.url,
                serializers={JSON: _Bytes(), LINES: _Bytes()},
                connections_per_node=CONNECTIONS,
                request_timeout=SECONDS,
                max_retries=0,
                ca_certs=connection.ca or DEFAULT,
            )
        except (OSError, ValueError) as error:
            raise ClusterRefused(f"cannot connect to {self.url}: {error}") from error
        self._transport = client.transport
        self._checked = False

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = JSON,
        seconds: float = SECONDS,
    ) -> Reply:
        """Send bytes and return the response, whatever its status; ``ClusterAway`` if none came."""
        if not self._checked and path != "/":
            self._check_version()
        headers = self._headers.copy()
        if body is not None:
            headers["content-type"] = kind
        if self.connection.remote:
            headers["accept-encoding"] = "gzip"
            if body:
                headers["content-encoding"] = "gzip"
                body = gzip.compress(body, GZIP_LEVEL)
        try:
            meta, answer = self._transport.perform_request(
                method, path, body=body, headers=headers, request_timeout=seconds
            )
        except SerializationError as error:
            raise self._no_elasticsearch() from error
        except TransportError as error:
            raise self._unreached(error) from error
        # The client returns a body that is no JSON, such as a page of HTML, as text.
        return Reply(meta.status, answer.encode() if isinstance(answer, str) else answer or b"")

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        seconds: float = SECONDS,
        missing: Any = ...,
        **parameters: str,
    ) -> Any:
        """Send JSON and return the response's JSON.

        With ``missing``, that is returned where the status is 404, and no error is raised.
        """
        path = f"{path}?{urlencode(parameters)}" if parameters else path
        request = None if body is None else orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
        reply = self.send(method, path, request, seconds=seconds)
        if reply.status == 404 and missing is not ...:
            return missing
        self.check(reply)
        return _read(reply.body)

    def check(self, reply: Reply) -> None:
        """Raise the error of a response, if it is one."""
        if reply.status < 300:
            return
        content = _read(reply.body)
        error = content.get("error") if isinstance(content, dict) else None
        error = error if isinstance(error, dict) else {"reason": error}
        raise self.failure(reply.status, error)

    def failure(self, status: int, error: Mapping[str, Any]) -> ClusterAway | ClusterRefused:
        """The exception for an error of Elasticsearch."""
        kind, reason = str(error.get("type") or ""), _reason(error)
        name = str(error.get("index") or "of that name")
        if message := self._advice(status, kind, reason, name):
            return Refusal(message, status, kind)
        if status in BUSY:
            away = ClusterCrowded if status == CROWDED else ClusterAway
            return away(f"{self.url} is too busy ({status}: {reason})")
        return Refusal(f"{self.url} refuses ({status}): {reason}", status, kind)

    def _advice(self, status: int, kind: str, reason: str, name: str) -> str | None:
        """The message with what to change, where that is known for an error."""
        if status == 401:
            return (
                f"{self.url} does not accept these credentials; set STET_SEARCH_API_KEY, or"
                " STET_SEARCH_USER and STET_SEARCH_PASSWORD"
            )
        if kind == "security_exception":
            return f"{self.url} does not allow that: {reason}; give that user or key the privilege"
        if "flood-stage" in reason or "read-only-allow-delete" in reason:
            return (
                f"a disk of {self.url} is full, and its indexes are blocked; make room or add a"
                " node, then repeat (the block goes away by itself)"
            )
        if "too many nested clauses" in reason or "Terms Query request has exceeded" in reason:
            return f"{self.url} cannot search for so many words or values at once; ask for fewer"
        if kind == "index_closed_exception":
            return f"the index {name} of {self.url} is closed; open it: POST /{name}/_open"
        if kind == "index_not_found_exception":
            return f"the index {name} of {self.url} is gone; run: stet rebuild"
        if kind == "invalid_alias_name_exception" or "same name as the alias" in reason:
            return (
                f"an alias of Stet's cannot be made on {self.url}: {reason}; delete or rename that"
                " index, or choose another STET_SEARCH_PREFIX"
            )
        return None

    def _check_version(self) -> None:
        """Check once that the server is an Elasticsearch and new enough."""
        reply = self.send("GET", "/")
        content = _read(reply.body)
        if reply.status == 403 and b"security_exception" in reply.body:
            self._checked = True  # the credentials are accepted, but may not read the version
            return
        if reply.status == 401 or reply.status in BUSY:
            self.check(reply)
        number = content.get("version", {}).get("number", "") if isinstance(content, dict) else ""
        match = re.match(r"(\d+)\.(\d+)", str(number))
        if match is None or "cluster_name" not in content:
            raise self._no_elasticsearch()
        if (int(match[1]), int(match[2])) < OLDEST:
            raise ClusterRefused(
                f"{self.url} is Elasticsearch {number}; Stet needs {OLDEST[0]}.{OLDEST[1]} or newer"
            )
        self._checked = True

    def _no_elasticsearch(self) -> ClusterRefused:
        return ClusterRefused(f"{self.url} answers, and is no Elasticsearch; check the address")

    def _unreached(self, error: TransportError) -> ClusterAway | ClusterRefused:
        causes = " ".join(str(cause) for cause in (error, *error.errors, error.__cause__) if cause)
        if isinstance(error, TlsError) or "CERTIFICATE" in causes or "SSL" in causes:
            return ClusterRefused(self._untrusted(causes))
        if isinstance(error, ConnectionTimeout):
            return ClusterAway(f"{self.url} does not answer in time")
        if "Name or service not known" in causes or "nodename nor servname" in causes:
            reason = "there is no host of that name"
        else:
            reason = _short(causes)
        return ClusterAway(
            f"{self.url} does not answer ({reason}); is Elasticsearch running there? "
            "See --search and STET_SEARCH"
        )

    def _untrusted(self, causes: str) -> str:
        if "has expired" in causes:
            return f"the certificate of {self.url} has expired; it must be renewed there"
        if "doesn't match" in causes or "not valid for" in causes or "mismatch" in causes:
            return f"the certificate of {self.url} is for another name; use the name it is for"
        if "WRONG_VERSION_NUMBER" in causes or "wrong version number" in causes:
            return f"{self.url} speaks no TLS; write http:// instead of https://"
        return (
            f"the certificate of {self.url} is signed by an unknown authority; set STET_SEARCH_CA"
            " to the file with that authority's certificate"
        )


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {"error": body[:200].decode(errors="replace")}


def _reason(error: Mapping[str, Any]) -> str:
    """The reason of an error with those of its causes."""
    reason = str(error.get("reason") or error.get("type") or "no reason given")
    cause = error.get("caused_by") or next(iter(error.get("root_cause") or ()), None)
    while isinstance(cause, dict) and cause.get("reason"):
        if str(cause["reason"]) not in reason:
            reason = f"{reason}: {cause['reason']}"
        cause = cause.get("caused_by")
    return " ".join(reason.split())


def _short(causes: str) -> str:
    system_error = re.search(r"\[Errno -?\d+\] ([A-Z][^)'\"]*)", causes)
    match = system_error or re.search(r"'([^']+)'\)", causes)
    return (match[1] if match else causes.split(":")[-1]).strip()[:100].lower()
