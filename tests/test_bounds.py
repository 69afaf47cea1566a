"""The bounds against SciPy and torch.distributions."""

import math

import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import MultivariateNormal, kl_divergence

from helpers import objective
from helpers.bounds import (
    LinearGaussian,
    aggregate_log_prob,
    elbo_from_log_weights,
    iwae_bound,
    log_normal,
    split_rate,
)
from helpers.objective import ShapeError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def model(D: int = 5, Z: int = 3) -> LinearGaussian:
    return LinearGaussian(draw(D, Z, seed=1), draw(D, seed=2), 0.6)


def test_elbo_is_the_mean_and_iwae_the_log_of_the_mean():
    log_w = draw(7, 4)
    assert torch.allclose(elbo_from_log_weights(log_w), log_w.mean(0))
    assert torch.allclose(iwae_bound(log_w), log_w.exp().mean(0).log())
    assert (iwae_bound(log_w) >= elbo_from_log_weights(log_w)).all()


@pytest.mark.parametrize("shift", [-5000.0, 5000.0])
def test_iwae_neither_underflows_nor_overflows(shift):
    log_w = draw(6, 3)
    assert torch.allclose(iwae_bound(log_w + shift), iwae_bound(log_w) + shift)


def test_weights_of_zero_and_nan():
    zero = torch.tensor([[0.0, -math.inf], [-math.inf, -math.inf]])
    assert torch.allclose(iwae_bound(zero), torch.tensor([-math.log(2), -math.inf]))
    assert (elbo_from_log_weights(zero) == -math.inf).all()
    bad = torch.tensor([[math.nan, 1.0], [0.0, 1.0]])
    for bound in (iwae_bound, elbo_from_log_weights):
        assert bound(bad).isnan().tolist() == [True, False]


def test_evidence_is_scipys_and_bayes_rule_holds_at_any_z():
    m, x, z = model(), draw(6, 5, seed=3), draw(6, 3, seed=4)
    oracle = multivariate_normal(m.b.numpy(), (m.W @ m.W.T + 0.36 * torch.eye(5)).numpy()).logpdf(x.numpy())
    assert torch.allclose(m.log_evidence(x), torch.from_numpy(oracle), atol=1e-10)
    mean, covariance = m.posterior(x)
    likelihood = MultivariateNormal(z @ m.W.T + m.b, 0.36 * torch.eye(5).double()).log_prob(x)
    posterior = MultivariateNormal(mean, covariance).log_prob(z)
    assert torch.allclose(likelihood + log_normal(z, 0 * z, 0 * z), posterior + m.log_evidence(x), atol=1e-9)


def test_evidence_is_elbo_plus_kl_and_the_bound_is_tight_at_the_posterior():
    m, x, mu, root = model(), draw(6, 5, seed=3), draw(6, 3, seed=4), draw(3, 3, seed=5)
    covariance = root @ root.T + 0.1 * torch.eye(3)
    mean, exact = m.posterior(x)
    gap = kl_divergence(MultivariateNormal(mu, covariance), MultivariateNormal(mean, exact))
    assert torch.allclose(m.elbo(x, mu, covariance) + gap, m.log_evidence(x), atol=1e-9)
    assert torch.allclose(m.elbo(x, mean, exact), m.log_evidence(x), atol=1e-9)


def test_elbo_is_minus_the_loss_of_the_course():
    m, x, mu, eps = model(), draw(1, 5, seed=3), draw(1, 3, seed=4), draw(100_000, 3, seed=5)
    logvar = draw(1, 3, seed=6) - 1
    recon = objective.gaussian_nll(x.expand(100_000, 5), (mu + torch.exp(0.5 * logvar) * eps) @ m.W.T + m.b, m.sigma)
    loss = recon.double() + objective.gaussian_kl(mu, logvar)
    assert abs(loss.mean() + m.elbo(x, mu, logvar[0].exp().diag())) < 5 * loss.std() / 100_000**0.5


def test_precision_is_the_inverse_of_the_covariance():
    m = model()
    assert torch.allclose(m.precision() @ m.posterior(draw(1, 5))[1], torch.eye(3).double())


def test_nan_in_a_row_stays_in_that_row():
    m, x = model(), draw(3, 5)
    x[1, 2] = math.nan
    assert m.log_evidence(x).isnan().tolist() == [False, True, False]
    assert m.posterior(x)[0].isnan().all(1).tolist() == [False, True, False]


def test_aggregate_is_scipys_mixture_in_any_batch():
    mu, logvar, z = draw(4, 3), draw(4, 3, seed=1), draw(511, 3, seed=2)  # two full batches and a rest
    parts = [multivariate_normal(m.numpy(), v.exp().diag().numpy()).pdf(z.numpy()) for m, v in zip(mu, logvar, strict=True)]
    wanted = torch.from_numpy(sum(parts) / 4).log()
    assert torch.allclose(aggregate_log_prob(z, mu, logvar), wanted)


@pytest.mark.parametrize("extreme", [-100.0, 100.0])
def test_aggregate_is_finite_for_wild_widths(extreme):
    logvar = torch.full((4, 2), extreme)
    assert aggregate_log_prob(torch.randn(3, 2), torch.randn(4, 2), logvar).isfinite().all()
    assert torch.cat(split_rate(torch.randn(4, 2), torch.randn(4, 2), logvar)).isfinite().all()


def test_the_two_parts_add_up_to_the_kl():
    mu, logvar = draw(3000, 2), draw(3000, 2, seed=1) - 2
    information, hole = split_rate(mu + torch.exp(0.5 * logvar) * draw(3000, 2, seed=2), mu, logvar)
    rate, total = objective.gaussian_kl(mu, logvar), information + hole
    assert abs((total - rate).mean()) < 5 * (total - rate).std() / 3000**0.5
    assert information.mean() < math.log(3000)


def test_the_two_parts_are_known_where_posteriors_are_known():
    apart, width = torch.tensor([[-50.0], [50.0]]).expand(2, 1), torch.zeros(2, 1)
    assert split_rate(apart, apart, width).information.mean().item() == pytest.approx(math.log(2))  # the code names the image
    same = torch.zeros(5, 2)
    information, hole = split_rate(torch.randn(5, 2), same, same)
    assert information.abs().max() < 1e-12 and hole.abs().max() < 1e-12


W, B = torch.ones(4, 2), torch.zeros(4)
X, MU = draw(6, 5), draw(6, 3)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        *[(lambda shape=shape: iwae_bound(torch.zeros(shape)), ShapeError, r"\(K, B\)") for shape in ((5,), (0, 3), (2, 3, 4))],
        (lambda: elbo_from_log_weights(torch.zeros(5)), ShapeError, r"\(K, B\)"),
        (lambda: LinearGaussian(W, B[:3], 1.0), ShapeError, r"\(4, 2\) and \(3,\)"),
        (lambda: LinearGaussian(W * math.nan, B, 1.0), ValueError, "finite"),
        *[(lambda sigma=sigma: LinearGaussian(W, B, sigma), ValueError, "sigma is") for sigma in (0.0, -1.0, math.inf, math.nan)],
        (lambda: model().log_evidence(X[:, :4]), ShapeError, r"\(B, 5\)"),
        (lambda: model().posterior(X[0]), ShapeError, r"\(B, 5\)"),
        (lambda: model().elbo(X, MU[:, :2], torch.eye(3).double()), ShapeError, "mu must be"),
        (lambda: model().elbo(X, MU, torch.ones(3).double()), ShapeError, "mu must be"),
        (lambda: aggregate_log_prob(MU[:, :2], MU, MU), ShapeError, "z must be"),
        (lambda: aggregate_log_prob(MU[0], MU, MU), ShapeError, "z must be"),
        (lambda: aggregate_log_prob(MU, MU[:0], MU[:0]), ShapeError, "N ≥ 1"),
        (lambda: aggregate_log_prob(MU, MU, MU[:, :2]), ShapeError, "same shape"),
        (lambda: split_rate(MU[:3], MU, MU), ShapeError, "same shape"),
    ],
)
def test_bad_input_is_told_what_is_wrong(call, error, told):
    with pytest.raises(error, match=told):
        call()
