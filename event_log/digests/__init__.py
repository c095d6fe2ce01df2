"""Digests: the hash of an event, and the Merkle tree over all of them.

Here live the canonical form, SHA-256 and RFC 9162's tree. Nothing here reads or writes files.
"""
