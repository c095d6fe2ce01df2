"""Proving: verify that a log is unchanged, and prove single events.

Here live the verification of a whole log, and proofs of single events. No file is changed.
"""
