"""What a person waits for at a prompt: each command's time and memory, beside those of `search`.

    make bench-cli                              # 30,000 and 100,000 articles (about 40 minutes)
    .venv/bin/python -m benchmarks.cli --articles 3000 --rounds 3 --print-only

Each command is a process of its own. The commands take turns, so that whatever else the machine
does hits all of them, and the median of the rounds counts. Events were appended after the rebuild
and caught up, so no documents of the log's head lie ready; each round appends more. The byline
``byline/every`` has signed every article.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.main import STET
from benchmarks.measuring import Measured, into_page, machine, run
from event_log import last_sequence

SIZES = (30_000, 100_000)
ROUNDS = 5
TARGET = 2.0
"""A person expects an answer within so many times what `search` takes."""
EVERY = "byline/every"
BESIDE = ("pass", "import pyarrow")
"""What Python alone takes, and what whoever reads the log pays before anything else."""
SEARCH = "search whales"
EDITED = '+++\nname = "Ana Ruiz"\ntitle = "Editor {n}"\n+++\n'
LINE = '{{"stream": "tag/{n}", "type": "TagDefined", "data": {{"name": "Tag {n}"}}}}\n'
TITLE = """'{{"title": "Critic {n}"}}'"""
KICKER = """'{{"kicker": "Number {n}"}}'"""
COMMANDS = (
    SEARCH,
    "--help",
    "append --help",
    "status",
    "generations",
    "settings",
    "subscriptions",
    "types article",
    "suggest lon",
    "similar article/1",
    "on-this-day",
    "show byline/1",
    "log --limit 10",
    "log --since today --limit 10",
    "log --stream byline/1",
    "prove 1000",
    "history byline/1",
    "history article/1",
    "explain article/1",
    "explain byline/1",
    f"explain {EVERY}",
    "diff article/1",
    "diff byline/1",
    f"diff {EVERY}",
    "export articles --key article/1",
    "export bylines --key byline/1",
    f"export bylines --key {EVERY}",
    "export history --key byline/1@1",
    "export timeline --key 1912-04-15",
    f"preview byline/1 BylineRevised --data {TITLE}",
    f"preview {EVERY} BylineRevised --data {TITLE}",
    f"append byline/1 BylineRevised --data {TITLE}",
    f"append article/1 ArticleRevised --data {KICKER}",
    "batch {line}",
    "restore byline/1 --version 1",
    "edit byline/1 --file {edited}",
    "undo {head}",
)
"""In the order of a round: each of the last ones finds what the one before it has appended."""


@dataclass(frozen=True)
class Column:
    """One archive, and what each command took on it, round by round."""

    about: str
    measured: Mapping[str, Sequence[Measured]]

    def seconds(self, command: str) -> float:
        """The median of the rounds."""
        return median(each.seconds for each in self.measured[command])

    def ratio(self, command: str) -> float:
        """The median, over the rounds, of what it took for what `search` took."""
        beside = zip(self.measured[command], self.measured[SEARCH], strict=True)
        return median(each.seconds / search.seconds for each, search in beside)

    def peak(self, command: str) -> float:
        """The highest memory of all rounds, in MB."""
        return max(each.peak for each in self.measured[command])


def measure(articles: int, rounds: int, folder: Path) -> Iterator[Column]:
    """The columns of an archive of so many articles: as its import left it, and sealed."""
    generated, source, home = folder / "generated.jsonl", folder / "signed.jsonl", folder / "home"
    run(STET, "generate", "--articles", str(articles), stdout=generated)
    with generated.open("rb") as lines, source.open("wb") as file:
        file.writelines(signed_by_every(lines))
    run(STET, "import", source, "--home", home)
    run(STET, "rebuild", "--home", home)
    run(STET, "append", EVERY, "BylineRevised", "--data", '{"title": "All"}', "--home", home)
    run(STET, "catch-up", "--home", home)
    yield Column(f"{articles:,}", in_turns(home, rounds, folder))
    run(STET, "seal", "--grace", "0", "--home", home)
    run(STET, "catch-up", "--home", home)
    yield Column(f"{articles:,}, sealed", in_turns(home, rounds, folder))


def signed_by_every(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of generated events, in which one more byline has signed each article.

    >>> line = b'{"stream":"article/1","type":"ArticlePublished","data":{"headline":"A"}}'
    >>> json.loads(list(signed_by_every([line]))[1])["data"]["byline_ids"]
    ['byline/every']
    """
    registered = {"stream": EVERY, "type": "BylineRegistered", "data": {"name": "Every Body"}}
    yield json.dumps(registered).encode() + b"\n"
    for line in lines:
        event = json.loads(line)
        bylines = event["data"].get("byline_ids")
        if event["type"] == "ArticlePublished" or bylines is not None:
            event["data"]["byline_ids"] = [*(bylines or ()), EVERY]
        yield json.dumps(event).encode() + b"\n"


def in_turns(home: Path, rounds: int, folder: Path) -> dict[str, list[Measured]]:
    """What each command took in each round; one round more comes first, and does not count."""
    found: dict[str, list[Measured]] = {}
    for _ in range(rounds + 1):
        for code in BESIDE:
            found.setdefault(code, []).append(run(sys.executable, "-c", code))
        for command in COMMANDS:
            words = _words(command, home, folder)
            found.setdefault(command, []).append(run(STET, "--home", home, *words))
    return {command: measured[1:] for command, measured in found.items()}


def _words(command: str, home: Path, folder: Path) -> list[str]:
    """A command with the numbers and the files of this round; they follow from the log's head."""
    head = last_sequence(home / "log")
    files = {"line": folder / "line.jsonl", "edited": folder / "edited.md"}
    files["line"].write_text(LINE.format(n=head))
    files["edited"].write_text(EDITED.format(n=head))
    return [word.format(n=head, head=head, **files) for word in shlex.split(command)]


def table(columns: Sequence[Column]) -> str:
    """The figures as Markdown: seconds and how many times `search` they are, by archive."""
    heads = [head for column in columns for head in (f"{column.about}: s", "× search")]
    lines = [
        f"| command | {' | '.join(heads)} | peak MB |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for command in (*BESIDE, *COMMANDS):
        figures = [
            text
            for column in columns
            for text in (f"{column.seconds(command):.2f}", _ratio(column.ratio(command), command))
        ]
        peak = max(column.peak(command) for column in columns)
        lines.append(f"| {_name(command)} | {' | '.join(figures)} | {peak:,.0f} |")
    return "\n".join(lines)


def _ratio(ratio: float, command: str) -> str:
    missed = ratio > TARGET and command not in BESIDE
    return f"**{ratio:.1f}**" if missed else f"{ratio:.1f}"


def _name(command: str) -> str:
    if command in BESIDE:
        return f"`python -c '{command}'`"
    shown = command.partition(" --data")[0].format(line="FILE", edited="FILE", head="SEQUENCE")
    return f"`stet {shown}`"


def main() -> None:
    """Measure, print, and write the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="*", default=SIZES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    for name in ("STET_SEARCH", "PYTHONDONTWRITEBYTECODE"):  # a person has compiled modules
        os.environ.pop(name, None)
    columns = []
    for articles in chosen.articles:
        with tempfile.TemporaryDirectory(prefix="stet-cli-") as folder:
            columns += measure(articles, chosen.rounds, Path(folder))
    about = f"Median of {chosen.rounds} rounds, by the number of articles; {machine()}:"
    printed = f"{about}\n\n{table(columns)}\n"
    print(printed)
    if not chosen.print_only:
        into_page("cli", "bench-cli", printed)


if __name__ == "__main__":
    main()
