"""The history: a view that any domain can have, one document per event.

Here live what an event changed, from what to what, and the sentence that says it. Nothing here
knows a domain: fields and event types are read from the registry.
"""
