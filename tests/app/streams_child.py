"""Runs commands with their standard streams closed or full, each in a fork of one process.

It reads cases as JSON (``words``, ``streams``) from the file in its first argument, and writes for
each what its streams got and its exit code as JSON. A fork costs a hundredth of a new interpreter.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from app.cli import main
from newsroom import DOMAIN


def run(words: list[str], streams: dict[str, str]) -> dict[str, object]:
    """Run one command; the state of a stream is ``closed``, ``full``, or else it is a file."""
    with tempfile.TemporaryDirectory() as folder:
        files = {number: Path(folder, str(number)) for number in (1, 2)}
        child = os.fork()
        if not child:
            _become(words, streams, files)
        _, status = os.waitpid(child, 0)
        texts = [p.read_bytes().decode() if p.exists() else "" for p in files.values()]
        return {"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}


def _become(words: list[str], streams: dict[str, str], files: dict[int, Path]) -> None:
    """Turn this process into the command, as an interpreter would that was started so."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        state = streams.get(name, "file")
        os.close(number)
        if state == "closed":
            setattr(sys, name, None)
            continue
        path = "/dev/full" if state == "full" else files.get(number, Path(os.devnull))
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115
    sys.argv = ["stet", *words]
    code = 99
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        if code == 99 and sys.exc_info()[0]:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]  # as at an interpreter's end
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _ = dict(DOMAIN.views)  # what most commands import, once for all
    cases = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(json.dumps([run(case["words"], case["streams"]) for case in cases]))
