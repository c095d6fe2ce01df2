"""The app: who uses Stet. The command line, and later the HTTP API and the pages.

Commands live here, thin over the rooms below. Nothing here knows Dagster's assets.
"""
