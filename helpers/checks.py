"""Statements that are computed: a sentence, its truth and what was measured go in; ✔ with the numbers, or an error, comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor


class ClaimFailed(AssertionError):
    """A statement of a notebook turned out to be false; the message is the statement, with what was measured."""

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the sentence and no stack: the statement is the news."""
        return [str(self)]


def claim(sentence: str, truth: bool, **measured: Any) -> None:
    """Print `✔ sentence  [VAE 37 %, AE 94 %]` where `truth` is true; otherwise raise ClaimFailed with the same numbers.

    truth: a bool, or one bool in a NumPy or torch scalar; anything else raises TypeError, since most objects count as true.
    measured: name=value, shown as "name value"; an underscore in the name becomes a space. A value is a number, a list or array
    of numbers (shown as "1.2 / 3.4"), text, or one of these with its unit: (245.4, "nats") is "245 nats", (0.37, "%") is "37 %".
    """
    if isinstance(truth, (Tensor, np.ndarray, np.generic)) and np.asarray(truth).ndim == 0:
        truth = truth.item()
    if not isinstance(truth, bool):
        raise TypeError(f"a claim needs one True or False, not {type(truth).__name__}: compare something, then .all() or .any()")
    values = ", ".join(f"{name.replace('_', ' ').strip()} {written(value)}" for name, value in measured.items())
    line = f"{sentence}  [{values}]" if values else sentence
    if not truth:
        raise ClaimFailed(f"✘ {line}")
    print(f"✔ {line}")


def written(value: Any, scale: float = 1) -> str:
    """Return one measured value as text, numbers multiplied by `scale`; see `claim` for what a value may be."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        return f"{written(value[0], 100 if value[1] == '%' else scale)} {value[1]}"
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return " / ".join(written(one, scale) for one in value)
    return rounded(value if scale == 1 else scale * value)


def rounded(number: float) -> str:
    """Return a number as text: three significant digits, whole above 100; an int as it is, a bool as yes or no."""
    if isinstance(number, bool):
        return "yes" if number else "no"
    if isinstance(number, int):
        return str(number)
    return f"{number:.0f}" if 100 <= abs(number) < 1e6 else f"{number + 0.0:.3g}"
