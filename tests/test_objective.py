"""The loss against torch.distributions and autograd."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from helpers import objective


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_gaussian_kl_is_that_of_torch_distributions():
    mu, logvar = draw(64, 5), draw(64, 5, seed=1)
    oracle = kl_divergence(
        Independent(Normal(mu, torch.exp(0.5 * logvar)), 1), Independent(Normal(torch.zeros(5), torch.ones(5)), 1)
    )
    assert torch.allclose(objective.gaussian_kl(mu, logvar), oracle, rtol=1e-5, atol=1e-5)


def test_gaussian_kl_keeps_its_digits_near_the_prior():
    logvar = torch.tensor([[1e-4]])
    assert objective.gaussian_kl(torch.zeros(1, 1), logvar).item() == pytest.approx(0.25e-8, rel=0.05)
    assert (objective.gaussian_kl(torch.zeros(1000, 4), 1e-3 * draw(1000, 4)) >= 0).all()


def test_gaussian_kl_at_the_edges():
    zero = torch.zeros(1, 1)
    assert objective.gaussian_kl(zero, torch.full((1, 1), -100.0)).item() == pytest.approx(49.5)
    assert objective.gaussian_kl(zero.double(), torch.full((1, 1), 100.0).double()).isfinite().all()
    assert objective.gaussian_kl(zero, zero + 100).isinf().all()  # float32 ends at 88
    assert objective.gaussian_kl(zero.bfloat16(), zero.bfloat16()).dtype == torch.float32
    assert objective.gaussian_kl(torch.tensor([[math.nan]]), zero).isnan().all()
    with pytest.raises(objective.ShapeError, match=r"mu \(4, 2\), logvar \(2,\)"):
        objective.gaussian_kl(torch.zeros(4, 2), torch.zeros(2))


def test_bernoulli_nll_is_that_of_torch_distributions():
    logits, x = draw(6, 1, 4, 4), (draw(6, 1, 4, 4, seed=2) > 0).float()
    oracle = -Independent(Bernoulli(logits=logits), 3).log_prob(x)
    assert torch.allclose(objective.bernoulli_nll(x, logits), oracle, rtol=1e-5)


def test_bernoulli_floor_is_the_least_value():
    x = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(3))
    floor = objective.bernoulli_floor(x)
    assert torch.allclose(objective.bernoulli_nll(x, torch.logit(x)), floor, rtol=1e-4)
    for shift in (-0.3, 0.3):
        assert (objective.bernoulli_nll(x, torch.logit(x) + shift) > floor).all()


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_gaussian_nll_is_that_of_torch_distributions(sigma):
    x, x_hat = torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5)
    oracle = -Independent(Normal(x_hat, sigma), 3).log_prob(x)
    assert torch.allclose(objective.gaussian_nll(x, x_hat, sigma), oracle, rtol=1e-5)


def test_optimal_sigma_has_zero_slope_and_a_floor():
    x = torch.rand(4, 1, 5, 5)
    x_hat = torch.rand(4, 1, 5, 5, requires_grad=True)
    sigma = objective.optimal_sigma(x, x_hat).detach().requires_grad_()
    objective.gaussian_nll(x, x_hat, sigma).sum().backward()
    assert sigma.grad.abs() < 1e-3 * x.numel()
    assert objective.optimal_sigma(x, x).item() == pytest.approx(1e-3)  # a fraction of a grey level


def test_bits_per_dim():
    assert objective.bits_per_dim(0.0, 784) == pytest.approx(math.log2(255))
    assert objective.bits_per_dim(-784 * math.log(255), 784) == pytest.approx(0)
    grey, density = torch.arange(256, dtype=torch.float64) / 255, Normal(torch.tensor(0.4, dtype=torch.float64), 0.05)
    exact = -(density.cdf(grey + 0.5 / 255) - density.cdf(grey - 0.5 / 255)).log2()  # bits of each grey level, exactly
    assert objective.bits_per_dim(-density.log_prob(grey)[90:110], 1).numpy() == pytest.approx(exact[90:110].numpy(), abs=0.01)


def test_mismatched_images_are_refused():
    for loss in (objective.bernoulli_nll, objective.gaussian_nll):
        with pytest.raises(objective.ShapeError):
            loss(torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4))


def test_active_units_are_those_whose_mean_moves_with_the_data():
    scale = torch.tensor([1.0, 0.2, 0.05, 0.0])
    mu = 3.0 + draw(20_000, 4) * scale  # a constant offset is no use
    assert objective.active_units(mu).tolist() == [True, True, False, False]
    assert objective.active_units(mu).tolist() == (mu.numpy().var(0) > 0.01).tolist()
    just = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]) * torch.tensor([0.0102, 0.0098]).sqrt()  # variances on both sides of 0.01
    assert objective.active_units(just).tolist() == [True, False]
    assert objective.active_units(mu.bfloat16()).sum() == 2
    with pytest.raises(ValueError, match="NaN"):
        objective.active_units(torch.tensor([[math.nan], [0.0]]))
    for wrong in (torch.zeros(5), torch.zeros(1, 3), torch.zeros(2, 3, 4)):
        with pytest.raises(objective.ShapeError, match="2 or more images"):
            objective.active_units(wrong)
