"""A business of one's own is appended, searched, operated and caught up like the newsroom.

The domain is written down in a temporary folder, and nothing is installed for it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch

ROOT = Path(__file__).parents[2]
STET = Path(sys.executable).parent / "stet"
THIRTY_LINES = """
import pyarrow as pa

from event_log import INSTANT, TEXT, Category, Effect, EventType
from replay import HISTORY, Domain, View, chosen, visible

FIELDS = [("title", pa.string()), ("text", TEXT), ("shelf", pa.string()), ("written_at", INSTANT)]
NOTE = Category(
    "note",
    pa.schema(FIELDS),
    (
        EventType("NoteWritten", Effect.CREATES, ("title",)),
        EventType("NoteEdited", Effect.REVISES),
        EventType("NoteDropped", Effect.REMOVES),
    ),
    annotations=pa.schema([("reason", pa.string())]),
)
NOTES = View(
    name="notes",
    code_version=1,
    documents=lambda state, keys: (
        visible(state, "note", keys).select("id", "title", "shelf", "written_at")
    ),
    lineage=lambda state, keys: chosen(state.entities("note"), keys).select("id", entity="id"),
    title="title",
    text={"title": ("title",)},
    filters={"id": "id", "shelf": "shelf"},
    date="written_at",
    per="note",
)
DOMAIN = Domain("notes", [NOTE], views=[NOTES, HISTORY])
"""
NOTES = {
    "spec": "notes:DOMAIN",
    "name": "notes",
    "stream": "note/{}",
    "creates": "NoteWritten",
    "revises": "NoteEdited",
    "view": "notes",
    "title": "title",
    "filter": "shelf",
    "date": "written_at",
    "fields": {"title": "Whales seen off Nantucket", "shelf": "sea"},
    "annotations": {"reason": "Seen again"},
}
ORDERS = {
    "spec": "examples.orders:DOMAIN",
    "name": "orders",
    "stream": "order/{}",
    "creates": "NewOrderEvent",
    "revises": "ModifyOrderEvent",
    "view": "orders",
    "title": "item",
    "filter": "shop",
    "date": "ordered_at",
    "fields": {"item": "Whales seen off Nantucket", "shop": "sea", "quantity": 1},
    "annotations": {},
}


class Desk:
    """``stet`` for one domain in a folder of its own, each command a process of its own."""

    def __init__(self, folder: Path, business: dict[str, Any], environment: dict[str, str]) -> None:
        self.folder, self.business = folder, business
        self.environment = {**os.environ, "STET_HOME": str(folder / "home"), **environment}

    def command(self, *arguments: str) -> list[str]:
        return [str(STET), "--domain", self.business["spec"], *arguments]

    def stet(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert bool(done.returncode) is fails, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stderr if fails else done.stdout

    def json(self, *arguments: str) -> list[Any]:
        return [json.loads(line) for line in self.stet(*arguments, "--json").splitlines()]

    def stream(self, number: int) -> str:
        return str(self.business["stream"].format(number))

    def fields(self, **changed: str) -> str:
        return json.dumps({**self.business["fields"], **changed})


both_domains = pytest.mark.parametrize(
    "business",
    [
        pytest.param(NOTES, id="notes"),
        pytest.param(ORDERS, id="orders", marks=pytest.mark.slow),
    ],
)


@pytest.fixture(params=["embedded", pytest.param("elasticsearch", marks=pytest.mark.server)])
def search(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of each engine."""
    if request.param == "embedded":
        yield {"STET_SEARCH": "embedded"}
        return
    used = real_elasticsearch.fresh()
    yield {"STET_SEARCH": used.url, "STET_SEARCH_PREFIX": used.prefix}
    real_elasticsearch.remove(used)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "notes.py").write_text(THIRTY_LINES)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "dangling.py").write_text(
        "from notes import NOTE, NOTES\n"
        "from replay import Domain\n"
        "DOMAIN = Domain('x', [NOTE], [NOTES], references={'note': {'shelf': 'shelf'}})\n"
    )
    (tmp_path / "lacking.py").write_text("\nimport no_such_library\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "typed.py").write_text(
        THIRTY_LINES.replace('("title", pa.string())', '("title", pa.decimal128(5, 2))')
    )
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.slow
@both_domains
def test_a_domain_goes_through_all_that_the_newsroom_does(
    folder: Path, business: dict[str, Any], search: dict[str, str]
) -> None:
    desk = Desk(folder, business, search)
    one, two = desk.stream(1), desk.stream(2)
    title, view, filtered = business["title"], business["view"], business["filter"]

    # append and import
    desk.stet("append", one, business["creates"], "--data", desk.fields(), "--actor", "ana")
    line = {"stream": two, "type": business["creates"], "data": json.loads(desk.fields())}
    line["data"] |= {filtered: "land", business["date"]: "1851-10-18T12:00:00Z"}
    (folder / "more.jsonl").write_text(json.dumps({**line, "event_id": "more-1"}) + "\n")
    assert "1 event added" in desk.stet("import", "more.jsonl")
    refused = desk.stet("append", one, business["creates"], "--data", desk.fields(), fails=True)
    assert f"{one} exists already" in refused

    # rebuild, search with facets and filters
    desk.stet("rebuild")
    (found,) = desk.json("search", "whale", "--facet", filtered, "--facet", "year")
    assert found["total"] == 2
    assert sorted(found["facets"][filtered]) == [["land", 1], ["sea", 1]]
    assert found["facets"]["year"] == [["1851", 1]]
    (found,) = desk.json("search", "whale", "--filter", f"{filtered}=land", "--from", "1851")
    assert [hit["id"] for hit in found["hits"]] == [two]

    # preview, revise, catch up
    changed = json.dumps({title: "Walrus seen"})
    (preview,) = desk.json("preview", one, business["revises"], "--data", changed)
    assert preview["documents"] == {view: 1, "history": 1}
    said = [word for n, text in business["annotations"].items() for word in (f"--{n}", text)]
    desk.stet("append", one, business["revises"], "--data", changed, "--actor", "ben", *said)
    (caught_up,) = desk.json("catch-up")
    assert (caught_up["through"], caught_up["events"]) == (3, 1)
    assert desk.json("search", "walrus")[0]["hits"][0]["id"] == one

    # history, explain, the past, the proof
    life = desk.json("history", one)
    assert [event["actor"] for event in life] == ["ana", "ben"]
    assert {"field": title, "old": business["fields"][title], "new": "Walrus seen"} in life[1][
        "changes"
    ]
    assert {a["field"]: a["value"] for a in life[1]["annotations"]} == business["annotations"]
    assert desk.json("search", "ben", "--view", "history")[0]["total"] == 1
    (explained,) = desk.json("explain", one)
    assert (explained["view"], [c["sequence"] for c in explained["latest"]]) == (view, [1, 3])
    assert desk.json("search", "whale", "--at", "2")[0]["total"] == 2
    assert desk.json("search", "whale")[0]["total"] == 1
    (compared, of_history) = desk.json("compare")
    assert (compared["documents"], compared["differences"]["count"]) == (2, 0)
    assert (of_history["documents"], of_history["differences"]["count"]) == (3, 0)
    assert "the log holds: 3 events" in desk.stet("verify")


@pytest.mark.slow
@both_domains
def test_a_domain_is_followed(
    folder: Path, business: dict[str, Any], search: dict[str, str]
) -> None:
    desk = Desk(folder, business, search)
    desk.stet("append", desk.stream(1), business["creates"], "--data", desk.fields())
    desk.stet("rebuild")
    following = subprocess.Popen(
        desk.command("follow", "--json"),
        cwd=folder,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stderr
    assert following.stdout
    try:
        while "following from" not in (told := following.stderr.readline()):
            assert told, "it ended before it followed"
        desk.stet("append", desk.stream(2), business["creates"], "--data", desk.fields(), "--wait")
        assert select.select([following.stdout], [], [], 10)[0]
        assert json.loads(following.stdout.readline())["through"] == 2
    finally:
        following.send_signal(signal.SIGTERM)
        following.communicate(timeout=30)
    assert following.returncode == 0
    assert desk.json("search", "whale")[0]["total"] == 2


@pytest.mark.slow
@both_domains
def test_dagster_rebuilds_and_catches_up_the_domain_in_force(
    folder: Path, business: dict[str, Any], search: dict[str, str]
) -> None:
    desk = Desk(folder, business, search)
    desk.stet("append", desk.stream(1), business["creates"], "--data", desk.fields())
    script = f"""
import sys
sys.path.insert(0, ".")
from dagster import AssetKey
from pipelines.definitions import definitions

graph = definitions.resolve_asset_graph()
keys = {{key.to_user_string() for key in graph.get_all_asset_keys()}}
assert {{"views/{business["view"]}", "index/{business["view"]}", "index/history"}} <= keys, keys
assert not any("articles" in key for key in keys), keys
quiet = {{"loggers": {{"console": {{"config": {{"log_level": "ERROR"}}}}}}}}
for name in ("rebuild", "catch_up", "check_lag", "verify"):
    assert definitions.resolve_job_def(name).execute_in_process(run_config=quiet).success, name
"""
    environment = {**desk.environment, "STET_DOMAIN": business["spec"], "DAGSTER_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert desk.json("search", "whale")[0]["total"] == 1


@pytest.mark.slow
def test_an_archive_remembers_its_domain_and_says_so_to_another(folder: Path) -> None:
    desk = Desk(folder, NOTES, {})
    desk.stet("append", "note/1", "NoteWritten", "--data", desk.fields())
    assert json.loads((folder / "home" / "domain.json").read_text()) == {"domain": "notes"}
    other = Desk(folder, ORDERS, {})
    message = other.stet("search", "whale", fails=True)
    assert "is an archive of the domain 'notes', not of 'orders'" in message
    assert "open it with the domain module:NAME (the module that defines notes" in message
    refused = other.stet("append", "order/1", "NewOrderEvent", "--data", "{}", fails=True)
    assert "is an archive of the domain 'notes'" in refused
    without = subprocess.run(
        [STET, "status"], cwd=folder, env=desk.environment, capture_output=True, text=True
    )
    assert without.returncode == 1
    assert "was made with the domain 'notes', which is not installed" in without.stderr
    assert "stet --domain MODULE:NAME" in without.stderr


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("newsrom", "did you mean 'newsroom'?"),
        ("nowhere:DOMAIN", "go to the folder that has nowhere.py, or install it"),
        ("notes.more:DOMAIN", "there is no module 'notes.more' in "),
        ("lacking:DOMAIN", "No module named 'no_such_library' (lacking.py, line 2)"),
        ("notes:DOMAN", "the module notes has no DOMAN; its domains: notes:DOMAIN"),
        ("notes:NOTE", "is a Category, not a Domain; its domains: notes:DOMAIN"),
        ("empty:DOMAIN", "the module empty has no DOMAIN; its domains: none"),
        ("typed:DOMAIN", "cannot be decimal128(5, 2); use pa.string(), TEXT (long prose), pa.int"),
        ("notes:", "write module:NAME"),
        ("broken:DOMAIN", "cannot be imported: ZeroDivisionError"),
        ("dangling:DOMAIN", "references['note']['shelf']: there is no category 'shelf'"),
    ],
)
def test_what_names_no_domain_is_told_in_a_line(folder: Path, spec: str, says: str) -> None:
    desk = Desk(folder, {**NOTES, "spec": spec}, {})
    message = desk.stet("status", fails=True)
    assert says in message
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1


def test_a_refused_event_leaves_no_archive_behind(folder: Path) -> None:
    desk = Desk(folder, NOTES, {})
    desk.stet("append", "note/1", "NoteEdited", "--data", desk.fields(), fails=True)
    assert not (folder / "home" / "domain.json").exists()
    assert not list((folder / "home").rglob("*.parquet"))
