"""Exercises that are checked: an exercise's number and a student's answer go in; ✔, ✘ or ○ comes out.

`check` compares an answer with an oracle; the checks themselves stand in one module a notebook, `exercises/nbNN.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Wrong(Exception):
    """An answer is wrong; the message tells the student what is wrong with it, and where to look."""


class StillThere(Exception):
    """The bug of a bug hunt has not been found yet; the message tells the symptom."""


@dataclass(frozen=True)
class Exercise:
    """An exercise: its number ("01.2"), the name of the function that the student writes, and the check of it."""

    number: str
    answer: str
    check: Callable[[Callable], None]


class Verdict(NamedTuple):
    """What became of an answer: state "open", "solved" or "wrong", and the line to print."""

    state: str
    line: str


EXERCISES: dict[str, Exercise] = {}


def exercise(number: str, answer: str) -> Callable:
    """Register the decorated function as the check of an exercise; it raises Wrong or StillThere, or returns."""

    def register(function: Callable[[Callable], None]) -> Callable[[Callable], None]:
        EXERCISES[number] = Exercise(number, answer, function)
        return function

    return register


def verdict(number: str, answer: Callable) -> Verdict:
    """Return what an exercise's check says of an answer. An answer that raises an error is wrong, with its message."""
    importlib.import_module(f"exercises.nb{number.split('.')[0]}")
    try:
        EXERCISES[number].check(answer)
    except NotImplementedError:
        return Verdict("open", f"○ Exercise {number} is waiting for your code.")
    except StillThere as symptom:
        return Verdict("open", f"○ Exercise {number}: the bug is still there. {symptom}")
    except Wrong as reason:
        return Verdict("wrong", f"✘ Exercise {number}: {reason}")
    except Exception as error:  # a student's code may raise anything
        return Verdict("wrong", f"✘ Exercise {number}: your code raised {type(error).__name__}: {error}")
    return Verdict("solved", f"✔ Exercise {number} is solved.")


def check(number: str, answer: Callable) -> None:
    """Print what an exercise's check says of an answer: ○ not done yet, ✔ solved, or ✘ and what is wrong."""
    print(verdict(number, answer).line)


def returned(answer: Callable, *arguments, like: Tensor | float, what: str) -> Tensor:
    """Return an answer's value as a float64 tensor once it has the oracle's shape and no NaN; otherwise raise Wrong."""
    value = answer(*(a.clone() if isinstance(a, Tensor) else a for a in arguments))
    if value is None or value is ...:
        raise NotImplementedError
    try:
        value = value.detach().cpu() if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise Wrong(f"{what} should be a tensor, or numbers, but yours is a {type(value).__name__}.") from error
    like = torch.as_tensor(np.asarray(like))
    if value.shape != like.shape:
        raise Wrong(f"{what} should have shape {tuple(like.shape)}, but yours has {tuple(value.shape)}.")
    if value.isnan().any():
        raise Wrong(f"{what} holds NaN.")
    return value.double()


def close(value: Tensor, wanted: Tensor | float, tolerance: float = 1e-4) -> bool:
    """Return whether two results agree to a relative (and, near zero, absolute) tolerance."""
    return torch.allclose(value.double(), torch.as_tensor(np.asarray(wanted)).double(), rtol=tolerance, atol=tolerance)
