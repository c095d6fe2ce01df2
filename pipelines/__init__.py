"""The pipelines: when things run. Dagster assets, jobs, schedules and checks, and nothing else.

Every body is one call into a lower room; how a view is computed or an engine is called does not
live here. Dagster is imported in this room only.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
