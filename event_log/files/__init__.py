"""Files: the commits and the sealed files of a log, and how they are read.

Here live the layout of names, the Parquet of a commit, sealing, and reading. Where bytes are stored
does not live here: that is ``event_log.storage``.
"""
