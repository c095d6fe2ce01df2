"""The archive: keeps documents and indexes true to the log that they are computed from.

Here lives what works on log, documents and indexes together: rebuild, catch up, follow, compare,
look back, explain. No domain is known here: callers pass theirs.

Other rooms import from this package, as ``__init__.pyi`` lists it, and from no module below it. A
name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
