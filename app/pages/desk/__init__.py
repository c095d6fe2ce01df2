"""The pages for editors below ``/desk``: find, edit, review, save, look back, merge.

They are made from what a domain declares, and append by the functions that the commands call. No
rule of editing lives here: see ``archive`` and ``replay.rules``.
"""
