"""Orders: the textbook example of event sourcing, as a domain; see README.md."""

from examples.orders.domain import DOMAIN

__all__ = ["DOMAIN"]
