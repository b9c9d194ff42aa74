"""How Hypothesis chooses its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import Phase, settings

if TYPE_CHECKING:
    from collections.abc import Callable


def examples(
    number: int,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator: try as many examples, the same in each run.

    The first that fails is shown as it is: a smaller one would be looked for
    by failing again and again, each time at a deadline.
    """
    return settings(
        max_examples=number,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
    )
