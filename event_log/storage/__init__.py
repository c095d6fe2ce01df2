"""Storage: where the bytes of a log lie: a local folder, or a bucket of an object store.

Here live put-if-absent, listing and reading of named files. What the files mean is not known here.
"""
