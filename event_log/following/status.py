"""The subscriptions of a log: their checkpoints, lags and holders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from event_log.following import checkpoint
from event_log.following.checkpoint import InvalidCheckpoint
from event_log.following.progress import Log, check_log
from event_log.following.subscription import LOCK, NAME
from event_log.locks import Holder, lock_holder

FOLDER = "subscriptions"


@dataclass(frozen=True, slots=True)
class SubscriptionStatus:
    """The status of a subscription: its checkpoint, its lag, and its holder.

    The lag is in events of all categories, and in seconds since the oldest of them was recorded.
    ``problem`` is the reason why a checkpoint cannot be read; ``checkpoint`` then is 0.
    """

    name: str
    checkpoint: int
    lag: int
    lag_seconds: float
    categories: tuple[str, ...] | None
    holder: Holder | None
    problem: str | None = None


def subscription_holder(log_folder: Path, name: str) -> Holder | None:
    """Return the process that holds a subscription of a log; None when nobody holds it.

    ``log_folder`` is ``EventLog.path``.
    """
    return lock_holder(log_folder / FOLDER / f"{name}{LOCK}")


def subscriptions(log: Log, folder: Path) -> list[SubscriptionStatus]:
    """Return the subscriptions that have a checkpoint in a folder, by name."""
    names = sorted(path.stem for path in folder.glob(f"*{checkpoint.SUFFIX}"))
    return [_status(log, folder, name) for name in names if NAME.fullmatch(name)]


def check_checkpoints(log: Log, folder: Path) -> None:
    """Raise ``InvalidCheckpoint`` if one in a folder is unreadable, or is not of this log."""
    for path in sorted(folder.glob(f"*{checkpoint.SUFFIX}")):
        stored = checkpoint.read(path) if NAME.fullmatch(path.stem) else None
        if stored is None:
            continue
        check_log(log, path, stored)
        if unknown := {stored.name, *(stored.categories or ())} - {path.stem, *log.registry}:
            raise InvalidCheckpoint(
                f"{path} names {', '.join(sorted(unknown))}, which is not its name, nor a category "
                "of this log; reset the subscription, or restore the file"
            )


def _status(log: Log, folder: Path, name: str) -> SubscriptionStatus:
    held_by = lock_holder(folder / f"{name}{LOCK}")
    try:
        stored, problem = checkpoint.read(folder / f"{name}{checkpoint.SUFFIX}"), None
    except InvalidCheckpoint as error:
        stored, problem = None, str(error)
    at = stored.sequence if stored else 0
    lag = max(0, log.head - at)
    seconds = 0.0
    if lag:
        waiting = next(log.at(at + 1).scan(["recorded_at"], at)).column("recorded_at")[0].as_py()
        seconds = max(0.0, (datetime.now(UTC) - waiting).total_seconds())
    return SubscriptionStatus(
        name, at, lag, seconds, stored.categories if stored else None, held_by, problem
    )
