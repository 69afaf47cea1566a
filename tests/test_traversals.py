"""Traversals and the ranking of latents against their definitions, and what is told when they cannot be."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from helpers.latent import code_of, kl_per_latent, ranked_by_kl, traversal
from helpers.models import ModelConfig, build, codes
from helpers.objective import ShapeError, gaussian_kl


@pytest.fixture
def posteriors():
    mu, logvar = torch.randn(2, 40, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return mu, 2 * logvar


def test_the_kl_of_each_latent_is_torch_s(posteriors):
    mu, logvar = posteriors
    wanted = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).mean(0)
    assert torch.allclose(kl_per_latent(mu, logvar), wanted)
    assert torch.isclose(kl_per_latent(mu, logvar).sum(), gaussian_kl(mu, logvar).mean())


def test_latents_are_ranked_by_it(posteriors):
    nats = kl_per_latent(*posteriors)[ranked_by_kl(*posteriors)]
    assert (nats.diff() <= 0).all() and ranked_by_kl(*posteriors).sort().values.tolist() == list(range(7))


def test_extreme_and_unequal_posteriors():
    far = kl_per_latent(torch.zeros(2, 1), torch.full((2, 1), -100.0))
    assert far.item() == pytest.approx(0.5 * (100 - 1))
    assert kl_per_latent(torch.zeros(2, 1), torch.full((2, 1), 100.0)).isinf().all()  # float32 ends at 88
    assert kl_per_latent(torch.full((1, 2), torch.nan), torch.zeros(1, 2)).isnan().all()
    with pytest.raises(ShapeError, match="same shape"):
        kl_per_latent(torch.zeros(3, 2), torch.zeros(3, 1))
    with pytest.raises(ShapeError, match="at least one image"):
        ranked_by_kl(torch.zeros(0, 2), torch.zeros(0, 2))


def test_a_traversal_sets_one_latent_and_leaves_the_rest():
    z = torch.arange(4.0)
    path = traversal(z, 2, [-3.0, 0.0, 3.0])
    assert path.tolist() == [[0, 1, -3, 3], [0, 1, 0, 3], [0, 1, 3, 3]]
    assert z.tolist() == [0, 1, 2, 3] and path.dtype == z.dtype
    assert traversal(z.double(), 0, torch.ones(2)).dtype == torch.float64
    assert traversal(torch.arange(4), 0, [0.5]).tolist() == [[0.5, 1, 2, 3]]


@pytest.mark.parametrize("dim", [-1, 4])
def test_a_latent_that_is_not_there_is_told(dim):
    with pytest.raises(ValueError, match="the latents 0 to 3"):
        traversal(torch.zeros(4), dim, [0.0])


def test_values_that_are_no_numbers_are_told():
    with pytest.raises(ValueError, match="norm.ppf"):
        traversal(torch.zeros(4), 0, [float("-inf"), 0.0])
    with pytest.raises(ValueError, match="NaN or infinite"):
        traversal(torch.full((4,), torch.nan), 0, [0.0])
    with pytest.raises(ShapeError, match=r"one point \(Z,\)"):
        traversal(torch.zeros(2, 4), 0, [0.0])


def test_the_code_of_a_picture():
    model = build(ModelConfig("vae", "fc", (1, 28, 28), 5, (16,)), seed=0)
    picture = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert torch.equal(code_of(model, picture), codes(model, picture[None])[0])
    assert torch.equal(code_of(model, picture[None]), code_of(model, picture))
    for shape in ((28, 28), (3, 28, 28), (1, 32, 32), (2, 1, 28, 28)):
        with pytest.raises(ShapeError, match=r"of shape \(1, 28, 28\), but yours is"):
            code_of(model, torch.zeros(shape))
