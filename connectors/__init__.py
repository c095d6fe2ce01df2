"""Connectors: importers that append events from other systems to the log.

All code that turns foreign input into events lives here. The fields of an event are defined in the
domain, such as ``newsroom``; search and scheduling are not known here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
