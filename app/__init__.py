"""The app: who uses Stet. The command line, and later the HTTP API and the pages.

Commands live here. Each calls the rooms below and prints the result. Dagster's assets do not.
"""
