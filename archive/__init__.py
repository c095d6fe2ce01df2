"""The archive: how everything that is made from a log stays true to it.

Here lives what works on log, documents and indexes together: rebuild, catch up, follow, compare,
look back, explain. No domain is known here: it is given.

Other rooms import from this package, which ``__init__.pyi`` lists, and from no module below it. A
name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
