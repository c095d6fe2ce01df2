"""The operator's page: how the archive does, and which generations are live.

It changes nothing but that, after a confirmation.
"""
