"""The history: a view that any domain can have, one document per event.

Here live the changes of each event, from what to what, and its summary in a sentence. No domain is
known here: fields and event types are read from the registry.
"""
