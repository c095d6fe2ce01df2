"""Months of the New York Times' Archive API as a source of events of the newsroom."""
