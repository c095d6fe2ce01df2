"""Connectors: how the log meets other systems. Importers of files.

Here lives what turns foreign input into events. What an event may say lives in ``newsroom``;
search and scheduling are not known here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
