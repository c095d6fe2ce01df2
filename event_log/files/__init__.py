"""Files: the commits and the sealed files of a log, and how they are read.

Here live the names of the files, the Parquet of a commit, sealing, and reading. Where bytes are
stored does not live here: see ``event_log.storage``.
"""
