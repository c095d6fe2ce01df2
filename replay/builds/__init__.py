"""Builds: the documents of views as Parquet files, computed from one snapshot of the log.

Here live the folder of builds and the writing of its files. No view is known here.
"""
