"""Benchmarks: what measures Stet's speed, on one machine in one run. No test lives here."""
