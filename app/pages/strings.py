"""All words that the pages show, in English: one catalogue, so another language is one folder.

The words of each subject are a module of ``app/pages/words``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from app.pages import words


def _merged() -> dict[str, str]:
    """The words of all modules; two that have the same key are an error of the code."""
    merged: dict[str, str] = {}
    for module in iter_modules(words.__path__):
        texts: dict[str, str] = import_module(f"{words.__name__}.{module.name}").TEXTS
        if twice := merged.keys() & texts.keys():
            raise ValueError(f"words/{module.name}.py: another module has {min(twice)!r} as well")
        merged |= texts
    return merged


TEXTS = _merged()


def text(key: str, **values: object) -> str:
    """The words of a key, with values in their places; a key that is missing is an error.

    >>> text("search")
    'Search'
    """
    return TEXTS[key].format(**values)


def view_label(view: str) -> str:
    """What a view is called: by the catalogue, or by its own name where that has none.

    >>> view_label("timeline"), view_label("late_orders")
    ('Days', 'Late orders')
    """
    return TEXTS.get(f"view_{view}") or view.replace("_", " ").capitalize()
