"""Orders: the textbook case of event sourcing; see README.md."""
