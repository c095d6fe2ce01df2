"""The commands as a person or a program uses them: what is printed where, and the exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli

COMMANDS = (
    "append", "import", "generate", "log", "history", "rebuild", "export", "search", "status",
    "verify", "evaluate", "explain", "diff",
)  # fmt: skip
PUBLISHED = {"headline": "The whale returns", "published_at": "1851-10-18T12:00:00Z"}
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def invoke(*arguments: str, home: Path | None = None, **options: Any) -> Result:
        environment = {"STET_HOME": str(home or tmp_path / "home")}
        return CliRunner().invoke(cli, arguments, env=environment, **options)

    return invoke


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with one section, two articles, a revision, and a rebuild of it."""
    home = tmp_path_factory.mktemp("small") / "home"

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--home", str(home)])

    for stream, type_name, data in (
        ("section/sea", "SectionOpened", {"name": "Sea"}),
        ("article/1", "ArticlePublished", PUBLISHED | {"section_id": "section/sea"}),
        ("article/2", "ArticlePublished", PUBLISHED | {"headline": "A <b>ship</b> & its whale"}),
        ("article/1", "ArticleRevised", {"headline": "The white whale returns"}),
    ):
        result = run("append", stream, type_name, "--data", json.dumps(data), "--actor", "ana")
        assert result.exit_code == 0, result.output
    assert run("rebuild").exit_code == 0
    return home


@pytest.fixture
def small(built: Path, run: Run, tmp_path: Path) -> Run:
    shutil.copytree(built, tmp_path / "home")
    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: stet {command}" in " ".join(result.stdout.split())


def test_append_prints_the_receipt(run: Run) -> None:
    result = run("append", "tag/sea", "TagDefined", "--data", '{"name": "Sea"}', "--json")
    receipt = json.loads(result.stdout)
    assert (receipt["first"], receipt["last"], receipt["version"]) == (1, 1, 1)
    assert len(bytes.fromhex(receipt["digest"])) == 32
    told = run("append", "tag/sea", "TagRevised", "--data", '{"kind": "place"}').stdout
    assert told.startswith("sequence 2, version 2 of tag/sea, digest ")


def test_append_refuses_with_what_is_the_case_and_exit_code_1(small: Run) -> None:
    result = small("append", "article/1", "ArticlePublished", "--data", json.dumps(PUBLISHED))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: article/1 exists already, at version 2; revise it\n"


def test_append_tells_a_conflict_with_the_actual_version(small: Run) -> None:
    arguments = ("append", "article/1", "ArticleRevised", "--expected-version", "1")
    result = small(*arguments)
    assert result.exit_code == 1
    assert "expected version 1, but it is at version 2" in result.stderr


def test_data_that_is_not_json_is_wrong_usage(run: Run) -> None:
    assert run("append", "tag/a", "TagDefined", "--data", "{oops").exit_code == 2


@pytest.mark.parametrize("command", ["append", "preview"])
@pytest.mark.parametrize("data", ["[1]", "[]", "null", '"x"', "3", '[["name", "x"]]'])
def test_data_that_is_no_object_of_fields_is_wrong_usage(run: Run, command: str, data: str) -> None:
    result = run(command, "tag/a", "TagDefined", "--data", data)
    assert result.exit_code == 2
    assert "error: Invalid value for --data: it is JSON, but no object of fields" in result.stderr


def test_standard_input_is_not_asked_for_the_data_and_for_the_body(run: Run) -> None:
    result = run("append", "article/1", "ArticlePublished", "--data", "-", "--body-file", "-")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: --data and --body-file are both of stdin; name a file")


def test_a_type_that_there_is_not_is_told_and_does_not_print_an_empty_log(small: Run) -> None:
    result = small("log", "--type", "ArticleRevisd")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: --type: 'ArticleRevisd' is no type of event; stet types lists them\n"
    )


def test_a_search_tells_of_a_date_by_the_name_of_its_option(small: Run) -> None:
    for option in ("--from", "--to"):
        result = small("search", "whale", option, "31-31-31")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {option}: '31-31-31'")


def test_import_counts_and_rejects_with_exit_code_1(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    good = {"stream": "article/1", "type": "ArticlePublished", "data": PUBLISHED, "event_id": "a"}
    source.write_text(json.dumps(good) + "\n{oops\n")
    stopped = run("import", str(source))
    assert stopped.exit_code == 1
    assert f"error: {source}, line 2: is not JSON" in stopped.stderr
    rejected = run("import", str(source), "--on-error", "reject", "--json")
    assert rejected.exit_code == 1
    assert json.loads(rejected.stdout)[str(source)]["added"] == 1
    assert "1 line rejected" in rejected.stderr


def test_import_reads_what_generate_writes(run: Run) -> None:
    generated = run("generate", "--articles", "20", "--seed", "3")
    assert generated.exit_code == 0
    result = run("import", "-", "--json", input=generated.stdout_bytes)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["-"]["added"] == len(generated.stdout_bytes.splitlines())


def test_log_prints_events_oldest_first_and_selects(small: Run) -> None:
    events = [json.loads(line) for line in small("log", "--json").stdout.splitlines()]
    assert [e["sequence"] for e in events] == [1, 2, 3, 4]
    assert events[1]["data"]["published_at"] == "1851-10-18T12:00:00Z"
    one = small("log", "--stream", "article/1", "--json").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in one] == [2, 4]
    some = small("log", "--after", "1", "--type", "ArticlePublished", "--limit", "1", "--json")
    assert [json.loads(line)["sequence"] for line in some.stdout.splitlines()] == [2]


def test_history_says_who_changed_what_from_what_to_what(small: Run) -> None:
    told = small("history", "article/1").stdout
    assert "headline: The whale returns → The white whale returns" in told
    assert "ana" in told
    missing = small("history", "article/9")
    assert missing.exit_code == 1
    assert "article/9 has no events" in missing.stderr


def test_export_gives_documents_in_key_order_as_of_now_or_then(small: Run) -> None:
    now = [json.loads(line) for line in small("export", "articles").stdout.splitlines()]
    assert [d["id"] for d in now] == ["article/1", "article/2"]
    assert now[0]["headline"] == "The white whale returns"
    then = small("export", "articles", "--at", "2").stdout.splitlines()
    assert [json.loads(line)["headline"] for line in then] == ["The whale returns"]
    one = small("export", "articles", "--key", "article/2").stdout.splitlines()
    assert [json.loads(line)["id"] for line in one] == ["article/2"]


def test_a_document_or_a_stream_that_is_not_there_is_told(small: Run, tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    file.write_text("as it was")
    for words in ((), ("--format", "csv"), ("--to", str(file))):
        missing = small("export", "articles", "--key", "article/9", *words)
        assert (missing.exit_code, missing.stdout) == (1, "")
        assert "there is no article/9 in articles as of sequence 4;" in missing.stderr
    assert file.read_text() == "as it was"
    early = small("export", "articles", "--key", "article/2", "--at", "2")
    assert "there is no article/2 in articles as of sequence 2;" in early.stderr
    csv = small("export", "articles", "--key", "article/2", "--format", "csv").stdout.splitlines()
    assert len(csv) == 2
    missing = small("log", "--stream", "article/9")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "article/9 has no events" in missing.stderr
    none_of_type = small("log", "--stream", "article/1", "--type", "ArticleRetracted")
    assert (none_of_type.exit_code, none_of_type.stdout) == (0, "")


@pytest.mark.parametrize("day", ["13-40", "02-30", "00-01"])
def test_what_is_no_month_and_day_is_named_as_it_was_typed(small: Run, day: str) -> None:
    told = small("on-this-day", day)
    assert told.exit_code == 2
    assert f"'{day}' is no month and day; write 04-15" in told.stderr
    assert "1912" not in told.stderr


def test_export_does_not_wait_for_a_rebuild(small: Run) -> None:
    small("append", "article/2", "ArticleRetracted")
    exported = small("export", "articles").stdout.splitlines()
    assert [json.loads(line)["id"] for line in exported] == ["article/1"]


def test_search_finds_and_highlights_and_counts(small: Run) -> None:
    answer = json.loads(small("search", "whale", "--facet", "section", "--json").stdout)
    assert (answer["total"], answer["matching"]) == (2, "all")
    titles = {hit["id"]: hit["title"] for hit in answer["hits"]}
    assert titles["article/2"] == "A ship &amp; its <mark>whale</mark>"
    assert answer["facets"]["section"] == [["Sea", 1]]
    told = small("search", "white whale", "--filter", "section=Sea").stdout
    assert "1 found" in told
    assert "The [white] [whale] returns" in told


def test_search_counts_by_date_and_by_the_values_of_a_facet_that_contain_a_text(small: Run) -> None:
    facets = ("--facet", "section=SE", "--facet", "year", "--facet", "source=nothing")
    answer = json.loads(small("search", "--histogram", "month", *facets, "--json").stdout)
    assert answer["histogram"] == [["1851-10", 2]]
    assert answer["facets"] == {"section": [["Sea", 1]], "year": [["1851", 2]], "source": []}
    assert f"1850 2 {'#' * 40}" in small("search", "--histogram", "decade").stdout.splitlines()
    assert json.loads(small("search", "--json").stdout)["histogram"] == []


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        (("--from", "-30d"), 0),
        (("--from=-30d",), 0),
        (("--to", "-30d"), 2),
        (("--to=-1y", "--from", "1851"), 2),
        (("--from", "18 October 1851", "--to", "Oct 1851"), 2),
        (("--filter", "date=1851-10-18"), 2),
        (("--filter", "date=-30d"), 0),
    ],
)
def test_dates_may_be_written_in_words_or_counted_from_today(
    small: Run, dates: tuple[str, ...], found: int
) -> None:
    result = small("search", "whale", *dates, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["total"] == found


def test_a_query_may_begin_with_a_minus(small: Run) -> None:
    for text, left in (("-ship", ["article/1"]), ("-headline:ship", ["article/1"]), ("-hen", 2)):
        hits = json.loads(small("search", text, "--json").stdout)["hits"]
        assert (len(hits) if isinstance(left, int) else [hit["id"] for hit in hits]) == left


def test_search_before_a_rebuild_says_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    result = run("search", "whale")
    assert result.exit_code == 1
    assert "stet rebuild" in result.stderr


def test_status_says_how_far_each_view_is(small: Run) -> None:
    small("append", "tag/sea", "TagDefined", "--data", '{"name": "Sea"}')
    found = json.loads(small("status", "--json").stdout)
    assert found["head"] == 5
    articles = found["views"][0]
    assert (articles["view"], articles["checkpoint"], articles["lag_events"]) == ("articles", 4, 1)
    assert articles["documents"] == 2
    assert articles["lag_seconds"] >= 0
    assert "articles" in small("status").stdout


def test_a_rebuild_of_the_past_serves_the_past(small: Run) -> None:
    assert small("rebuild", "articles", "--at", "2").exit_code == 0
    answer = json.loads(small("search", "", "--json").stdout)
    assert [hit["id"] for hit in answer["hits"]] == ["article/1"]
    beyond = small("rebuild", "--at", "999")
    assert beyond.exit_code == 1
    assert "the log's head is 4" in beyond.stderr


def test_rebuild_tells_each_view_as_json(small: Run) -> None:
    result = json.loads(small("rebuild", "--json").stdout)
    assert result["sequence"] == 4
    assert {v["view"]: v["documents"] for v in result["views"]}["articles"] == 2


def test_verify_says_that_the_chain_holds(small: Run) -> None:
    assert "the log holds: 4 events in 4 commits" in small("verify").stdout


def test_verify_names_what_does_not_fit(small: Run, tmp_path: Path) -> None:
    commits = sorted((tmp_path / "home" / "log" / "commits").iterdir())
    commits[2].unlink()
    result = small("verify")
    assert result.exit_code == 1
    assert "sequence 3" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("rebuild", "nonsense"),
        ("export", "nonsense"),
        ("search", "x", "--view", "nonsense"),
        ("search", "x", "--sort", "sideways"),
        ("search", "x", "--filter", "section"),
        ("search", "x", "--page", "0"),
        ("import",),
        ("import", "x", "--on-error", "shrug"),
        ("nonsense",),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "articles", "--at", "soon"),
        ("search", "x", "--from", "1852", "--to", "1851"),
        ("search", "x", "--from", "04/05/1851"),
        ("growth", "--from", "2026-02", "--to", "2026-01"),
        ("growth", "--from", "soon", "--to", "2026-01"),
        (
            "append",
            "article/3",
            "ArticlePublished",
            "--data",
            '{"headline": "x"}',
            "--occurred-at",
            "-1d",
        ),
        ("import", "nowhere.jsonl"),
        ("search", "x", "--filter", "colour=red"),
        ("search", "x", "--from", "soon"),
        ("search", "x", "--facet", "colour"),
        ("search", "x", "--facet", "colour=red"),
        ("search", "--view", "topics", "--histogram", "year"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_1(
    small: Run, arguments: tuple[str, ...]
) -> None:
    result = small(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1


def test_home_may_stand_before_or_after_the_command_and_beats_the_environment(
    run: Run, tmp_path: Path
) -> None:
    define = ("append", "tag/sea", "TagDefined", "--data", '{"name": "Sea"}')
    other = tmp_path / "other"
    assert run("--home", str(other), *define).exit_code == 0
    assert run(*define, "--home", str(tmp_path / "third")).exit_code == 0
    assert json.loads(run("status", "--json", "--home", str(other)).stdout)["head"] == 1
    assert not (tmp_path / "home").exists()


def test_a_home_that_is_a_file_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    result = run("status", home=file)
    assert result.exit_code == 1
    assert "is a file" in result.stderr


def test_an_empty_archive_can_be_looked_at(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    assert run("status").exit_code == 0
    assert run("log").stdout == ""
    assert run("export", "articles").stdout == ""
    assert "0 events" in run("verify").stdout


def test_an_import_with_a_producer_goes_on_where_it_was_without_ids(
    run: Run, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    line = json.dumps({"stream": "tag/1", "type": "TagDefined", "data": {"name": "Sea"}}) + "\n"
    source.write_text(line * 2)
    arguments = ("import", str(source), "--producer", "import:sea")
    assert run(*arguments).stdout == f"{source}: 2 events added, 0 known already\n"
    source.write_text(line * 3)
    told = run(*arguments).stdout
    assert told == f"{source}: 1 event added, 0 known already, 2 lines imported before\n"
    other = tmp_path / "other.jsonl"
    other.write_text(line)
    assert "has 1 line, but producer" in run("import", str(other), *arguments[2:]).stderr
    both = run("import", str(source), str(other), *arguments[2:])
    assert (both.exit_code, "one file at a time" in both.stderr) == (2, True)
