"""The two gradient estimators against closed forms, quadrature and each other, and what they say to bad input."""

import math

import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss

from helpers.estimators import pathwise_gradient, score_gradient
from helpers.objective import ShapeError

ESTIMATORS = [pathwise_gradient, score_gradient]
MU, LOGVAR = torch.tensor([0.7, -0.4], dtype=torch.float64), torch.tensor([-1.0, 0.3], dtype=torch.float64)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quadrature(points: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Return nodes (points², 2) and weights of a rule that is exact for polynomials of the noise up to degree 79."""
    nodes, weights = (torch.from_numpy(part) for part in hermegauss(points))
    weights = weights / weights.sum()
    return torch.cartesian_prod(nodes, nodes), torch.cartesian_prod(weights, weights).prod(1)


def mean(f, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    nodes, weights = quadrature()
    return weights @ f(mu + torch.exp(0.5 * logvar) * nodes)


def smooth(z):
    return z[:, 0] ** 2 * z[:, 1] + torch.cos(z[:, 0]) + torch.exp(0.5 * z[:, 1])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_mean_over_the_noise_is_the_gradient_of_the_expectation(estimator):
    """Averaged by quadrature instead of sampling, so that the comparison is exact."""
    nodes, weights = quadrature()
    leaves = MU.clone().requires_grad_(), LOGVAR.clone().requires_grad_()
    exact = torch.autograd.grad(mean(smooth, *leaves), leaves)
    for part, wanted in zip(estimator(smooth, MU, LOGVAR, nodes), exact, strict=True):
        assert torch.allclose(weights @ part, wanted, rtol=1e-8, atol=1e-8)


def test_one_sample_has_the_formulas_of_notebook_04():
    eps, sigma = noise(500, 2), torch.exp(0.5 * LOGVAR)
    z = MU + sigma * eps
    path, score = (estimator(lambda z: z.square().sum(1), MU, LOGVAR, eps) for estimator in ESTIMATORS)
    assert torch.allclose(path.mu, 2 * z) and torch.allclose(path.logvar, z * sigma * eps)
    values = z.square().sum(1, keepdim=True)
    assert torch.allclose(score.mu, values * eps / sigma) and torch.allclose(score.logvar, values * 0.5 * (eps**2 - 1))


@pytest.mark.parametrize("baseline", [3.0, torch.tensor(-2.0), torch.linspace(0, 1, 1600)])
def test_a_constant_baseline_does_not_move_the_mean_and_is_subtracted(baseline):
    nodes, weights = quadrature()
    plain, less = score_gradient(smooth, MU, LOGVAR, nodes), score_gradient(smooth, MU, LOGVAR, nodes, baseline)
    shift = torch.as_tensor(baseline).double().expand(1600)[:, None]
    assert torch.allclose(plain.mu - less.mu, shift * nodes / torch.exp(0.5 * LOGVAR))
    assert torch.allclose(plain.logvar - less.logvar, shift * 0.5 * (nodes**2 - 1))
    if shift.unique().numel() == 1:
        assert torch.allclose(weights @ plain.mu, weights @ less.mu, atol=1e-9)
        assert torch.allclose(weights @ plain.logvar, weights @ less.logvar, atol=1e-9)


def test_shapes_and_no_graph():
    leaves = MU.clone().requires_grad_(), LOGVAR.clone().requires_grad_()
    for estimator in ESTIMATORS:
        gradients = estimator(smooth, *leaves, noise(7, 2))
        assert gradients.mu.shape == gradients.logvar.shape == (7, 2)
        assert not gradients.mu.requires_grad and not gradients.logvar.requires_grad
    with torch.no_grad():
        assert pathwise_gradient(smooth, MU, LOGVAR, noise(7, 2)).mu.all()


def test_a_step_is_seen_by_the_score_function_alone():
    eps = noise(200_000, 2)
    assert not pathwise_gradient(lambda z: torch.sign(z).sum(1), MU, LOGVAR, eps).mu.any()
    counted = score_gradient(lambda z: z[:, 0] > 0, MU, LOGVAR, eps, baseline=0.5).mu[:, 0]
    sigma = math.exp(-0.5)
    exact = math.exp(-0.5 * (0.7 / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    assert abs(counted.mean() - exact) < 5 * counted.std() / 200_000**0.5


def test_the_edges_are_finite_where_documented():
    eps, mu = noise(50, 1).float(), torch.zeros(1)
    for estimator in ESTIMATORS:
        assert all(part.isfinite().all() for part in estimator(lambda z: z.sum(1), mu, torch.full((1,), -100.0), eps))
        assert all(part.isfinite().all() for part in estimator(lambda z: z.sum(1), mu, torch.full((1,), 100.0), eps))
        with pytest.raises(ValueError, match="NaN or infinite at .* float64"):
            estimator(lambda z: z.square().sum(1), mu, torch.full((1,), 100.0), eps)
        double = estimator(lambda z: z.square().sum(1), mu.double(), torch.full((1,), 100.0).double(), eps.double())
        assert all(part.isfinite().all() for part in double)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_is_wrong_is_said(estimator):
    eps = noise(7, 2)
    with pytest.raises(ShapeError, match=r"mu \(2,\), logvar \(3,\), eps \(7, 2\)"):
        estimator(smooth, MU, torch.zeros(3), eps)
    for wrong in (eps[:, :1], eps[0], eps[None]):
        with pytest.raises(ShapeError, match="eps"):
            estimator(smooth, MU, LOGVAR, wrong)
    with pytest.raises(ShapeError, match="one number a sample"):
        estimator(lambda z: z, MU, LOGVAR, eps)
    with pytest.raises(ShapeError, match="float"):
        estimator(lambda z: 1.0, MU, LOGVAR, eps)
    broken = {"mu": (MU * math.nan, LOGVAR, eps), "logvar": (MU, LOGVAR * math.inf, eps), "eps": (MU, LOGVAR, eps / 0)}
    for name, given in broken.items():
        with pytest.raises(ValueError, match=f"^{name} holds NaN or infinity"):
            estimator(smooth, *given)


def test_a_function_without_a_gradient_is_refused_by_the_pathwise_estimator_alone():
    for blind in (lambda z: (z[:, 0] > 0).double(), lambda z: z.detach().sum(1)):
        with pytest.raises(ValueError, match="score_gradient"):
            pathwise_gradient(blind, MU, LOGVAR, noise(7, 2))
        assert score_gradient(blind, MU, LOGVAR, noise(7, 2)).mu.isfinite().all()
    with pytest.raises(ValueError, match="slope"):
        pathwise_gradient(lambda z: (z - z).abs().sqrt().sum(1), MU, LOGVAR, noise(7, 2))


def test_a_wrong_baseline_is_refused():
    with pytest.raises(ShapeError, match="baseline"):
        score_gradient(smooth, MU, LOGVAR, noise(7, 2), torch.zeros(6))
    with pytest.raises(ValueError, match="baseline"):
        score_gradient(smooth, MU, LOGVAR, noise(7, 2), math.nan)
