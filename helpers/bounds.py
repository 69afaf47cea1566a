"""Lower bounds of log p(x), and models on which the truth is known: log weights or posteriors go in, nats per image come out.

A log weight is log p(x, z) − log q(z|x) of one latent sample z. `LinearGaussian` is the one latent variable model whose
evidence, posterior and ELBO have closed forms in any dimension: the truth that the bounds are compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

from helpers.objective import ShapeError, at_least_float32, check_number, same_shape


def check_log_weights(log_weights: Tensor) -> Tensor:
    """Return log weights (K, B) in float32 or better; raise ShapeError unless there are two axes and K ≥ 1."""
    if log_weights.ndim != 2 or len(log_weights) == 0:
        raise ShapeError(f"log weights must be (K, B) with K ≥ 1 samples of each of B images, not {tuple(log_weights.shape)}.")
    return at_least_float32(log_weights)


def elbo_from_log_weights(log_weights: Tensor) -> Tensor:
    """Return the K-sample estimate of the ELBO of each image, (B,) nats: the mean of the log weights.

    1/K Σ_k log w_k,  w_k = p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)          (Kingma & Welling 2014, section 2.3)

    log_weights: (K, B). More samples make it less noisy, not tighter: its expectation is the ELBO for every K. NaN in gives
    NaN out; a weight of zero (−inf) gives −inf. Raises ShapeError unless there are two axes. Built in notebook 02.
    """
    return check_log_weights(log_weights).mean(0)


def iwae_bound(log_weights: Tensor) -> Tensor:
    """Return the importance-weighted bound of each image's log p(x), (B,) nats: the log of the mean weight.

    log 1/K Σ_k w_k = logsumexp_k log w_k − log K          (Burda, Grosse & Salakhutdinov 2016, section 3)

    log_weights: (K, B). In expectation it never falls as K grows and never passes log p(x). Computed without leaving the logarithm:
    no overflow or underflow. NaN in gives NaN out; weights of zero (−inf) count as zeros. Raises ShapeError unless there are
    two axes. Built in notebook 02.
    """
    return check_log_weights(log_weights).logsumexp(0) - math.log(len(log_weights))


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """The model z ~ N(0, I), x|z ~ N(W z + b, sigma² I): probabilistic PCA (Tipping & Bishop 1999). Built in notebook 02.

    W: (P, Z), b: (P,), both finite and of one dtype; sigma > 0. Raises ShapeError or ValueError otherwise. Images x are
    rows, (B, P); a NaN in a row of x gives NaN for that row.
    """

    W: Tensor
    b: Tensor
    sigma: float

    def __post_init__(self) -> None:
        if self.W.ndim != 2 or self.b.shape != self.W.shape[:1]:
            raise ShapeError(f"W must be (P, Z) and b (P,), but they are {tuple(self.W.shape)} and {tuple(self.b.shape)}.")
        if not (self.W.isfinite().all() and self.b.isfinite().all()):
            raise ValueError("W and b must be finite; one of them holds NaN or infinity.")
        check_number("sigma", self.sigma)

    def rows(self, x: Tensor) -> Tensor:
        """Return x, once it has shape (B, P)."""
        if x.ndim != 2 or x.shape[1] != len(self.b):
            raise ShapeError(f"x must be (B, {len(self.b)}), one row an image, but it is {tuple(x.shape)}.")
        return x

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x) = log N(x; b, W Wᵀ + sigma² I) per row of x (B, P): (B,) nats."""
        noise = torch.full_like(self.b, self.sigma**2)
        return LowRankMultivariateNormal(self.b, self.W, noise, validate_args=False).log_prob(self.rows(x))

    def precision(self) -> Tensor:
        """Return the posterior's precision (Z, Z), the inverse of its covariance: I + Wᵀ W / sigma². It is the same for every x."""
        return torch.eye(self.W.shape[1], dtype=self.W.dtype) + self.W.T @ self.W / self.sigma**2

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (B, Z) and covariance (Z, Z) of p(z|x) for x (B, P); the covariance is the same for every x.

        covariance = (I + Wᵀ W / sigma²)⁻¹,  mean = covariance Wᵀ (x − b) / sigma²          (Bishop 2006, B.45 and B.46)
        """
        covariance = torch.linalg.inv(self.precision())
        return (self.rows(x) - self.b) @ self.W @ covariance / self.sigma**2, covariance

    def elbo(self, x: Tensor, mu: Tensor, covariance: Tensor) -> Tensor:
        """Return the ELBO of x (B, P) under q(z|x) = N(mu, covariance), (B,) nats: E_q log p(x|z) − KL(q ‖ N(0, I)).

        mu: (B, Z); covariance: (Z, Z), shared by all rows and positive definite.
        """
        (P, Z), rows = self.W.shape, self.rows(x)
        if mu.shape != (len(rows), Z) or covariance.shape != (Z, Z):
            found = f"{tuple(mu.shape)} and {tuple(covariance.shape)}"
            raise ShapeError(f"mu must be ({len(rows)}, {Z}) and covariance ({Z}, {Z}), but they are {found}.")
        squares = (rows - self.b - mu @ self.W.T).square().sum(1) + (self.W @ covariance * self.W).sum()  # E_q |x − b − W z|²
        expected = -squares / (2 * self.sigma**2) - P * (math.log(self.sigma) + 0.5 * math.log(2 * math.pi))
        logdet = 2 * torch.linalg.cholesky(covariance).diagonal().log().sum()
        return expected - 0.5 * (mu.square().sum(1) + covariance.trace() - Z - logdet)


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return log N(z; mu, diag exp(logvar)), summed over the last axis, in float64; shapes broadcast. Finite for logvar ±100."""
    z, mu, logvar = z.double(), mu.double(), logvar.double()
    return -0.5 * ((z - mu).square() * torch.exp(-logvar) + logvar + math.log(2 * math.pi)).sum(-1)


def aggregate_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return log q(z) under the aggregate posterior, the mean of the posteriors of N images: (n,) nats, float64.

    q(z) = 1/N Σ_n N(z; mu_n, exp(logvar_n))          (Hoffman & Johnson 2016)

    z: (n, Z), any points; mu, logvar: (N, Z). NaN in gives NaN out; finite for logvar of ±100. Raises ShapeError on shapes
    that do not fit. Built in notebook 02.
    """
    same_shape(mu=mu, logvar=logvar)
    if z.ndim != 2 or mu.ndim != 2 or z.shape[1] != mu.shape[1] or len(mu) == 0:
        raise ShapeError(f"z must be (n, Z) and mu (N, Z), of one Z and N ≥ 1, not {tuple(z.shape)} and {tuple(mu.shape)}.")
    z, mu, logvar = z.double(), mu.double(), logvar.double()
    heights = log_normal(mu, mu, logvar)  # (N,), each posterior's log density at its mean
    found = []
    for part in z.split(250):
        squares = torch.zeros(len(part), len(mu), dtype=torch.float64)
        for j in range(mu.shape[1]):  # one latent at a time: (n, N) is large enough
            squares += (part[:, j, None] - mu[:, j]).square() * torch.exp(-logvar[:, j])
        found.append((heights - 0.5 * squares).logsumexp(1))
    return torch.cat(found) - math.log(len(mu))


class Rate(NamedTuple):
    """The mean KL to the prior, split per sample: `information` + `hole`, (N,) nats each, whose means estimate the two parts."""

    information: Tensor
    hole: Tensor


def split_rate(z: Tensor, mu: Tensor, logvar: Tensor) -> Rate:
    """Return the two parts of the mean KL, one value a sample: the information in z about the image, and q(z) against N(0, I).

    mean KL(q(z|x) ‖ p(z)) = E log q(z|x) / q(z)  +  E log q(z) / p(z)          (Hoffman & Johnson 2016)

    z: (N, Z), one sample of each posterior; mu, logvar: (N, Z). The mean of `information` is never more than log N. Raises
    ShapeError on shapes that differ. Built in notebook 02.
    """
    same_shape(z=z, mu=mu, logvar=logvar)
    posterior, aggregate = log_normal(z, mu, logvar), aggregate_log_prob(z, mu, logvar)
    return Rate(posterior - aggregate, aggregate - log_normal(z, torch.zeros_like(mu), torch.zeros_like(mu)))
