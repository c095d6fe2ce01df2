"""Following: reading what is appended, from a checkpoint on.

Here live subscriptions, their checkpoints, and watching a log for changes. Nothing here appends.
"""
