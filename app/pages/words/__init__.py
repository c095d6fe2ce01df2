"""The words of the pages, one module a subject, each with its ``TEXTS``.

A key belongs to one module: ``app.pages.strings`` merges them.
"""
