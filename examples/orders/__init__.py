"""Orders: the textbook case of event sourcing; see README.md."""

from examples.orders.domain import DOMAIN

__all__ = ["DOMAIN"]
