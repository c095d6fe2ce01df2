"""Connectors: how the log meets other systems. Importers of files.

Here lives what turns foreign input into events. What an event may say lives in ``newsroom``;
search and scheduling are not known here.
"""
