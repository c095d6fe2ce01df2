"""Tests in two tiers: a small size that always runs, and the full size, which is marked slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine

Test = Callable[..., None]
COSTLY = 12
"""Examples, in the second tier, of a law of which each takes a second or more of a processor.

Every run draws others; ``make test-law`` draws hundreds after a change that the law is about.
"""


def given_in_tiers(
    few: int, many: int, /, *strategies: Any, **named: Any
) -> Callable[[Test], Test]:
    """Like Hypothesis's ``given``: a test on few examples, and a second, slow one on many.

    The second has the name of the first and ``_on_many_examples``. ``--examples`` or the variable
    ``EXAMPLES`` sets how many those are instead.
    """

    def decorate(check: Test) -> Test:
        on_examples = given(*strategies, **named)
        on_many = settings(max_examples=many)(on_examples(check))
        check.__globals__[f"{check.__name__}_on_many_examples"] = pytest.mark.slow(on_many)
        return settings(max_examples=few)(on_examples(check))

    return decorate


def stateful_in_tiers(
    machine: type[RuleBasedStateMachine], few: int, many: int, steps: int
) -> tuple[type, type]:
    """The test case of a state machine on few examples, and a second, slow one on many."""

    def on(examples: int) -> type:
        chosen = settings(max_examples=examples, stateful_step_count=steps)
        case = type(machine.__name__, (machine.TestCase,), {"settings": chosen})
        return pytest.mark.filterwarnings("ignore::ResourceWarning")(case)

    return on(few), pytest.mark.slow(on(many))


def in_sizes(argument: str, small: object, large: object) -> pytest.MarkDecorator:
    """The argument of a test at a small size, and at a large one, which is slow."""
    in_full = pytest.param(large, id="large", marks=pytest.mark.slow)
    return pytest.mark.parametrize(argument, [pytest.param(small, id="small"), in_full])


def some_steps(every: int) -> pytest.MarkDecorator:
    """The argument ``every`` of a test: try each so-many-th step; 1, all of them, is slow."""
    all_steps = pytest.param(1, id="every step", marks=pytest.mark.slow)
    return pytest.mark.parametrize("every", [pytest.param(every, id="some steps"), all_steps])


def first_of(argument: str, values: Iterable[object]) -> pytest.MarkDecorator:
    """The argument of a test at each of these values: the first always, the others are slow."""
    first, *others = values
    return pytest.mark.parametrize(
        argument, [first, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]
    )


def set_examples(items: list[pytest.Item], examples: int) -> None:
    """Set on how many examples the property tests among ``items`` run.

    Of a test in two tiers only the second one, on many examples, is changed.
    """
    for item in items:
        if not isinstance(item, pytest.Function) or _is_on_few(item):
            continue
        # Hypothesis keeps a test's settings here, and those of a state machine in its test case.
        own = getattr(item.function, "_hypothesis_internal_use_settings", None)
        if own is not None:
            changed = settings(own, max_examples=examples)
            item.function._hypothesis_internal_use_settings = changed
        elif isinstance(own := getattr(item.cls, "settings", None), settings):
            item.cls.settings = settings(own, max_examples=examples)


def _is_on_few(item: pytest.Function) -> bool:
    """Whether the module has the same test on many examples."""
    case = item.getparent(pytest.Class)
    many = f"{case.name}OnManyExamples" if case else f"{item.originalname}_on_many_examples"
    return hasattr(item.module, many)
