"""A cluster: requests to Elasticsearch, and what goes wrong with them told in one line.

This module alone knows the ``elasticsearch`` client. What is asked is the work of the modules
beside it; here is how it is sent: as bytes that somebody else has serialized, or as small JSON.
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
"""The oldest server that this client speaks with."""
CONNECTIONS = 16
SECONDS = 60.0
"""How long a request may take; it is asked again by whoever has patience."""
CROWDED = 429
BUSY = frozenset({CROWDED, 502, 503, 504})
GZIP_LEVEL = 1
"""The fastest: on most networks a higher one costs more time than it saves."""
JSON = "application/json"
LINES = "application/x-ndjson"


class Refusal(ClusterRefused):
    """An answer that says no; ``status`` and ``kind`` are Elasticsearch's."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status, and the body as it was sent."""

    status: int
    body: bytes


class _AsItIs(Serializer):
    """Bytes stay bytes, on their way out and on their way in."""

    mimetype = JSON

    def dumps(self, data: Any) -> bytes:
        """What is sent was serialized before."""
        assert isinstance(data, bytes)  # noqa: S101 - `Cluster` sends nothing else
        return data

    def loads(self, data: bytes) -> bytes:
        """What is received is read by whoever needs it."""
        return data


class Cluster:
    """An Elasticsearch cluster. Raises ``ClusterAway`` and ``ClusterRefused``, and no other."""

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
                serializers={JSON: _AsItIs(), LINES: _AsItIs()},
                connections_per_node=CONNECTIONS,
                request_timeout=SECONDS,
                max_retries=0,
                ca_certs=connection.ca or DEFAULT,
            )
        except (OSError, ValueError) as error:
            raise ClusterRefused(f"cannot connect to {self.url}: {error}") from error
        self._transport = client.transport
        self._known = False

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = JSON,
        seconds: float = SECONDS,
    ) -> Reply:
        """Send bytes and give back what came, whatever its status; ``ClusterAway`` if nothing."""
        if not self._known and path != "/":
            self._look()
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
        # What is no JSON, such as a page of HTML, is read as text by the client.
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
        """Ask with JSON and read the answer; ``missing`` is the answer where a 404 is none."""
        path = f"{path}?{urlencode(parameters)}" if parameters else path
        sent = None if body is None else orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
        reply = self.send(method, path, sent, seconds=seconds)
        if reply.status == 404 and missing is not ...:
            return missing
        self.check(reply)
        return _read(reply.body)

    def check(self, reply: Reply) -> None:
        """Raise what an answer says went wrong, if it does."""
        if reply.status < 300:
            return
        said = _read(reply.body)
        error = said.get("error") if isinstance(said, dict) else None
        error = error if isinstance(error, dict) else {"reason": error}
        raise self.failure(reply.status, error)

    def failure(self, status: int, error: Mapping[str, Any]) -> ClusterAway | ClusterRefused:
        """An error that Elasticsearch tells, as an exception of this room."""
        kind, reason = str(error.get("type") or ""), _reason(error)
        name = str(error.get("index") or "of that name")
        if message := self._what_to_do(status, kind, reason, name):
            return Refusal(message, status, kind)
        if status in BUSY:
            away = ClusterCrowded if status == CROWDED else ClusterAway
            return away(f"{self.url} is too busy ({status}: {reason})")
        return Refusal(f"{self.url} refuses ({status}): {reason}", status, kind)

    def _what_to_do(self, status: int, kind: str, reason: str, name: str) -> str | None:
        """What somebody has to change, where that is known."""
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

    def _look(self) -> None:
        """Is that an Elasticsearch, and new enough? Asked once."""
        reply = self.send("GET", "/")
        said = _read(reply.body)
        if reply.status == 403 and b"security_exception" in reply.body:
            self._known = True  # it knows who asks, and does not tell its version to everybody
            return
        if reply.status == 401 or reply.status in BUSY:
            self.check(reply)
        number = said.get("version", {}).get("number", "") if isinstance(said, dict) else ""
        match = re.match(r"(\d+)\.(\d+)", str(number))
        if match is None or "cluster_name" not in said:
            raise self._no_elasticsearch()
        if (int(match[1]), int(match[2])) < OLDEST:
            raise ClusterRefused(
                f"{self.url} is Elasticsearch {number}; Stet needs {OLDEST[0]}.{OLDEST[1]} or newer"
            )
        self._known = True

    def _no_elasticsearch(self) -> ClusterRefused:
        return ClusterRefused(f"{self.url} answers, and is no Elasticsearch; check the address")

    def _unreached(self, error: TransportError) -> ClusterAway | ClusterRefused:
        causes = [str(cause) for cause in (error, *error.errors, error.__cause__) if cause]
        said = " ".join(causes)
        if isinstance(error, TlsError) or "CERTIFICATE" in said or "SSL" in said:
            return ClusterRefused(self._untrusted(said))
        if isinstance(error, ConnectionTimeout):
            return ClusterAway(f"{self.url} does not answer in time")
        if "Name or service not known" in said or "nodename nor servname" in said:
            why = "there is no host of that name"
        else:
            why = _short(said)
        return ClusterAway(
            f"{self.url} does not answer ({why}); is Elasticsearch running there? "
            "See --search and STET_SEARCH"
        )

    def _untrusted(self, said: str) -> str:
        if "has expired" in said:
            return f"the certificate of {self.url} has expired; it must be renewed there"
        if "doesn't match" in said or "not valid for" in said or "mismatch" in said:
            return f"the certificate of {self.url} is for another name; use the name it is for"
        if "WRONG_VERSION_NUMBER" in said or "wrong version number" in said:
            return f"{self.url} speaks no TLS; write http:// instead of https://"
        return (
            f"the certificate of {self.url} is signed by somebody unknown here; set STET_SEARCH_CA"
            " to the file with the signer's certificate"
        )


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        return {"error": body[:200].decode(errors="replace")}


def _reason(error: Mapping[str, Any]) -> str:
    """The innermost reason that is told, which says most."""
    reason = str(error.get("reason") or error.get("type") or "no reason given")
    cause = error.get("caused_by") or next(iter(error.get("root_cause") or ()), None)
    while isinstance(cause, dict) and cause.get("reason"):
        if str(cause["reason"]) not in reason:
            reason = f"{reason}: {cause['reason']}"
        cause = cause.get("caused_by")
    return " ".join(reason.split())


def _short(said: str) -> str:
    match = re.search(r"\[Errno -?\d+\] ([A-Z][^)'\"]*)", said) or re.search(r"'([^']+)'\)", said)
    return (match[1] if match else said.split(":")[-1]).strip()[:100].lower()
