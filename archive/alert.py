"""Alerts: the command in ``STET_ALERT_COMMAND`` gets a failed run as one JSON object."""

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
"""How long the command may take; then it is killed, with all processes that it started."""
SHOWN = 300
"""Characters of the command's errors that are logged."""

log = logging.getLogger("stet.alert")


def send_alert(job: str, run: str, what: str, where: str, when: datetime | None = None) -> bool:
    """Run the operator's command with one JSON object on its standard input.

    Returns whether the command succeeded; without ``STET_ALERT_COMMAND`` there is none, and it
    returns ``False``. ``job`` is what failed, ``run`` the id of that attempt, ``what`` one line
    that says what went wrong, ``where`` the step or the view, ``when`` the instant, by default now.

    The command is split as a shell would, but no shell runs it. Its own failure is logged, and
    never raised: the caller has a failure of its own to report.

    >>> os.environ.pop("STET_ALERT_COMMAND", None) and None
    >>> send_alert("catch_up", "4f3a", "the cluster is away", "articles")
    False
    """
    command = settings.text(COMMAND)
    if not command:
        return False
    moment = (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    alert = {
        "job": job,
        "run": run,
        "what": " ".join(what.split()),
        "where": where,
        "when": moment.replace("+00:00", "Z"),
    }
    try:
        problem = _run(shlex.split(command), json.dumps(alert, ensure_ascii=False).encode() + b"\n")
    except (OSError, ValueError) as error:
        problem = str(error)
    if problem:
        log.warning("%s did not take the alert of %s: %s", COMMAND, job, problem)
    return not problem


def _run(command: list[str], alert: bytes) -> str:
    """Run the command; returns in one line what went wrong, or the empty string."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # so that its children can be killed with it
        )
        try:
            process.communicate(alert, SECONDS)
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
