"""The newsroom: who may say what. The content domain's categories, event types and commands.

Here live the five categories, the rules an editor must not break, the bundled sample and the
generator. What readers see of it lives in ``views``; how events are kept, in ``event_log``.
"""
