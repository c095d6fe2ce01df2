"""A shop: a cart, and services that each have a model of their own; see README.md."""

import lazy_loader

# who knows the events alone does not load the views
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"domain": ["DOMAIN"]})
