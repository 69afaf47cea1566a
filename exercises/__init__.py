"""Exercises that are checked: an exercise's number and a student's answer go in; ✔, ✘ or ○ comes out.

`check` compares an answer with an oracle; the checks themselves stand in one module a notebook, `exercises/nbNN.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Wrong(Exception):
    """An answer is wrong; the message tells the student what is wrong with it, and where to look."""


class StillThere(Exception):
    """The bug of a bug hunt has not been found yet; the message tells the symptom."""


@dataclass(frozen=True)
class Exercise:
    """An exercise: its number ("01.2"), the function that the student writes, its check, and wrong answers by their messages."""

    number: str
    answer: str
    check: Callable[[Callable], None]
    slips: dict[str, Callable]
    bug: dict[str, Callable]
    right: tuple[Callable, ...]


class Verdict(NamedTuple):
    """What became of an answer: state "open", "solved" or "wrong", and the line to print."""

    state: str
    line: str


EXERCISES: dict[str, Exercise] = {}
NOTHING = "your function returns nothing: is a `return` missing?"


def exercise(
    number: str,
    *,
    slips: dict[str, Any] | None = None,
    bug: dict[str, Any] | None = None,
    cases: Iterable[tuple] | None = None,
    right: Callable | tuple = (),
    what: str = "the result",
    hint: str = "",
    tolerance: float = 1e-4,
    keep: bool = True,
    typed: bool = False,
    gradients: bool = False,
    view: Callable[[Callable], Callable] = lambda answer: answer,
) -> Callable[[Callable], Callable[..., Any]]:
    """Register an exercise under the name of the decorated function, which is the right one, or, without cases, its check.

    An answer that agrees with the right function on all cases is solved. Otherwise the first slip (message: wrong function) that
    agrees with it gives the message; a `bug` (symptom: function) leaves the exercise open. A wrong function may be given by the
    arguments that make it of the right one, {"power": 2}, or by the factor by which its result is wrong. right: other right
    functions. keep: the arguments must stay as they are. typed: the type counts. gradients: then those with respect to the first
    two arguments are compared, too. view: what is compared instead of the results, a function of the answer that returns
    another function. A check raises Wrong or StillThere.
    """
    rights = right if isinstance(right, tuple) else (right,)
    table, same = list(cases or ()), partial(agree, tolerance=tolerance, keep=keep, typed=typed)
    views = [(what, view)] + [("the gradients with respect to the first two arguments", lambda f: slopes(view(f)))] * gradients

    def register(function: Callable) -> Callable:
        first = function if table else rights[0]
        known, open_ = ({message: varied(first, wrong) for message, wrong in (wrongs or {}).items()} for wrongs in (slips, bug))

        def check(answer: Callable) -> None:
            for what, view in views:
                found, wanted = ([outcome(view(f), case) for case in table] for f in (answer, first))
                missed = [i for i in range(len(table)) if not same(found[i], wanted[i])]
                for where in (range(len(table)), missed) if missed else ():
                    for wrongs, error in ((open_, StillThere), (known, Wrong)):
                        for message, wrong in wrongs.items():
                            if all(same(found[i], outcome(view(wrong), table[i]), text=True) for i in where):
                                raise error(message)
                if missed:
                    i = missed[0]
                    raise Wrong(reason(found[i], wanted[i], table[i], what, tolerance) + (" " + hint if hint else ""))

        entry = (check, known, open_, (function, *rights)) if table else (function, known, open_, rights)
        EXERCISES[number] = Exercise(number, function.__name__, *entry)
        return function

    return register


def varied(right: Callable, wrong: Any) -> Callable:
    """Return a wrong function: itself, or the right one with other arguments, or the right one's result times a factor."""
    if isinstance(wrong, dict):
        return partial(right, **wrong)
    return wrong if callable(wrong) else lambda *given: wrong * right(*given)


def refuse(wrong: Any, message: str, error: type[Exception] = Wrong) -> None:
    """Raise an error with this message where something is wrong."""
    if wrong:
        raise error(message)


def rng(seed: int) -> torch.Generator:
    """Return a seeded generator of random numbers."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int) -> Tensor:
    """Return standard normal samples as float64."""
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


class Outcome(NamedTuple):
    """What a function made of a case: its result or its error, and whether it left the arguments alone."""

    value: object
    kept: bool


def answered(function: Callable, *given) -> Any:
    """Return what a function returns. Raises NotImplementedError where that is nothing yet."""
    value = function(*given)
    if value is None or value is ...:
        raise NotImplementedError(NOTHING)
    return value


def outcome(function: Callable, case: tuple) -> Outcome:
    """Return what a function makes of copies of a case's arguments. Raises NotImplementedError where there is no answer yet."""
    given = tuple(a.clone() if isinstance(a, Tensor) else a for a in case)
    try:
        value = answered(function, *given)
    except NotImplementedError:
        raise
    except Exception as error:
        return Outcome(error, True)
    return Outcome(as_tensor(value), all(torch.equal(a, b) for a, b in zip(given, case, strict=True) if isinstance(a, Tensor)))


def slopes(answer: Callable) -> Callable:
    """Return the function of the gradients, stacked, of an answer's sum with respect to its first two arguments."""

    def gradients(*given: Any) -> Tensor:
        inputs = [x.requires_grad_() for x in given[:2]]
        total = answer(*given).sum()
        found = torch.autograd.grad(total, inputs, allow_unused=True) if total.requires_grad else (None, None)
        return torch.stack([torch.zeros_like(x) if part is None else part for part, x in zip(found, inputs, strict=True)])

    return gradients


def agree(one: Outcome, other: Outcome, tolerance: float, keep: bool, typed: bool, text: bool = False) -> bool:
    """Return whether two outcomes are the same: equal results to a tolerance (complex only with complex), or errors of one type.

    typed: the results' types count. text: the errors' messages count.
    """
    a, b = one.value, other.value
    if keep and one.kept != other.kept:
        return False
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        return isinstance(a, Exception) and type(a) is type(b) and (not text or str(a) == str(b))
    if a.is_complex() != b.is_complex() or a.shape != b.shape or typed and a.dtype != b.dtype:
        return False
    exact = torch.complex128 if a.is_complex() else torch.float64
    return torch.allclose(a.to(exact), b.to(exact), rtol=tolerance, atol=tolerance, equal_nan=True)


def as_tensor(value: Any) -> Any:
    """Return an answer's value as a tensor without gradients, or, where it is none, as it is."""
    try:
        return value.detach().cpu() if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, RuntimeError):
        return value


def misfit(value: Any, right: Tensor, what: str) -> str:
    """Return what is wrong with the type or the shape of a value, or that it holds NaN; or nothing."""
    if not isinstance(value, Tensor):
        return f"{what} should be a tensor, or numbers, but yours is a {type(value).__name__}."
    if value.shape != right.shape:
        return f"{what} should have shape {tuple(right.shape)}, but yours has {tuple(value.shape)}."
    if value.is_complex():
        return f"{what} should be real, but yours is complex."
    return f"{what} holds NaN." if value.isnan().any() else ""


def reason(found: Outcome, wanted: Outcome, case: tuple, what: str, tolerance: float) -> str:
    """Return what to tell of a result that is none of the known slips; raise it where it is an error."""
    value, right = found.value, wanted.value
    if isinstance(value, Exception):
        raise value
    if not isinstance(right, Tensor):
        return f"{what} is impossible for such arguments, so an error is right; yours gives {shown(value)}."
    if told := misfit(value, right, what):
        return told
    assert isinstance(value, Tensor)
    apart = (value.double() - right.double()).abs().nan_to_num()
    if close(value, right, tolerance) and value.dtype != right.dtype:
        return f"the values are right, but their type is {value.dtype}, not {right.dtype}."
    if close(value, right, tolerance):
        return f"{what} is right, but you changed what you were given; work on a copy."
    if right.numel() > 6 or right.ndim > 1:
        at = tuple(int(i) for i in np.unravel_index(int(apart.argmax()), right.shape))
        return f"element {list(at)} of {what} should be {shown(right[at])}, but yours is {shown(value[at])}."
    given = ", ".join(shown(one) for one in case if not callable(one))
    return f"for the arguments {given} {what} should be {shown(right)}, but yours is {shown(value)}."


def shown(value: object) -> str:
    """Return a number or a small tensor as a student would write it; of anything larger only its shape."""
    if not isinstance(value, (Tensor, np.ndarray)):
        return f"{value:.4g}" if isinstance(value, float) else getattr(value, "__name__", str(value))
    value = torch.as_tensor(value)
    if value.numel() == 1:
        return f"{value.item():.4g}" if not value.is_complex() else str(value.item())
    small = value.ndim == 1 and len(value) <= 6
    return f"{[float(f'{one:.4g}') for one in value.tolist()]}" if small else f"a tensor {tuple(value.shape)}"


def verdict(number: str, answer: Callable) -> Verdict:
    """Return what an exercise's check says of an answer. An answer that raises an error is wrong, with its message."""
    importlib.import_module(f"exercises.nb{number.split('.')[0]}")
    try:
        EXERCISES[number].check(answer)
    except NotImplementedError as error:
        if str(error) not in ("", NOTHING):  # PyTorch's own, of an operation that a type does not have
            return Verdict("wrong", f"✘ Exercise {number}: your code raised NotImplementedError: {error}")
        if EXERCISES[number].bug and str(error) == NOTHING:
            return Verdict("wrong", f"✘ Exercise {number}: {error}")
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


def returned(answer: Callable, *arguments, like: Any, what: str) -> Tensor:
    """Return an answer's value as a float64 tensor once it has the oracle's shape and no NaN; otherwise raise Wrong."""
    given = tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)
    value = as_tensor(answered(answer, *given))
    changed = any(not torch.equal(a, b) for a, b in zip(given, arguments, strict=True) if isinstance(a, Tensor))
    refuse(changed, "you changed what you were given; work on a copy.")
    told = misfit(value, torch.as_tensor(np.asarray(like)), what)
    refuse(told, told)
    return value.double()


def close(value: Tensor, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Return whether two results agree to a relative (and, near zero, absolute) tolerance."""
    return torch.allclose(value.double(), torch.as_tensor(np.asarray(wanted)).double(), rtol=tolerance, atol=tolerance)
