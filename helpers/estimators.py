"""Gradients of an expectation over a normal distribution: f and noise go in, one gradient per sample comes out.

Both functions estimate the derivatives of E f(z), z ~ N(mu, exp(logvar)), and both are unbiased; they differ in what they
need of f, and in their variance. The mean over the samples is the estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.objective import ShapeError

Function = Callable[[Tensor], Tensor]


class Gradients(NamedTuple):
    """Per-sample gradients of E f(z): with respect to `mu` and to `logvar`, (K, Z) each."""

    mu: Tensor
    logvar: Tensor


def check_parameters(mu: Tensor, logvar: Tensor, eps: Tensor) -> None:
    """Raise ShapeError unless mu and logvar are (Z,) and eps is (K, Z); raise ValueError where one of them is not finite."""
    if mu.ndim != 1 or mu.shape != logvar.shape or eps.ndim != 2 or eps.shape[1:] != mu.shape:
        shapes = ", ".join(f"{name} {tuple(t.shape)}" for name, t in (("mu", mu), ("logvar", logvar), ("eps", eps)))
        raise ShapeError(f"mu and logvar must be (Z,) and eps (K, Z), with one Z, but they are {shapes}.")
    for name, tensor in (("mu", mu), ("logvar", logvar), ("eps", eps)):
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity; a normal distribution needs finite numbers.")


def values_of(f: Function, z: Tensor) -> Tensor:
    """Return f(z), (K,), for samples z (K, Z). Raises ShapeError on another shape, ValueError where a value is not finite."""
    values = f(z)
    if not isinstance(values, Tensor) or values.shape != z.shape[:1]:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ShapeError(f"f must return one number a sample, ({len(z)},) for z {tuple(z.shape)}, but returned {shape}.")
    bad = (~values.isfinite()).sum().item()
    if bad:
        raise ValueError(f"f is NaN or infinite at {bad} of {len(z)} samples. Is logvar too large, or float64 needed?")
    return values.to(z.dtype)  # a function that counts or compares may return whole numbers or bools


def pathwise_gradient(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor) -> Gradients:
    """Return each sample's pathwise (reparameterized) gradient of E f(z), z = mu + sigma · eps, sigma = exp(logvar / 2).

    ∂f/∂z   for mu,    ∂f/∂z · ½ sigma · eps   for logvar       (Kingma & Welling 2014, section 2.4)

    f: z (K, Z) → (K,), every value from its own row alone, differentiable by autograd.  mu, logvar: (Z,), finite.
    eps: (K, Z), standard normal.  Returns Gradients, (K, Z) each, in units of f per unit of mu or of logvar; no graph is kept.
    Unbiased for continuous f, kinks included; a *jump* of f is not seen: for a step function the result is 0, and wrong.
    Raises ShapeError; ValueError on NaN, infinity, or an f without a gradient. Built in notebook 04.
    """
    check_parameters(mu, logvar, eps)
    sigma = torch.exp(0.5 * logvar).detach()
    with torch.enable_grad():
        z = (mu + sigma * eps).detach().requires_grad_()
        values = values_of(f, z)
        if not values.requires_grad:
            raise ValueError("f(z) has no gradient in z (a comparison? .detach()?): use score_gradient.")
        (slope,) = torch.autograd.grad(values.sum(), z)
    if not slope.isfinite().all():
        raise ValueError("f has a NaN or infinite slope at some sample, so its pathwise gradient has none either.")
    return Gradients(slope, slope * 0.5 * sigma * eps)


@torch.no_grad()
def score_gradient(f: Function, mu: Tensor, logvar: Tensor, eps: Tensor, baseline: Tensor | float | None = None) -> Gradients:
    """Return each sample's score-function (REINFORCE) gradient of E f(z), z = mu + sigma · eps, sigma = exp(logvar / 2).

    (f(z) − baseline) · eps / sigma   for mu,    (f(z) − baseline) · ½ (eps² − 1)   for logvar     (Williams 1992)

    f: z (K, Z) → (K,); only its values are used, so it may jump, count, or be a black box.  mu, logvar: (Z,), finite.
    eps: (K, Z), standard normal.  baseline: a number, or (K,); it leaves the mean as it is only if a sample's baseline does
    not depend on that sample's own eps.  Returns Gradients, (K, Z) each, in units of f per unit of mu or of logvar.
    The part for mu grows like 1 / sigma. Raises ShapeError; ValueError on NaN or infinity. Built in notebook 04.
    """
    check_parameters(mu, logvar, eps)
    sigma = torch.exp(0.5 * logvar)
    values = values_of(f, mu + sigma * eps)
    if baseline is not None:
        baseline = torch.as_tensor(baseline, dtype=values.dtype, device=values.device)
        if baseline.ndim and baseline.shape != values.shape:
            raise ShapeError(f"baseline must be a number or ({len(eps)},), one a sample, but it is {tuple(baseline.shape)}.")
        if not baseline.isfinite().all():
            raise ValueError("baseline holds NaN or infinity.")
        values = values - baseline
    return Gradients(values[:, None] * eps / sigma, values[:, None] * 0.5 * (eps.square() - 1))
