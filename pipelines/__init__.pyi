from .definitions import definitions_for as definitions_for
from .run import RunFailed as RunFailed
from .run import run_rebuild as run_rebuild
