"""Debezium: what its messages say, as changes of tables, ends of transactions and outbox events.

Here live the reading of one Kafka message and the identity of what it says. Nothing here talks to
Kafka, knows a domain, or makes an event.
"""
