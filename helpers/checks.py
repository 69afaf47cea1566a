"""Statements that are computed: a sentence and its truth go in; ✔, or an error with what was measured, comes out."""

from __future__ import annotations

import numpy as np
from torch import Tensor


class ClaimFailed(AssertionError):
    """A statement of a notebook turned out to be false; the message is the statement, with what was measured."""

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the sentence and no stack: the statement is the news."""
        return [str(self)]


def claim(sentence: str, truth: bool, **measured: float) -> None:
    """Print `✔ sentence` where `truth` is true; otherwise raise ClaimFailed with the sentence and the measured values.

    truth: a bool, or one bool in a NumPy or torch scalar; anything else raises TypeError, since most objects count as true.
    """
    if isinstance(truth, (Tensor, np.ndarray, np.generic)) and np.asarray(truth).ndim == 0:
        truth = truth.item()
    if not isinstance(truth, bool):
        raise TypeError(f"a claim needs one True or False, not {type(truth).__name__}: compare something, then .all() or .any()")
    if not truth:
        values = ", ".join(f"{name} = {value:.6g}" for name, value in measured.items())
        raise ClaimFailed(f"✘ {sentence}" + f" ({values})" * bool(values))
    print(f"✔ {sentence}")
