"""Similarity and Fréchet distance against independent implementations and known answers."""

import numpy as np
import pytest
import scipy.linalg
import torch
from skimage.metrics import structural_similarity

from helpers import fidelity
from helpers.features import FeatureConfig, FeatureNetwork
from helpers.objective import ShapeError


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_agrees_with_scikit_image(channels):
    x, other = noise(4, channels, 32, 32), noise(4, channels, 32, 32, seed=1)
    y = 0.7 * x + 0.3 * other
    for a, b, ours in zip(x, y, fidelity.ssim(x, y), strict=True):
        theirs = structural_similarity(a.numpy(), b.numpy(), data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5,
                                       use_sample_covariance=False)  # fmt: skip
        assert ours.item() == pytest.approx(theirs, abs=1e-5)


def test_ssim_has_its_known_values():
    x = noise(3, 1, 28, 28)
    assert torch.allclose(fidelity.ssim(x, x), torch.ones(3), atol=1e-5)
    assert torch.allclose(fidelity.ssim(x, 1 - x), fidelity.ssim(1 - x, x))
    assert (fidelity.ssim(x, 1 - x) < 0).all()  # the negative: same means, opposite covariance
    flat = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.8)
    assert fidelity.ssim(*flat).item() == pytest.approx((2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4), abs=1e-4)
    assert fidelity.ssim(x[:1], x[:1]).shape == (1,)


def test_ssim_uses_the_range_of_pictures_not_that_of_the_batch():
    dim, other = 0.1 * noise(2, 1, 28, 28), 0.1 * noise(2, 1, 28, 28, seed=3)
    together = fidelity.ssim(torch.cat([dim, noise(2, 1, 28, 28)]), torch.cat([other, noise(2, 1, 28, 28, seed=4)]))
    assert torch.allclose(fidelity.ssim(dim, other), together[:2], atol=1e-6)


def test_ssim_reads_uint8_as_it_reads_floats():
    x = (255 * noise(2, 3, 16, 16)).to(torch.uint8)
    assert torch.allclose(fidelity.ssim(x, x.flip(3)), fidelity.ssim(x / 255, x.flip(3) / 255))


def test_ssim_refuses_what_it_cannot_compare():
    with pytest.raises(ShapeError, match="same shape"):
        fidelity.ssim(noise(2, 1, 16, 16), noise(2, 3, 16, 16))
    with pytest.raises(ShapeError, match="sides of 11"):
        fidelity.ssim(noise(2, 1, 8, 8), noise(2, 1, 8, 8))


def covariance(size, seed):
    a = torch.randn(size, 2 * size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return a @ a.T / size


@pytest.mark.parametrize("size", [1, 3, 20])
def test_frechet_agrees_with_the_matrix_square_root_of_scipy(size):
    mean1, mean2 = torch.randn(2, size, dtype=torch.float64, generator=torch.Generator().manual_seed(size))
    cov1, cov2 = covariance(size, 1), covariance(size, 2)
    middle = np.real(scipy.linalg.sqrtm((cov1 @ cov2).numpy()))
    expected = (mean1 - mean2).square().sum() + cov1.trace() + cov2.trace() - 2 * np.trace(middle)
    assert fidelity.gaussian_frechet(mean1, cov1, mean2, cov2).item() == pytest.approx(expected.item(), rel=1e-8)


def test_frechet_between_spheres_is_known_by_hand():
    eye, zero = torch.eye(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    assert fidelity.gaussian_frechet(zero, 4 * eye, zero + 1, 9 * eye).item() == pytest.approx(5 + 5 * (3 - 2) ** 2)
    assert fidelity.gaussian_frechet(zero, eye, zero, eye).item() == pytest.approx(0, abs=1e-9)


def test_frechet_of_singular_covariances_is_finite_and_symmetric():
    flat = torch.diag(torch.tensor([1.0, 2.0, 0.0]))
    other, mean = covariance(3, 5), torch.zeros(3)
    there = fidelity.gaussian_frechet(mean, flat, mean, other.float())
    back = fidelity.gaussian_frechet(mean, other.float(), mean, flat)
    assert there.isfinite() and there.item() == pytest.approx(back.item(), rel=1e-5)


def test_moments_are_those_of_numpy():
    features = noise(50, 4)
    mean, cov = fidelity.moments(features)
    assert np.allclose(mean, features.numpy().mean(0)) and np.allclose(cov, np.cov(features.numpy().T), atol=1e-6)


def test_features_are_the_last_layer_but_one_and_batches_do_not_matter():
    network = FeatureNetwork(FeatureConfig((1, 16, 16), 4, (6, 8), 3)).eval()
    x = noise(7, 1, 16, 16)
    features = fidelity.features_of(network, x)
    assert features.shape == (7, 8) and torch.allclose(network.head(features), network(x), atol=1e-6)
    assert torch.allclose(fidelity.features_of(network, x[:3]), features[:3], atol=1e-6)
