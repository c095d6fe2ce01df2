"""Checking: whether an event, or a batch of events, is valid for its category.

Here live the checks of one event, of columns, and the conversion to Arrow. Nothing is written here.
"""
