"""Waiting until a log has grown, by notices from the kernel and by polling.

A waiter arms a watch, then looks, then waits, so that it never misses a change between two looks. A
watch wakes its waiter when something changes in the folder of commits. It also wakes it after
pauses that double up to a longest one. So it polls an object store, and follows with more delay a
folder for which the kernel sends no notices (a network file system, or no watch left).
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from event_log.errors import EventLogError
from event_log.storage.plain_path import plain_path

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

STEP_MILLISECONDS = 5
"""How often the library reads the kernel's notices; a wake-up takes one to two of these."""
CHECK_MILLISECONDS = 1000
"""How often the watch checks that the folder is still the one that it is armed on."""
FIRST_PAUSE = 0.01
"""Seconds before the second look; each pause after it is twice as long."""
LONGEST_WITHOUT_NOTICES = 0.04
"""The longest pause, in seconds, for a local folder that the kernel refuses to watch."""

Place = tuple[Path, int, int]


class NotReached(EventLogError, TimeoutError):
    """The log did not reach a sequence in time; ``head`` is the last sequence that it had."""

    def __init__(self, sequence: int, head: int, seconds: float | None) -> None:
        passed = "when the waiting was stopped" if seconds is None else f"after {seconds:g} s"
        super().__init__(
            f"sequence {sequence} was not reached {passed}: the log's head is {head}. "
            "See whether its writer still runs, or wait longer."
        )
        self.sequence = sequence
        self.head = head


class Watch:
    """Wakes one waiter when a log may have grown; ``watch`` creates it, ``with`` arms it.

    ``stop`` may be called from any thread and from a signal handler, other methods only from the
    waiter's thread. The watches of one folder share one thread and one kernel watch.
    """

    def __init__(self, folder: Path | None, poll: float) -> None:
        self.folder = folder
        self.poll = poll
        self.stopped = False
        self._woken: SimpleQueue[None] = SimpleQueue()  # put() may interrupt get(), as signals do
        self._notices: _Notices | None = None
        self._pause = FIRST_PAUSE

    def __enter__(self) -> Watch:
        if self.folder is not None:
            self._notices = _listen(self.folder, self._woken)
        return self

    def __exit__(self, *_: object) -> None:
        if self._notices is not None:
            _leave(self._notices, self._woken)
            self._notices = None

    def wait(self, timeout: float | None = None) -> None:
        """Wait for a change, at most ``timeout`` or ``poll`` seconds.

        It returns at once when the watch was stopped. The log may not have grown when it returns:
        look, and wait again.
        """
        if self.stopped:
            return
        unnoticed = self.folder is not None and not (self._notices and self._notices.alive)
        pause = min(self._pause, self.poll, LONGEST_WITHOUT_NOTICES if unnoticed else self.poll)
        self._pause = 2 * pause
        try:
            self._woken.get(timeout=pause if timeout is None else max(0.0, min(pause, timeout)))
            while True:
                self._woken.get_nowait()
        except Empty:
            return

    def shorten_pause(self) -> None:
        """Begin with the shortest pause again, after a look has found a change."""
        self._pause = FIRST_PAUSE

    def stop(self) -> None:
        """End the current wait, and every later one, at once."""
        self.stopped = True
        self._woken.put(None)


def watch(folder: Path | None, poll: float = 1.0) -> Watch:
    """Return a watch of the folder of commits, which need not exist yet.

    ``folder`` is None where there is nothing to watch, as on an object store. ``poll`` is the
    longest pause between two looks, in seconds.

    >>> with watch(None, poll=0.01) as armed:
    ...     armed.wait()
    """
    return Watch(folder and folder.absolute(), poll)


def wait_for(head: Callable[[], int], sequence: int, timeout: float | None, watch: Watch) -> int:
    """Wait until the log's head is at a sequence or beyond, and return the head.

    ``timeout`` is in seconds; None waits for ever. Pass an unarmed watch. Raises ``NotReached``
    when the time is up, or when the watch was stopped.

    >>> wait_for(lambda: 7, 5, timeout=0.0, watch=watch(None))
    7
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    reached = head()
    if reached >= sequence:
        return reached
    with watch:
        while True:
            before, reached = reached, head()
            if reached >= sequence:
                return reached
            if reached > before:
                watch.shorten_pause()
            left = None if deadline is None else deadline - time.monotonic()
            if watch.stopped or (left is not None and left <= 0):
                raise NotReached(sequence, reached, None if watch.stopped else timeout)
            watch.wait(left)


class _Notices:
    """One thread that waits for the kernel's notices about a folder, and wakes all listeners."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listeners: set[SimpleQueue[None]] = set()
        self.alive = True
        self._ended = threading.Event()
        self._place, self._watcher = _armed(folder)
        # The library's first call in a process initialises it. A fork while another thread does
        # that would leave the forked process waiting for ever.
        self._watcher.watch(1, 1, 1, self._ended)
        self._thread = threading.Thread(target=self._run, name=f"watch of {folder}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the thread; returns when it has ended."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (change := self._next()) != "stop":
                moved = _place(self.folder) != self._place
                if moved:
                    self._watcher.close()
                    self._place, self._watcher = _armed(self.folder)
                if moved or change != "timeout":
                    self._wake()
        except (OSError, RuntimeError):
            return  # its listeners see that it is not alive, and poll
        finally:
            self.alive = False
            self._watcher.close()
            self._wake()

    def _next(self) -> object:
        return self._watcher.watch(1, STEP_MILLISECONDS, CHECK_MILLISECONDS, self._ended)

    def _wake(self) -> None:
        for woken in tuple(self.listeners):
            woken.put(None)


def _armed(folder: Path) -> tuple[Place, RustNotify]:
    """Arm a kernel watch of the folder, or of the nearest existing folder above it."""
    from watchfiles._rust_notify import RustNotify

    while True:
        place = _place(folder)
        try:
            watcher = RustNotify([plain_path(place[0])], False, False, 0, False, False)
        except FileNotFoundError:  # removed in between; one above it is there
            continue
        if _place(folder) == place:
            return place, watcher
        watcher.close()


def _place(folder: Path) -> Place:
    """Return the folder, or the nearest existing one above it, with its identity."""
    for path in (folder, *folder.parents):
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return path, status.st_dev, status.st_ino
    raise FileNotFoundError(folder)


_lock = threading.Lock()
_folders: dict[Path, _Notices] = {}


def _listen(folder: Path, woken: SimpleQueue[None]) -> _Notices | None:
    """Let a folder's changes wake a waiter; None when the kernel refuses to watch it."""
    with _lock:
        notices = _folders.get(folder)
        if notices is None or not notices.alive:
            try:
                notices = _folders[folder] = _Notices(folder)
            except (OSError, RuntimeError):  # no watch left, no permission, no such call
                return None
        notices.listeners.add(woken)
        return notices


def _leave(notices: _Notices, woken: SimpleQueue[None]) -> None:
    with _lock:
        notices.listeners.discard(woken)
        if notices.listeners:
            return
        if _folders.get(notices.folder) is notices:
            del _folders[notices.folder]
    notices.end()


def _forked() -> None:
    """Forget the threads in a forked process, which has none of them."""
    global _lock
    _lock = threading.Lock()
    _folders.clear()


def _exiting() -> None:
    """End all threads at exit: none may return from the library while the interpreter ends."""
    for notices in list(_folders.values()):
        notices.end()


atexit.register(_exiting)
os.register_at_fork(after_in_child=_forked)
