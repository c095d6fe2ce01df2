"""The errors of subscribers. Each message names the database, and says what to do."""

from __future__ import annotations

from connectors.errors import ConnectorError


class SubscriberError(ConnectorError):
    """The base of every error of a subscriber."""


class SubscriberHeld(SubscriberError):
    """Another process works on the same database."""


class NotWaiting(SubscriberError):
    """No message of this sequence was set aside."""


class OtherModel(SubscriberError):
    """The database does not fit: to these tables, to this log, or to this topic."""
