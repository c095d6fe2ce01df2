"""The version of the embedded index's layout, which a status needs without what makes an index."""

VERSION = 2
"""Raise with every change of the fields or of the analysis."""
