"""Telling someone that a run failed: the command in ``STET_ALERT_COMMAND`` gets it as JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import signal
import subprocess
import tempfile
from datetime import UTC, datetime

from event_log import settings

COMMAND = "STET_ALERT_COMMAND"
SECONDS = 30.0
"""How long the command may take; it is ended then, with all that it started."""
SHOWN = 300

log = logging.getLogger("stet.alert")


def send_alert(job: str, run: str, what: str, where: str, when: datetime | None = None) -> bool:
    """Give the operator's command one JSON object on its standard input; say whether it took it.

    ``job`` and ``run`` are what failed and the id of that attempt, ``what`` is one line of what
    went wrong, ``where`` the step or the view, ``when`` the instant (now, if not given). Without
    ``STET_ALERT_COMMAND`` nothing happens. The command is split as a shell would, and no shell
    runs it. Whatever goes wrong with it is logged, and nothing else: the caller has a failure of
    its own to tell.

    >>> os.environ.pop("STET_ALERT_COMMAND", None) and None
    >>> send_alert("catch_up", "4f3a", "the cluster is away", "articles")
    False
    """
    command = settings.text(COMMAND)
    if not command:
        return False
    moment = (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    told = {
        "job": job,
        "run": run,
        "what": " ".join(what.split()),
        "where": where,
        "when": moment.replace("+00:00", "Z"),
    }
    try:
        problem = _run(shlex.split(command), json.dumps(told, ensure_ascii=False).encode() + b"\n")
    except (OSError, ValueError) as error:
        problem = str(error)
    if problem:
        log.warning("%s did not take the alert of %s: %s", COMMAND, job, problem)
    return not problem


def _run(command: list[str], told: bytes) -> str:
    """Run the command; returns what went wrong, in one line, or nothing."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # so that all that it starts can be ended with it
        )
        try:
            process.communicate(told, SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"it took longer than {SECONDS:g} s"
        if not process.returncode:
            return ""
        errors.seek(0)
        shown = " ".join(errors.read(4 * SHOWN).decode(errors="replace").split())[:SHOWN]
        return f"it ended with exit code {process.returncode}{f': {shown}' if shown else ''}"
