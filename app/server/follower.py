"""The process that keeps fresh what the server serves: it follows the log while no other does.

Its parent holds the other end of its standard input: when that closes, whatever ended the parent,
it ends too.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from event_log import LockHeld, SubscriptionHeld
from replay import StateHeld
from search import NothingServes

if TYPE_CHECKING:
    from archive import Archive, Follow

STEP_SECONDS = 5.0
"""How long a step that is under way may take when the follower is told to end."""
NICENESS = 10
"""How far it steps back where processors are scarce: who reads and saves comes before freshness."""
AGAIN_SECONDS = 1.0
"""How often it is tried to follow, while another process does or nothing is live yet."""
LONGEST_PAUSE = 60.0
"""The longest between two attempts to begin a follower that ends at once again and again."""
LASTING_SECONDS = 60.0
"""How long a follower has run that began well: the next pause is the shortest again."""
log = logging.getLogger("stet.follower")


class Follower:
    """Follows an archive until it is stopped; takes over when who follows it ends."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._ended = threading.Event()
        self._following: Follow | None = None

    def run(self) -> None:
        """Follow again and again; what cannot be followed yet is tried again, and said once."""
        said = ""
        while not self._ended.is_set():
            try:
                self._follow()
            except (SubscriptionHeld, StateHeld, LockHeld, NothingServes) as error:
                if str(error) != said:
                    said = str(error)
                    log.info("not following: %s", said)
                self._ended.wait(AGAIN_SECONDS)

    def _follow(self) -> None:
        with self._archive.follow(tell=lambda line: log.info("%s", line)) as following:
            self._following = following
            if self._ended.is_set():
                return
            for _ in following:
                if self._ended.is_set():
                    return

    def stop(self) -> None:
        """End after the step that is under way; other threads and signal handlers may call it."""
        self._ended.set()
        if self._following is not None:
            self._following.stop()


class FollowerProcess:
    """A follower as a process of its own, begun again when it ends before it is stopped."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watching = threading.Thread(target=self._watch, name="follower", daemon=True)

    def start(self) -> None:
        """Start it, and begin it again whenever it ends."""
        self._watching.start()

    def _watch(self) -> None:
        pause, said = AGAIN_SECONDS, ""
        while not self._stopped.is_set():
            begun = time.monotonic()
            why = self._run()
            if self._stopped.is_set():
                return
            if time.monotonic() - begun >= LASTING_SECONDS:
                pause, said = AGAIN_SECONDS, ""
            if why != said:
                said = why
                log.error("the follower ended: %s; it is tried again, and said no more", why)
            self._stopped.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _run(self) -> str:
        """Run a follower until it ends, and return why it did."""
        # -c, not -m: the module is imported already where a test calls it
        command = [sys.executable, "-c", f"from {__name__} import main; main()", self._home]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        told = self._process.stdout.read() if self._process.stdout else b""
        code = self._process.wait()
        return told.decode(errors="replace").strip() or f"code {code}"

    def stop(self) -> None:
        """End it after the step that is under way; one that takes long is cut, which harms none."""
        self._stopped.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._watching.join(STEP_SECONDS)
        if self._process is not None:
            self._process.kill()


def main() -> None:
    """Follow the archive that is named first, until standard input closes.

    An error that ends it is told to the parent, on standard output.
    """
    from app.options import open_archive
    from app.server.logs import configure_logs
    from archive import ArchiveError
    from event_log import EventLogError
    from replay import ReplayError
    from search import SearchError

    configure_logs()
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the whole group
    follower = Follower(open_archive(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: follower.stop())

    def end_with_parent() -> None:
        while os.read(0, 1):
            pass
        follower.stop()
        time.sleep(30)
        os._exit(1)  # a step hangs, and nobody waits for it any more

    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        follower.run()
    except (ArchiveError, EventLogError, ReplayError, SearchError, OSError) as error:
        sys.stdout.buffer.write(str(error).encode(errors="replace"))
        sys.stdout.buffer.flush()
        sys.exit(1)
