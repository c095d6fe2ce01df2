"""The newsroom: the bundled domain, with its categories, rules, sample and generator.

``DOMAIN`` is all of it in one object. The newsroom's views live in ``views``; how events are stored
does not live here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
