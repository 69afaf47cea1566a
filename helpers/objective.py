"""The loss of the course, in parts: pictures and what a model says of them go in, nats per image come out.

Everything is summed over pixels and over latents, and left per image: (B,). Whoever wants one number takes the mean over
the batch. There is no hidden factor: `recon` is −log p(x|z), `kl` is KL(q(z|x) ‖ N(0, I)), `loss` is recon + beta · kl.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Loss(NamedTuple):
    """What one batch costs, in nats per image: `loss` = recon + beta · kl, `recon` = −log p(x|z), `kl` ≥ 0; each (B,)."""

    loss: Tensor
    recon: Tensor
    kl: Tensor


class ShapeError(ValueError):
    """Two tensors that must have the same shape do not; the message names both."""


def same_shape(**tensors: Tensor) -> None:
    """Raise ShapeError unless all the named tensors have one shape (broadcasting hides mistakes in a loss)."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ShapeError("these must have the same shape: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mu, exp(logvar)) ‖ N(0, I)) per image, in nats.

    ½ Σ_z (mu² + exp(logvar) − 1 − logvar)          (Kingma & Welling 2014, appendix B)

    mu, logvar: (B, Z). Returns (B,), never negative: the part in logvar goes through expm1, which keeps its digits where
    logvar is close to 0. NaN in gives NaN out. Raises ShapeError on shapes that differ. Built in notebook 05.
    """
    same_shape(mu=mu, logvar=logvar)
    mu, logvar = mu.float() if mu.dtype.itemsize < 4 else mu, logvar.float() if logvar.dtype.itemsize < 4 else logvar
    return 0.5 * (mu.square() + (torch.expm1(logvar) - logvar)).flatten(1).sum(1)


def bernoulli_nll(x: Tensor, x_logits: Tensor) -> Tensor:
    """Return −log p(x|z) per image, in nats, for independent Bernoulli pixels with logits x_logits.

    Σ softplus(logit) − x · logit

    x: (B, C, H, W) in [0, 1]; x_logits: the same shape, before the sigmoid. Returns (B,). For grey values strictly between
    0 and 1 this is the cross-entropy, whose least value is not 0 but `bernoulli_floor(x)`. Built in notebook 05.
    """
    same_shape(x=x, x_logits=x_logits)
    return F.binary_cross_entropy_with_logits(x_logits.float(), x.float(), reduction="none").flatten(1).sum(1)


def bernoulli_floor(x: Tensor) -> Tensor:
    """Return the least `bernoulli_nll` that any model can reach on x, reached where x_hat = x: the pixels' entropy, (B,) nats."""
    return -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).flatten(1).sum(1)


def gaussian_nll(x: Tensor, x_hat: Tensor, sigma: Tensor | float = 1.0) -> Tensor:
    """Return −log p(x|z) per image, in nats, for p(x|z) = N(x_hat, sigma² I).

    Σ (x − x_hat)² / 2 sigma²  +  D (log sigma + ½ log 2π)          D = C·H·W

    x, x_hat: (B, C, H, W); sigma: a positive number. Returns (B,); a density, so it can be negative. Built in notebook 05.
    """
    same_shape(x=x, x_hat=x_hat)
    sigma = torch.as_tensor(sigma, dtype=torch.float32, device=x.device)
    squares = (x.float() - x_hat.float()).square().flatten(1)
    return squares.sum(1) / (2 * sigma.square()) + squares.shape[1] * (sigma.log() + 0.5 * math.log(2 * math.pi))


def optimal_sigma(x: Tensor, x_hat: Tensor) -> Tensor:
    """Return the sigma that minimises the mean of `gaussian_nll`: the root of the mean squared error, a scalar.

    (Rybkin, Daniilidis & Levine 2021, equation 5.) Never less than 1e-3, a quarter of one of the 256 grey levels.
    """
    return (x.float() - x_hat.float()).square().mean().sqrt().clamp(min=1e-3)


def bits_per_dim(nats: Tensor | float, dimensions: int) -> Tensor | float:
    """Return nats per image of a density over [0, 1] pixels as bits per dimension of the 8-bit picture.

    nats / (D ln 2) + 8: one grey level is 1/256 wide, so its probability is about the density over 256. Only for
    Gaussian likelihoods: a Bernoulli's value is no density of grey levels.
    """
    return nats / (dimensions * math.log(2)) + 8
