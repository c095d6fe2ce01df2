"""Search: how documents are found. Engines, index generations and queries.

Here live the engine protocol, both engines, and what a query means. How a document is computed
lives in ``replay``; the log and the domain are not known here.

Other rooms import from this package, which ``__init__.pyi`` lists, and from no module below it. A
name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
