"""Subscribing: what a team needs to keep a model of its own, in SQLite, from the log's events.

Here live the position, what waits, the outbox, and the two ways in which events come: from the log
itself, or from the topic that `stet relay` fills. What the events mean is not known here.
"""
