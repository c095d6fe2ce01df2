"""Examples: small complete domains that are not a newsroom.

They use the log and the machinery of the views only.
"""
