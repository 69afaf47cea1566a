"""Points in latent space: ways to pick them, and a measure of whether what they decode to resembles anything real.

Codes (N, Z) go in, points (n, Z) come out; pictures go in, distances to the nearest real picture come out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.data import to_float


def box_picks(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z), uniform in the smallest box that holds all codes (N, Z). Built in notebook 01."""
    low, high = codes.min(0).values, codes.max(0).values
    return low + (high - low) * torch.rand(n, codes.shape[1], generator=generator)


def prior_picks(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, size) from the standard normal N(0, I), the prior of a VAE. Built in notebook 05."""
    return torch.randn(n, size, generator=generator)


def nearest_distance(pictures: Tensor, reference: Tensor) -> Tensor:
    """Return how far each picture (n, C, H, W) is from the nearest reference picture (N, C, H, W), (n,).

    The distance is the root mean square over pixels in [0, 1]: 0 is a copy, and 0.1 an error of a tenth of the range in the
    typical pixel. Built in notebook 01.
    """
    a, b = to_float(pictures).flatten(1), to_float(reference).flatten(1)
    return torch.cdist(a, b).min(1).values / a.shape[1] ** 0.5


def glitch_line(reconstructions: Tensor, reference: Tensor) -> float:
    """Return the distance to the nearest reference picture that 95 % of the reconstructions of held-out pictures stay below.

    A picture further from everything real than that counts as a glitch: a faithful decoder makes 5 % of them, by definition.
    """
    return nearest_distance(reconstructions, reference).quantile(0.95).item()


def glitch_rate(pictures: Tensor, reference: Tensor, line: float) -> float:
    """Return the share of pictures (n, C, H, W) that lie further than `line` from every reference picture."""
    return (nearest_distance(pictures, reference) > line).float().mean().item()


def gaussian_picks(codes: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n points (n, Z) from the normal distribution with the mean and covariance of codes (N, Z). Built in notebook 05."""
    root = torch.linalg.cholesky(torch.cov(codes.T) + 1e-6 * torch.eye(codes.shape[1]))
    return codes.mean(0) + torch.randn(n, codes.shape[1], generator=generator) @ root.T
