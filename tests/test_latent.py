"""Picks have the distribution they promise; the glitch measure counts planted glitches."""

import pytest
import torch

from helpers import latent


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_box_picks_fill_the_box_evenly():
    codes = torch.tensor([[0.0, -2.0], [1.0, 2.0], [0.5, 0.0]])
    picks = latent.box_picks(codes, 20_000, rng())
    assert picks[:, 0].min() >= 0 and picks[:, 0].max() <= 1 and picks[:, 1].min() >= -2 and picks[:, 1].max() <= 2
    assert torch.allclose(picks.mean(0), torch.tensor([0.5, 0.0]), atol=0.03)
    assert torch.allclose(picks.var(0), torch.tensor([1 / 12, 16 / 12]), rtol=0.05)


def test_gaussian_picks_have_the_codes_moments():
    codes = torch.randn(5_000, 3, generator=rng()) @ torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0.5, 0.1]]) + 4
    picks = latent.gaussian_picks(codes, 50_000, rng(1))
    assert torch.allclose(picks.mean(0), codes.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(picks.T), torch.cov(codes.T), atol=0.1)


def test_prior_picks_are_standard_normal():
    picks = latent.prior_picks(50_000, 2, rng())
    assert torch.allclose(torch.cov(picks.T), torch.eye(2), atol=0.03) and picks.mean(0).abs().max() < 0.03


def test_nearest_distance_is_the_root_mean_square_to_the_nearest():
    reference = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    pictures = torch.stack([torch.full((1, 4, 4), v) for v in (0.0, 0.1, 0.7)])
    assert torch.allclose(latent.nearest_distance(pictures, reference), torch.tensor([0.0, 0.1, 0.3]), atol=1e-3)
    assert torch.allclose(latent.nearest_distance((255 * reference).byte(), reference), torch.zeros(2), atol=1e-3)


def test_glitch_rate_counts_planted_glitches():
    reference = torch.rand(50, 1, 6, 6, generator=rng())
    faithful = (reference + 0.02 * torch.randn(50, 1, 6, 6, generator=rng(1))).clamp(0, 1)
    line = latent.glitch_line(faithful, reference)
    assert latent.glitch_rate(faithful, reference, line) == pytest.approx(0.06, abs=0.021)  # 5 % of 50, to the picture
    mixed = torch.cat([reference[:30], 1 - reference[:10]])
    assert latent.glitch_rate(mixed, reference, line) == pytest.approx(0.25)
