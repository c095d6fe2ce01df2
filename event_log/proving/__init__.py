"""Proving: that a log is what it was.

Here live verification of a whole log, and inclusion and consistency proofs. Nothing is changed.
"""
