"""Arrow without pandas: the first array of a process makes Arrow import pandas, for half a second.

Arrow looks whether what it is given comes from pandas, and so imports it if it is installed. No
command gives Arrow anything of pandas. So Arrow looks once, while it is imported, and finds none,
unless pandas was imported before. A domain that works with pandas imports it before Arrow, as
sorted imports do: else Arrow takes a ``Series`` for any sequence, whose ``NaN`` is a number.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

ARROW = "pyarrow"
PANDAS = "pandas"


class _ArrowFirst(MetaPathFinder):
    """Finds Arrow where everybody finds it, and has it loaded by ``_WithoutPandas``."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """The specification of Arrow's module; None for every other module."""
        if name != ARROW:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(ARROW)
        if spec is not None and spec.loader is not None:
            spec.loader = _WithoutPandas(spec.loader)
        return spec


class _NoPandas(MetaPathFinder):
    """Does not find pandas."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Raise the error of a module that is not installed, for pandas; else None."""
        if name == PANDAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


class _WithoutPandas(Loader):
    """Loads Arrow, and has it look for pandas while there is none."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as its own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and make the array at which Arrow looks for pandas."""
        self._loader.exec_module(module)
        if PANDAS in sys.modules:  # perhaps it is importing Arrow at this moment
            return
        finder = _NoPandas()
        sys.meta_path.insert(0, finder)
        try:
            module.array([])
        finally:
            sys.meta_path.remove(finder)


def import_arrow_without_pandas() -> None:
    """From now on, importing Arrow does not lead to importing pandas."""
    if ARROW not in sys.modules:
        sys.meta_path.insert(0, _ArrowFirst())
