"""An object store that is not there, forbids, loses answers, or does not keep to conditions."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import BUCKET, SECRET, Answer, Network, Request, refusal

from event_log.storage import bucket
from event_log.storage.bucket import ObjectStore
from event_log.storage.opening import open_store
from event_log.storage.store import StoreError

ROOT = Path(__file__).parents[2]


def writing(content: bytes):
    return lambda path: path.write_bytes(content) and None


def is_commit(request: Request) -> bool:
    return request.method == "PUT" and "/commits/" in request.path


def once(fault):
    """A fault that happens to the first commit that is put, and then no more."""
    left = iter([None])

    def first(request: Request) -> Answer | None:
        return fault(request) if is_commit(request) and not next(left, fault) else None

    return first


# who wins


def test_a_put_whose_answer_was_lost_is_won(s3_url: str, between: Network) -> None:
    store = open_store(s3_url)
    between.after = once(lambda _: (0, b""))
    assert store.put_if_absent("commits/1", writing(b"first"))
    assert sum(method == "PUT" and "commits" in path for method, path in between.seen) == 2
    assert store.path("commits/1").read_bytes() == b"first"


def test_a_put_whose_answer_was_lost_and_that_another_had_won_is_lost(
    s3_url: str, between: Network
) -> None:
    store = open_store(s3_url)
    assert store.put_if_absent("commits/1", writing(b"first"))
    between.after = once(lambda _: (0, b""))
    assert not store.put_if_absent("commits/1", writing(b"first"))


def test_a_put_that_timed_out_and_was_kept_is_won(
    s3_url: str, between: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "SILENCE", "1s")
    store = open_store(s3_url)
    go_on = threading.Event()
    between.after = once(lambda _: go_on.wait(5) and None)
    assert store.put_if_absent("commits/1", writing(b"first"))
    go_on.set()
    assert store.path("commits/1").read_bytes() == b"first"


def test_a_put_that_timed_out_and_was_lost_is_put_again(
    s3_url: str, between: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "SILENCE", "1s")
    store = open_store(s3_url)
    go_on = threading.Event()
    between.before = once(lambda _: (0, b"") if go_on.wait(5) else None)
    assert store.put_if_absent("commits/1", writing(b"first"))
    go_on.set()
    assert store.path("commits/1").read_bytes() == b"first"


def test_a_conflict_that_nobody_won_is_put_again(s3_url: str, between: Network) -> None:
    store = open_store(s3_url)
    between.before = once(lambda _: refusal(409, "ConditionalRequestConflict"))
    assert store.put_if_absent("commits/1", writing(b"first"))
    assert store.exists("commits/1")


def test_an_overloaded_store_is_asked_again(s3_url: str, between: Network) -> None:
    store = open_store(s3_url)
    between.before = once(lambda _: refusal(503, "SlowDown"))
    assert store.put_if_absent("commits/1", writing(b"first"))


def is_small(request: Request) -> bool:
    return request.method == "PUT" and "/positions/" in request.path


def lost_once() -> Callable[[Request], Answer | None]:
    """A fault that loses the answer to the first small file that is put."""
    left = iter([None])
    return lambda request: (0, b"") if is_small(request) and not next(left, True) else None


@pytest.mark.parametrize("seen", [False, True], ids=["made", "replaced"])
def test_a_small_file_whose_answer_was_lost_is_replaced_once(
    s3_url: str, between: Network, seen: bool
) -> None:
    store, name = open_store(s3_url), "positions/a"
    assert not seen or store.replace({name: b"1"}, {})
    marks = {name: mark for name, (_, mark) in store.contents([name]).items()}
    between.after = lost_once()
    between.seen.clear()
    assert store.replace({name: b"2"}, marks)
    assert sum(method == "PUT" and name in path for method, path in between.seen) == 2
    assert open_store(s3_url).contents([name])[name][0] == b"2"


def test_a_small_file_that_another_replaced_while_the_answer_was_lost_is_not_replaced(
    s3_url: str, between: Network
) -> None:
    store, name = open_store(s3_url), "positions/a"
    assert store.replace({name: b"1"}, {})
    marks = {name: mark for name, (_, mark) in store.contents([name]).items()}
    other, left = open_store(s3_url), iter([None])

    def lost(request: Request) -> Answer | None:
        if not is_small(request) or next(left, True):
            return None
        assert other.replace({name: b"3"}, marks)
        return 0, b""

    between.before = lost
    assert not store.replace({name: b"2"}, marks)
    assert store.contents([name])[name][0] == b"3"


# a store that must not be used


def strips_conditions(request: Request) -> None:
    for name in [name for name in request.headers if name.lower() == "if-none-match"]:
        del request.headers[name]


def test_a_store_that_ignores_conditions_is_refused(s3_url: str, between: Network) -> None:
    between.before = strips_conditions
    for _ in range(2):
        with pytest.raises(StoreError, match="does not keep to conditions"):
            open_store(s3_url)


def test_a_store_that_ignores_conditions_is_refused_also_after_it_was_in_use(
    s3_url: str, between: Network
) -> None:
    open_store(s3_url).put_if_absent("commits/1", writing(b"first"))
    between.before = strips_conditions
    with pytest.raises(StoreError, match="does not keep to conditions"):
        open_store(s3_url)


def test_a_store_that_knows_no_conditions_is_refused(s3_url: str, between: Network) -> None:
    between.before = lambda request: (
        refusal(501, "NotImplemented") if request.method == "PUT" else None
    )
    with pytest.raises(StoreError, match="does not know what the log needs"):
        ObjectStore(s3_url, patience=1.0)


# reading only, and errors for people


def test_credentials_that_may_only_read_open_it_for_reading(s3_url: str, between: Network) -> None:
    open_store(s3_url).put_if_absent("commits/1", writing(b"first"))
    between.before = lambda request: (
        refusal(403, "AccessDenied") if request.method in ("PUT", "POST") else None
    )
    store = open_store(s3_url)
    assert store.names("commits") == ["1"]
    assert store.fresh_path("commits/1").read_bytes() == b"first"
    with pytest.raises(StoreError, match=r"no permission.*Nothing was appended") as caught:
        store.put_if_absent("commits/2", writing(b"second"))
    assert SECRET not in str(caught.value)
    with pytest.raises(StoreError, match=r"cannot remove .*no permission"):
        store.delete("commits/1")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal(403, "InvalidAccessKeyId"), "credentials are wrong or have expired"),
        (refusal(403, "SignatureDoesNotMatch"), "check AWS_ACCESS_KEY_ID"),
        (refusal(400, "ExpiredToken"), "credentials are wrong or have expired"),
        (refusal(403, "AccessDenied"), "these credentials have no permission"),
        (refusal(404, "NoSuchBucket"), "there is no such bucket"),
        (refusal(400, "AuthorizationHeaderMalformed"), "lies in another region; set AWS_REGION"),
        ((301, b""), "lies in another region; set AWS_REGION"),
        (refusal(503, "SlowDown"), "it is overloaded; repeat later"),
        (refusal(500, "InternalError"), "it answered 500 Internal Server Error (InternalError)"),
        (refusal(418, "Tea"), "it answered 418 I'm a teapot (Tea)"),
        ((0, b""), "the connection broke off"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_without_secrets(
    s3_url: str, between: Network, answer: Answer, said: str
) -> None:
    between.before = lambda _: answer
    with pytest.raises(StoreError) as caught:
        ObjectStore(s3_url, patience=0.3)
    message = str(caught.value)
    assert said in message
    assert message.startswith(f"cannot open {s3_url}")
    assert "\n" not in message
    assert SECRET not in message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("endpoint", "allowed", "said"),
    [
        ("http://127.0.0.1:9", "true", "it cannot be reached"),
        ("http://no-such-host.invalid", "true", "host name is not known"),
        ("{server}", "false", "plain http is refused"),
        ("{tls}", "true", "no safe connection (TLS)"),
    ],
)
def test_an_endpoint_that_is_wrong_is_told(
    s3: str, s3_url: str, monkeypatch, endpoint: str, allowed: str, said: str
) -> None:
    tls = s3.replace("http:", "https:")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.format(server=s3, tls=tls))
    monkeypatch.setenv("AWS_ALLOW_HTTP", allowed)
    with pytest.raises(StoreError) as caught:
        ObjectStore(s3_url, patience=0.3)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_bucket_that_is_missing_is_told(s3_url: str) -> None:
    with pytest.raises(StoreError, match="there is no such bucket; make it"):
        open_store(s3_url.replace(BUCKET, "nowhere"))


@pytest.mark.slow
def test_a_store_that_goes_away_during_a_put_leaves_it_open_whether_it_was_kept(
    s3_url: str, between: Network
) -> None:
    store = ObjectStore(s3_url, patience=0.5)
    between.before = lambda _: (0, b"")
    with pytest.raises(StoreError, match=r"It may have been appended. Append the same events"):
        store.put_if_absent("commits/1", writing(b"first"))
    for ask in (store.exists, store.path, store.names):
        with pytest.raises(StoreError, match=r"cannot (read|list)"):
            ask("commits/1")
    between.before = lambda _: None
    assert store.put_if_absent("commits/1", writing(b"first"))


def test_a_put_that_is_forbidden_appended_nothing(s3_url: str, between: Network) -> None:
    store = open_store(s3_url)
    between.before = lambda request: refusal(403, "AccessDenied") if is_commit(request) else None
    with pytest.raises(StoreError, match=r"no permission.*Nothing was appended\."):
        store.put_if_absent("commits/1", writing(b"first"))


@pytest.mark.parametrize(
    "location",
    [
        "s3://",
        f"s3://id:{SECRET}@bucket/x",
        "s3://bucket/x?versionId=1",
        "ftp://host/x",
        "file://host/x",
    ],
)
def test_a_location_that_is_none_is_told(location: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(location)
    assert SECRET not in str(caught.value)


def test_a_url_that_became_a_path_is_told() -> None:
    with pytest.raises(StoreError, match="write s3://bucket/prefix"):
        open_store(Path("s3://bucket/prefix"))


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a log"
    assert open_store(folder.as_uri()).local == folder
    assert open_store(str(folder)).local == folder


def test_without_the_client_it_is_said_what_to_install(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "event_log.storage.bucket")
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(StoreError, match=r"in the clone: uv pip install '\.\[object-store\]'"):
        open_store("s3://bucket/prefix")


def test_a_local_log_does_not_import_the_client() -> None:
    script = (
        "import sys; from event_log.storage.opening import open_store;"
        "open_store('x').names('commits');"
        "sys.exit('obstore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0


def test_in_a_forked_process_it_is_told_and_does_not_hang(s3_url: str) -> None:
    store = open_store(s3_url)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            store.names("commits")
        except StoreError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    assert b"before this process was forked" in os.read(read, 4096)
    os.waitpid(child, 0)
    assert store.names("commits") == []


# copies


def test_a_file_is_fetched_once(s3_url: str, between: Network) -> None:
    open_store(s3_url).put_if_absent("commits/1", writing(b"first"))
    store = open_store(s3_url)
    store.names("commits")
    between.seen.clear()
    assert store.path("commits/1") == store.path("commits/1")
    assert between.seen == []
    assert store.fresh_path("commits/1").read_bytes() == b"first"
    assert [method for method, _ in between.seen] == ["GET"]


def test_opening_costs_one_request(s3_url: str, between: Network) -> None:
    open_store(s3_url)
    between.seen.clear()
    open_store(s3_url)
    assert [method for method, _ in between.seen] == ["PUT"]


def test_a_damaged_copy_does_not_hide_what_the_store_has(s3_url: str) -> None:
    store = open_store(s3_url)
    store.put_if_absent("commits/1", writing(b"first"))
    store.path("commits/1").write_bytes(b"worse")
    assert store.fresh_path("commits/1").read_bytes() == b"first"
    assert store.path("commits/1").read_bytes() == b"first"


def test_a_log_that_was_written_anew_is_not_read_from_copies(s3_url: str) -> None:
    one, two = open_store(s3_url), open_store(s3_url)
    one.put_if_absent("commits/1", writing(b"first"))
    assert one.path("commits/1").read_bytes() == b"first"
    two.delete("commits/1")
    two.put_if_absent("commits/1", writing(b"anew"))
    assert open_store(s3_url).path("commits/1").read_bytes() == b"anew"


def test_a_cache_that_is_deleted_or_old_is_filled_again(s3_url: str) -> None:
    store = open_store(s3_url)
    store.put_if_absent("commits/1", writing(b"first"))
    store.put_if_absent("commits/2", writing(b"second"))
    store.path("commits/1").unlink()
    assert store.path("commits/1").read_bytes() == b"first"
    left = store.local / "staging" / "left"
    left.write_bytes(b"by a dead writer")
    month_ago, old = time.time() - 31 * 86_400, store.path("commits/2")
    for path in (left, old):
        os.utime(path, (month_ago, month_ago))
    recent = store.path("commits/1")
    assert open_store(s3_url).put_if_absent("commits/3", writing(b"third"))
    assert not left.exists()
    assert not old.exists()
    assert recent.exists()
    assert store.path("commits/2").read_bytes() == b"second"


def test_copies_are_for_their_owner_only_and_apart_for_each_url(s3_url: str) -> None:
    store = open_store(s3_url)
    store.put_if_absent("commits/1", writing(b"first"))
    assert store.local.stat().st_mode & 0o077 == 0
    assert open_store(f"{s3_url}/other").local != store.local


def test_a_cache_that_cannot_be_written_is_told(s3_url: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STET_CACHE", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="Set STET_CACHE to another folder"):
        open_store(s3_url)
