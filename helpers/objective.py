"""The loss of the course, in parts: images and a model's output for them go in, nats per image come out.

Everything is summed over pixels and over latents, and left per image: (B,). The mean over the batch is one number.
There is no hidden factor: `recon` is −log p(x|z), `kl` is KL(q(z|x) ‖ N(0, I)), `loss` is recon + beta · kl.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Loss(NamedTuple):
    """The loss of one batch, in nats per image: `loss` = recon + beta · kl, `recon` = −log p(x|z), `kl` ≥ 0; each (B,)."""

    loss: Tensor
    recon: Tensor
    kl: Tensor


class ShapeError(ValueError):
    """A tensor has the wrong shape; the message names it, and the shape that is needed."""


def same_shape(**tensors: Tensor) -> None:
    """Raise ShapeError unless all the named tensors have one shape (broadcasting hides mistakes in a loss)."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ShapeError("these must have the same shape: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise ValueError unless a number is whole and not below `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of {least} or more.")


def check_number(name: str, value: float, *, zero: bool = False) -> None:
    """Raise ValueError unless a value is a finite number above 0; `zero` says that 0 will do, too."""
    number = float(value) if isinstance(value, (Real, Tensor)) and not isinstance(value, bool) else math.nan
    if not 0 <= number < math.inf or (number == 0 and not zero):
        raise ValueError(f"{name} is {value!r}; it must be a finite number {'of 0 or more' if zero else 'above 0'}.")


def at_least_float32(x: Tensor) -> Tensor:
    """Return half precision as float32, and anything finer as it is: a sum over many pixels needs the digits."""
    return x.float() if x.dtype.itemsize < 4 else x


def kl_terms(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return ½ (mu² + exp(logvar) − 1 − logvar), each latent's KL to N(0, 1), (B, Z); expm1 keeps the digits near logvar 0."""
    same_shape(mu=mu, logvar=logvar)
    mu, logvar = at_least_float32(mu), at_least_float32(logvar)
    return 0.5 * (mu.square() + (torch.expm1(logvar) - logvar))


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mu, exp(logvar)) ‖ N(0, I)) per image, in nats.

    ½ Σ_z (mu² + exp(logvar) − 1 − logvar)          (Kingma & Welling 2014, appendix B)

    mu, logvar: (B, Z). Returns (B,), never negative. NaN in gives NaN out; float32 ends at logvar 88, beyond which the value is
    inf, float64 at 709. Raises ShapeError on shapes that differ. Built in notebooks 03 and 05.
    """
    return kl_terms(mu, logvar).flatten(1).sum(1)


def active_units(mu: Tensor) -> Tensor:
    """Return which latents a model uses: whether the posterior mean varies over the data, (Z,) bool.

    Var_x mu_z(x) > 0.01          (Burda, Grosse & Salakhutdinov 2016, section 5.2)

    mu: (N, Z), the posterior means of N ≥ 2 images; never samples of z, whose variance is about 1 where nothing is used.
    Raises ShapeError on anything but two axes and two rows, ValueError on NaN. Built in notebook 06.
    """
    if mu.ndim != 2 or len(mu) < 2:
        raise ShapeError(f"mu must be (N, Z) with N of 2 or more images, but it is {tuple(mu.shape)}.")
    if mu.isnan().any():
        raise ValueError("mu holds NaN, so no latent can be called used or unused; check the model.")
    return at_least_float32(mu).var(0, correction=0) > 0.01


def bernoulli_nll(x: Tensor, x_logits: Tensor) -> Tensor:
    """Return −log p(x|z) per image, in nats, for independent Bernoulli pixels with logits x_logits.

    Σ softplus(logit) − x · logit

    x: (B, C, H, W) in [0, 1]; x_logits: the same shape, before the sigmoid. Returns (B,). For grey values strictly between
    0 and 1 this is the cross-entropy, whose least value is not 0 but `bernoulli_floor(x)`. Raises ShapeError on shapes that
    differ. Built in notebook 05.
    """
    same_shape(x=x, x_logits=x_logits)
    x, x_logits = at_least_float32(x), at_least_float32(x_logits)
    return F.binary_cross_entropy_with_logits(x_logits, x, reduction="none").flatten(1).sum(1)


def bernoulli_floor(x: Tensor) -> Tensor:
    """Return the least `bernoulli_nll` that any model can reach on x, reached where x_hat = x: the pixels' entropy, (B,) nats.

    −Σ (x log x + (1 − x) log (1 − x)), where 0 log 0 is 0          x: (B, C, H, W) in [0, 1]. Built in notebook 05.
    """
    x = at_least_float32(x)
    return -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).flatten(1).sum(1)


def gaussian_nll(x: Tensor, x_hat: Tensor, sigma: Tensor | float = 1.0) -> Tensor:
    """Return −log p(x|z) per image, in nats, for p(x|z) = N(x_hat, sigma² I).

    Σ (x − x_hat)² / 2 sigma²  +  P (log sigma + ½ log 2π)          P = C·H·W

    x, x_hat: (B, C, H, W); sigma: a positive number (0 or less gives NaN or infinity). Returns (B,); a density, so it can be
    negative. Raises ShapeError on shapes that differ. Built in notebook 05.
    """
    same_shape(x=x, x_hat=x_hat)
    squares = (at_least_float32(x) - at_least_float32(x_hat)).square().flatten(1)
    sigma = torch.as_tensor(sigma, dtype=squares.dtype, device=x.device)
    return squares.sum(1) / (2 * sigma.square()) + squares.shape[1] * (sigma.log() + 0.5 * math.log(2 * math.pi))


def optimal_sigma(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the sigma that minimises the mean of `gaussian_nll`: the root of the mean squared error, a scalar.

    (Rybkin, Daniilidis & Levine 2021, equation 5.) x, x_hat: (B, C, H, W). Never less than 1e-3, a quarter of the way from one
    grey level to the next. Raises ShapeError on shapes that differ.
    """
    same_shape(x=x, x_hat=x_hat)
    return (at_least_float32(x) - at_least_float32(x_hat)).square().mean().sqrt().clamp(min=1e-3)


def bits_per_dim(nats: Tensor | float, dimensions: int) -> Tensor | float:
    """Return nats per image of a density over [0, 1] pixels as bits per dimension of the 8-bit image.

    nats / (P ln 2) + log2 255: grey levels lie 1/255 apart, so the probability of one is about its density over 255. (Papers
    that divide by 256 add 8.) Only for Gaussian likelihoods: a Bernoulli's value is no density of grey levels.
    """
    return nats / (dimensions * math.log(2)) + math.log2(255)


class Estimate(NamedTuple):
    """A mean over samples, and its standard error: the truth lies within 2 errors in 95 of 100 tries; scalars."""

    value: Tensor
    error: Tensor


def kl_between(mu1: Tensor, logvar1: Tensor, mu2: Tensor, logvar2: Tensor) -> Tensor:
    """Return KL(N(mu1, exp(logvar1)) ‖ N(mu2, exp(logvar2))) per row, in nats, for diagonal normal distributions.

    ½ Σ_z ((mu1 − mu2)² / exp(logvar2) + exp(d) − 1 − d)          d = logvar1 − logvar2

    All four: (B, Z). Returns (B,) float64, never negative, finite for every logvar within ±100; NaN in gives NaN out.
    Raises ShapeError on shapes that differ. Built in notebook 03.
    """
    same_shape(mu1=mu1, logvar1=logvar1, mu2=mu2, logvar2=logvar2)
    mu1, logvar1, mu2, logvar2 = (part.double() for part in (mu1, logvar1, mu2, logvar2))
    d = logvar1 - logvar2  # (B, Z)
    return 0.5 * ((mu1 - mu2).square() * torch.exp(-logvar2) + (torch.expm1(d) - d)).flatten(1).sum(1)


def covariance_root(covariance: Tensor, name: str) -> Tensor:
    """Return L with L Lᵀ = covariance, (..., Z, Z) float64, lower triangular; raise ValueError where there is none."""
    covariance = covariance.double()
    if not torch.allclose(covariance, covariance.mT, rtol=1e-5, atol=1e-8):
        raise ValueError(f"{name} is not symmetric (or holds NaN), so it is no covariance; check how it was computed.")
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed.any():
        raise ValueError(
            f"{name} is not positive definite: its variance in some direction is 0 or negative. Fewer samples than "
            "dimensions do this; add a little to its diagonal."
        )
    return root


def gaussian_kl_full(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> Tensor:
    """Return KL(N(mean1, cov1) ‖ N(mean2, cov2)) in nats, for any two covariances.

    ½ (tr(cov2⁻¹ cov1) + dᵀ cov2⁻¹ d − Z + log det cov2 − log det cov1)          d = mean2 − mean1

    mean1, mean2: (..., Z); cov1, cov2: (..., Z, Z), symmetric and positive definite. Returns (...) float64. No inverse and
    no eigenvalue is taken: with cov = L Lᵀ the trace is the sum of squares of L2⁻¹ L1. Raises ShapeError on shapes that
    do not fit, ValueError on a matrix that is no covariance. Built in notebook 03.
    """
    same_shape(mean1=mean1, mean2=mean2)
    same_shape(cov1=cov1, cov2=cov2)
    size = mean1.shape[-1]
    if tuple(cov1.shape) != (*mean1.shape, size):
        raise ShapeError(f"means {tuple(mean1.shape)} need covariances {(*mean1.shape, size)}, but these are {tuple(cov1.shape)}.")
    root1, root2 = covariance_root(cov1, "cov1"), covariance_root(cov2, "cov2")
    columns = torch.cat([root1, (mean2 - mean1).double()[..., None]], -1)  # (..., Z, Z + 1)
    squares = torch.linalg.solve_triangular(root2, columns, upper=False).square().sum((-2, -1))  # trace and distance at once
    logdets = 2 * (root2.diagonal(dim1=-2, dim2=-1).log() - root1.diagonal(dim1=-2, dim2=-1).log()).sum(-1)
    return 0.5 * (squares - size + logdets)


def monte_carlo_kl(log_q: Tensor, log_p: Tensor) -> Estimate:
    """Return the mean of log q(z) − log p(z) over samples z of q, and its standard error, in nats.

    KL(q ‖ p) = E_q[log q(z) − log p(z)] ≈ 1/K Σ_k (log q(z_k) − log p(z_k))          error: standard deviation / √K

    log_q, log_p: (K,), the two log densities at the same K ≥ 2 samples *of q*. Works for any two distributions whose
    densities can be computed. The estimate may be negative; the divergence is not. Raises ShapeError. Built in notebook 03.
    """
    same_shape(log_q=log_q, log_p=log_p)
    if log_q.ndim != 1 or len(log_q) < 2:
        raise ShapeError(f"log_q must be (K,) with K of 2 or more samples, one log density each; yours is {tuple(log_q.shape)}.")
    ratio = log_q.double() - log_p.double()  # (K,)
    return Estimate(ratio.mean(), ratio.std() / len(ratio) ** 0.5)
