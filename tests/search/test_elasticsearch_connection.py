"""A wrong address, wrong credentials, a certificate that nobody trusts: each is told in a line."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch
import trustme
from elasticsearch_server import Server

from search.connection import Connection, configured_connection
from search.elastic.cluster import Cluster
from search.elastic.engine import ElasticsearchEngine
from search.errors import ClusterAway, ClusterRefused, InvalidConnection, SearchError
from search.query import Query

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("own server")]  # one process has it
SECURED = 9213
USER, PASSWORD = "stet", "stet-test-password"
HASHED = "$2a$04$3i24I6QMziNZZvA3frpgmepV7YNZWnro5jnjhNiA7IiYPl/GVYZki"
READER = "reader"
"""Another user with the same password, who may only read."""
READING = b"reading: {indices: [{names: ['*'], privileges: [read, view_index_metadata]}]}"


def named(url: str, **given: Any) -> Connection:
    found = configured_connection(url, **given)
    assert found is not None
    return found


def refused(url: str, **given: Any) -> str:
    with pytest.raises(SearchError) as told:
        Cluster(named(url, **given)).ask("GET", "/_cluster/health")
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    "url", ["search.example", "ftp://search.example", "https://", "http://a:99999", "http://a:b"]
)
def test_what_is_no_address_is_told_with_how_one_is_written(url: str) -> None:
    with pytest.raises(InvalidConnection, match=r"write it like https://search\.example:9200"):
        configured_connection(url)


def test_a_secret_is_in_no_message() -> None:
    with pytest.raises(InvalidConnection) as told:
        configured_connection("https//ana:hush@search.example")
    assert "hush" not in str(told.value)
    assert "hush" not in repr(configured_connection("https://ana:hush@search.example"))
    assert "hush" not in repr(configured_connection("https://search.example", api_key="hush"))
    assert "hush" not in refused("http://ana:hush@127.0.0.1:1")


def test_the_environment_says_it_all_and_an_option_says_it_better(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signer = tmp_path / "ca.pem"
    signer.touch()
    assert configured_connection("") is None
    for name, value in {
        "": "https://search.example:9243",
        "_API_KEY": "key",
        "_CA": str(signer),
        "_PREFIX": "paper",
        "_PATIENCE": "5",
        "_REPLICAS": "2",
    }.items():
        monkeypatch.setenv(f"STET_SEARCH{name}", value)
    found = configured_connection()
    assert found == Connection(
        "https://search.example:9243", "key", None, None, str(signer), "paper", 5.0, 2
    )
    said = configured_connection("http://other.example", api_key="other")
    assert said is not None
    assert (said.url, said.api_key) == ("http://other.example:9200", "other")
    assert configured_connection("embedded") is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": "/not/there.pem"}, "there is no certificate file /not/there.pem"),
        ({"user": "ana"}, "a user needs a password"),
        ({"prefix": "Not*This"}, "cannot begin an index's name"),
        ({"patience": "long"}, "STET_SEARCH_PATIENCE: 'long' is not a number"),
        ({"replicas": "-2"}, "STET_SEARCH_REPLICAS: '-2' is not a number, 0 or more"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name(given: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidConnection, match=told):
        configured_connection("http://search.example", **given)


def test_a_wrong_address_is_told_at_once(tmp_path: Path, views: Any) -> None:
    nobody = "http://127.0.0.1:1"
    assert "does not answer (connection refused)" in refused(nobody)
    assert "there is no host of that name" in refused("http://nowhere.invalid:9200")
    with pytest.raises(ClusterAway):
        ElasticsearchEngine(tmp_path, named(nobody), views).clear()


@pytest.fixture
def answering() -> Iterator[Callable[[str], str]]:
    """Starts something that listens and always answers the same; gives its address."""
    started = []

    def start(body: str) -> str:
        class Same(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                kind = "application/json" if body.startswith("{") else "text/html"
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Same)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_what_answers_and_is_no_elasticsearch_is_told(answering: Callable[[str], str]) -> None:
    for body in ("<html>It works!</html>", '{"hello": "world"}'):
        assert "answers, and is no Elasticsearch; check the address" in refused(answering(body))


def test_a_version_that_is_too_old_is_told_with_what_is_needed(
    answering: Callable[[str], str],
) -> None:
    old = '{"cluster_name": "old", "version": {"number": "7.17.29"}, "tagline": "You Know"}'
    told = refused(answering(old))
    assert told.endswith("is Elasticsearch 7.17.29; Stet needs 9.0 or newer")


def test_http_where_https_is_spoken_and_the_other_way_round(signed: Any) -> None:
    url = signed(identity="127.0.0.1")
    assert "does not answer" in refused(url.replace("https", "http"))


@pytest.fixture
def signed(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts something that shows a certificate; gives its address."""
    listening: list[socket.socket] = []

    def start(identity: str, expired: bool = False) -> str:
        signer = trustme.CA()
        signer.cert_pem.write_to_path(tmp_path / "ca.pem")
        yesterday = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
        dates = {"not_before": yesterday - timedelta(days=9), "not_after": yesterday}
        certificate = signer.issue_cert(identity, **(dates if expired else {}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(client, server_side=True).close()
                except OSError:
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        return f"https://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in listening:
        server.close()


def test_certificates_that_cannot_be_trusted_are_told_by_what_is_wrong(
    signed: Callable[..., str], tmp_path: Path
) -> None:
    ca = str(tmp_path / "ca.pem")
    assert "has expired; it must be renewed there" in refused(
        signed("127.0.0.1", expired=True), ca=ca
    )
    assert "is for another name" in refused(signed("search.example"), ca=ca)
    unknown = refused(signed("127.0.0.1"))
    assert "signed by an unknown authority; set STET_SEARCH_CA" in unknown


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that speaks TLS and wants to know who asks; and the file that says who signed it."""
    signer = trustme.CA()
    certificate = signer.issue_cert("127.0.0.1", "localhost")
    ca = tmp_path_factory.mktemp("signed") / "ca.pem"
    signer.cert_pem.write_to_path(ca)
    files = {
        "key.pem": certificate.private_key_pem.bytes(),
        "cert.pem": b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        "users": f"{USER}:{HASHED}\n{READER}:{HASHED}\n".encode(),
        "roles.yml": READING,
        "users_roles": f"superuser:{USER}\nreading:{READER}\n".encode(),
    }
    settings = {
        "xpack.security.enabled": "true",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.key": "key.pem",
        "xpack.security.http.ssl.certificate": "cert.pem",
    }
    with real_elasticsearch.own_server(SECURED, files, **settings) as server:
        yield server, str(ca)


def test_a_secured_cluster_lets_in_who_may_and_tells_who_may_not(
    secured: tuple[Server, str], tmp_path: Path, views: Any, story: Any, write: Any
) -> None:
    server, ca = secured
    said = {"ca": ca, "user": USER, "password": PASSWORD}
    key = Cluster(named(server.url, **said)).ask("POST", "/_security/api_key", {"name": "stet"})
    path = write(tmp_path / "stories.parquet", [story("article/1", "Whale")])
    for number, given in enumerate([said, {"ca": ca, "api_key": key["encoded"]}], 1):
        engine = ElasticsearchEngine(tmp_path, named(server.url, **given), views)
        engine.create("articles", number, 10)
        assert engine.load("articles", number, path) == 1
        engine.refresh("articles", number)
        engine.promote({"articles": number})
    for wrong in ({}, {"user": USER, "password": "wrong"}, {"api_key": "bm90OnRoaXM="}):
        told = refused(server.url, ca=ca, **wrong)
        assert "does not accept these credentials; set STET_SEARCH_API_KEY" in told
    reader = ElasticsearchEngine(
        tmp_path, named(server.url, ca=ca, user=READER, password=PASSWORD), views
    )
    with pytest.raises(ClusterRefused, match=r"does not allow that: .* give that user or key"):
        reader.drop("articles", 9)
    assert reader.search(Query("whale")).total == 1
    assert "signed by an unknown authority" in refused(server.url, user=USER, password=PASSWORD)
    with pytest.raises(ClusterRefused, match="not both"):
        Cluster(named(server.url, api_key="key", **said))
