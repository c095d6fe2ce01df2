"""The newsroom: the bundled domain. Its categories, its editors' rules, its sample and generator.

``DOMAIN`` is all of it in one object. What readers see of it lives in ``views``; how events are
kept does not live here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
