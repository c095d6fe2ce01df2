"""The server: the API and the pages as one application, its processes, and what follows the log.

No route and no page lives here.
"""
