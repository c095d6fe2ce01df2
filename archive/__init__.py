"""The archive: how everything that is made from a log stays true to it.

Here lives what works on log, documents and indexes together: rebuild, catch up, follow, compare, look
back, explain. No domain is known here: it is given.
"""
