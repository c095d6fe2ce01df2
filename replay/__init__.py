"""Replay: how the log becomes documents.

Here live the fold of events into state, the builds of documents from it, and the kept state that
catching up continues from. No domain and no search engine is known here.

Other rooms import from this package, as ``__init__.pyi`` lists it, and from no module below it. A
name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
