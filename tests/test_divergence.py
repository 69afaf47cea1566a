"""Divergences between Gaussians against torch.distributions and closed forms; bad input included."""

import math

import pytest
import torch
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal, kl_divergence

from helpers import objective


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariances(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return random covariances (*shape, Z, Z), where Z is the last number."""
    root = draw(*shape, shape[-1], seed=seed)
    return root @ root.mT + 0.2 * torch.eye(shape[-1])


def test_kl_between_is_that_of_torch_distributions():
    mu1, logvar1, mu2, logvar2 = draw(4, 100, 7)
    p, q = (Independent(Normal(mu, torch.exp(0.5 * logvar)), 1) for mu, logvar in ((mu1, logvar1), (mu2, logvar2)))
    assert torch.allclose(objective.kl_between(mu1, logvar1, mu2, logvar2), kl_divergence(p, q), rtol=1e-10)


def test_kl_between_is_never_negative_and_keeps_its_digits_where_the_two_nearly_agree():
    mu, logvar = draw(1000, 4).float(), draw(1000, 4, seed=1).float()
    near = logvar + 1e-4 * draw(1000, 4, seed=2).float()
    assert (objective.kl_between(mu, logvar, mu, near) >= 0).all()
    zero, d = torch.zeros(1, 1), torch.full((1, 1), 1e-5, dtype=torch.float64)
    assert objective.kl_between(zero, d, zero, zero).item() == pytest.approx(0.25e-10, rel=1e-4)


def test_kl_between_at_the_edges():
    zero, big = torch.zeros(1, 1), torch.full((1, 1), 100.0)
    assert objective.kl_between(zero, big, zero, -big).item() == pytest.approx(0.5 * (math.exp(200) - 201))
    assert objective.kl_between(zero, -big, zero, big).item() == pytest.approx(0.5 * 199)
    assert objective.kl_between(zero + 1, zero, zero, -big).item() == pytest.approx(0.5 * (2 * math.exp(100)), rel=1e-10)
    assert objective.kl_between(zero * math.nan, zero, zero, zero).isnan().all()
    with pytest.raises(objective.ShapeError, match=r"mu1 \(4, 2\), logvar1 \(4, 2\), mu2 \(2,\)"):
        objective.kl_between(torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(2), torch.zeros(4, 2))


@pytest.mark.parametrize("size", [1, 2, 6])
def test_gaussian_kl_full_is_that_of_torch_distributions(size):
    mean1, mean2 = draw(20, size), draw(20, size, seed=1)
    cov1, cov2 = covariances(20, size, seed=2), covariances(20, size, seed=3)
    oracle = kl_divergence(MultivariateNormal(mean1, cov1), MultivariateNormal(mean2, cov2))
    found = objective.gaussian_kl_full(mean1, cov1, mean2, cov2)
    assert found.shape == (20,) and torch.allclose(found, oracle, rtol=1e-8)
    assert objective.gaussian_kl_full(mean1[0], cov1[0], mean2[0], cov2[0]).item() == pytest.approx(oracle[0].item())


def test_gaussian_kl_full_refuses_what_is_no_covariance():
    mean, eye = torch.zeros(2), torch.eye(2)
    with pytest.raises(ValueError, match="cov1 is not symmetric"):
        objective.gaussian_kl_full(mean, torch.tensor([[1.0, 0.5], [0.0, 1.0]]), mean, eye)
    with pytest.raises(ValueError, match="cov2 is not positive definite"):
        objective.gaussian_kl_full(mean, eye, mean, torch.ones(2, 2))
    with pytest.raises(ValueError, match="NaN"):
        objective.gaussian_kl_full(mean, eye * math.nan, mean, eye)
    with pytest.raises(objective.ShapeError, match="need covariances"):
        objective.gaussian_kl_full(mean, torch.eye(3), mean, torch.eye(3))
    with pytest.raises(objective.ShapeError):
        objective.gaussian_kl_full(mean, eye, torch.zeros(3), eye)
    assert objective.gaussian_kl_full(mean * math.nan, eye, mean, eye).isnan()


@pytest.mark.parametrize(("q", "p"), [(Normal(0.5, 0.7), Normal(0.0, 1.0)), (Laplace(0.0, 1.0), Laplace(1.0, 2.0))])
def test_monte_carlo_kl_lies_within_five_errors_of_the_truth(q, p):
    torch.manual_seed(0)
    z = q.sample((100_000,))
    value, error = objective.monte_carlo_kl(q.log_prob(z), p.log_prob(z))
    assert 0 < error < 0.01 and abs(value - kl_divergence(q, p)) < 5 * error


def test_monte_carlo_kl_is_the_mean_of_the_log_ratio_with_its_standard_error():
    log_q, log_p = draw(2, 400)
    value, error = objective.monte_carlo_kl(log_q, log_p)
    assert torch.isclose(value, (log_q - log_p).mean()) and torch.isclose(error, (log_q - log_p).std() / 20)


def test_monte_carlo_kl_refuses_what_it_cannot_average():
    with pytest.raises(objective.ShapeError, match="K of 2 or more"):
        objective.monte_carlo_kl(torch.zeros(1), torch.zeros(1))
    with pytest.raises(objective.ShapeError):
        objective.monte_carlo_kl(torch.zeros(5), torch.zeros(5, 1))
    assert objective.monte_carlo_kl(torch.tensor([0.0, math.nan]), torch.zeros(2)).value.isnan()
