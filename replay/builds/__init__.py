"""Builds: the documents of views as Parquet files, computed from one snapshot of the log.

Here live the folder of builds and the writing of files. Which views there are is not known here.
"""
