"""Why the system refused: by the number of its error, never by a guess.

Engines put the number into the text of an error of their own. What has no number is no refusal of
the system; only then may a file be called damaged.
"""

from __future__ import annotations

import errno
import re

NUMBERED = re.compile(r"(?:os error |\[?[Ee]rrno:? ?|code: )([0-9]+)")
NAMED = (
    (re.compile(r"(?i)no space left"), errno.ENOSPC),
    (re.compile(r"(?i)file too large"), errno.EFBIG),
    (re.compile(r"(?i)quota exceeded"), errno.EDQUOT),
    (re.compile(r"(?i)permission denied"), errno.EACCES),
    (re.compile(r"(?i)read-only file system"), errno.EROFS),
    (re.compile(r"(?i)too many open files"), errno.EMFILE),
    (re.compile(r"(?i)no such file"), errno.ENOENT),
)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_DAMAGED = {
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EROFS,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
"""The errors that say nothing about what is in a file."""
ADVICE = {
    errno.EACCES: "Check the owner and the mode there, and repeat",
    errno.EPERM: "Check the owner and the mode there, and repeat",
    errno.EROFS: "Mount the file system for writing, and repeat",
    errno.EMFILE: "Allow more open files (ulimit -n), and repeat",
    errno.ENFILE: "Close other programs, and repeat",
    errno.ENOMEM: "Give it more memory, and repeat",
    errno.ENOENT: "Something deleted it meanwhile: repeat",
}


def error_number(error: BaseException) -> int | None:
    """Return the system's number of an error, its own or one in its text; None without one.

    >>> error_number(ValueError('IoError(Os { code: 28, kind: StorageFull, message: "No ..." })'))
    28
    >>> error_number(ValueError("expected a term")) is None
    True
    """
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    if found := NUMBERED.search(text):
        return int(found[1])
    return next((number for pattern, number in NAMED if pattern.search(text)), None)


def is_refusal(error: BaseException) -> bool:
    """Return whether the system refused for a reason that says nothing about the file's content.

    >>> is_refusal(PermissionError(13, "Permission denied")), is_refusal(OSError("no magic bytes"))
    (True, False)
    """
    return error_number(error) in NOT_DAMAGED


def advice(error: BaseException) -> str:
    """Return what to do about an error, as a sentence without its full stop.

    >>> advice(OSError(28, "No space left on device")), advice(ValueError("schema error"))
    ('Make room, and repeat', 'Repeat; report it if it stays so')
    """
    number = error_number(error)
    if number in FULL:
        return "Make room, and repeat"
    return ADVICE.get(number or 0, "Repeat; report it if it stays so")
