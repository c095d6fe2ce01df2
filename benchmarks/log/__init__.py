"""Benchmarks of the event log beside its peers; ``make bench-log`` runs them."""
