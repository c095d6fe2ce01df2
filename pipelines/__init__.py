"""The pipelines: when things run. Dagster's assets, jobs, schedules, sensors and checks live here.

Each calls a lower room. How a view is computed, or an engine is called, does not live here. Only
this room imports Dagster.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
