"""The event log: what happened, in one ordered, immutable, verifiable sequence of Parquet files.

Here live the categories' schemas, appending, reading, snapshots and the digest chain. What an
event means to a newsroom does not live here: the log knows no domain, and imports no other room.
"""
