"""Similarity and Fréchet distance against independent implementations and known answers."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from skimage.metrics import structural_similarity
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from helpers import fidelity, pretrained
from helpers.data import DataError
from helpers.features import FeatureConfig, FeatureNetwork
from helpers.objective import ShapeError


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_agrees_with_scikit_image(channels):
    x = 0.5 * noise(4, channels, 32, 32)  # the range that counts is that of images, not that of the batch
    y = 0.7 * x + 0.3 * noise(4, channels, 32, 32, seed=1)
    for a, b, ours in zip(x, y, fidelity.ssim(x, y), strict=True):
        theirs = structural_similarity(a.numpy(), b.numpy(), data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5,
                                       use_sample_covariance=False)  # fmt: skip
        assert ours.item() == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("scale, told", [((255, 0), "x / 255"), ((2, -1), r"\(x \+ 1\) / 2"), ((math.nan, 0), "NaN")])
def test_ssim_refuses_values_that_are_no_images(scale, told):
    x = noise(2, 1, 16, 16)
    for pair in ((x, scale[0] * x + scale[1]), (scale[0] * x + scale[1], x)):
        with pytest.raises(ValueError, match=told):
            fidelity.ssim(*pair)


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


def test_frechet_of_singular_covariances_is_finite_and_symmetric():
    flat = torch.diag(torch.tensor([1.0, 2.0, 0.0]))
    other, mean = covariance(3, 5), torch.zeros(3)
    there = fidelity.gaussian_frechet(mean, flat, mean, other.float())
    back = fidelity.gaussian_frechet(mean, other.float(), mean, flat)
    assert there.isfinite() and there.item() == pytest.approx(back.item(), rel=1e-5)


def test_frechet_refuses_what_is_no_gaussian():
    eye, zero = torch.eye(3), torch.zeros(3)
    for bad in (-eye, torch.diag(torch.tensor([1.0, 1.0, -0.1]))):
        for given in ((zero, bad, zero, eye), (zero, eye, zero, bad)):
            with pytest.raises(ValueError, match="no covariance"):
                fidelity.gaussian_frechet(*given)
    for mean, cov in ((zero[:2], eye), (zero, eye[:2]), (eye, eye)):
        with pytest.raises(ShapeError, match="means"):
            fidelity.gaussian_frechet(mean, cov, mean, cov)


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


def clouds(n=400, m=300, size=12):
    x = torch.randn(n, size, generator=torch.Generator().manual_seed(0))
    y = torch.randn(m, size, generator=torch.Generator().manual_seed(1))
    return 1.3 * x + 0.4, y * torch.linspace(0.5, 1.5, size)


def logits(n=600, classes=7):
    return 3 * torch.randn(n, classes, generator=torch.Generator().manual_seed(4))


def test_frechet_agrees_with_torchmetrics_on_the_same_features():
    here, there = (fidelity.moments(part) for part in clouds())
    assert fidelity.gaussian_frechet(*here, *there).item() == pytest.approx(_compute_fid(*here, *there).item(), rel=1e-9)


def test_frechet_distance_of_features_is_that_of_their_gaussians_and_names_the_network():
    x, y = clouds()
    found = fidelity.frechet_distance(x, y, features="another")
    assert found.value == pytest.approx(fidelity.gaussian_frechet(*fidelity.moments(x), *fidelity.moments(y)).item())
    assert (found.features, found.images) == ("another", (400, 300)) and "another" in repr(found)
    assert fidelity.frechet_to(y)(x) == pytest.approx(found.value, rel=1e-7)  # the quick route agrees with the careful one
    with pytest.warns(fidelity.FewImagesWarning, match="far too large"):
        assert fidelity.frechet_distance(x[:8], y).value > found.value


def test_the_kernel_distance_agrees_with_torchmetrics_on_the_same_subsets():
    x, y = (part[:300] for part in clouds())
    assert fidelity.kernel_mmd(x, y).item() == pytest.approx(poly_mmd(y.double(), x.double()).item(), rel=1e-9)
    whole = fidelity.kernel_distance(x, y, subsets=3)  # a subset that is the whole set, in another order
    assert whole.value == pytest.approx(fidelity.kernel_mmd(x, y).item(), rel=1e-9) and whole.std == pytest.approx(0, abs=1e-12)


def test_balls_by_hand():
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    made = torch.tensor([[1.5], [1.6], [-3.0]])
    radii = fidelity.ball_radii(real, 1), fidelity.ball_radii(made, 1)
    assert torch.allclose(radii[0], torch.tensor([1.0, 1, 1, 8])) and torch.allclose(radii[1], torch.tensor([0.1, 0.1, 4.5]))
    assert fidelity.share_in_balls(made, real, radii[0]) == pytest.approx(2 / 3)  # −3 is outside all balls
    assert fidelity.share_in_balls(real, made, radii[1]) == pytest.approx(2 / 4)  # the ball around −3 reaches to 1.5: 0 and 1
    assert fidelity.precision_recall(real, real)[:2] == (1.0, 1.0)


def test_the_inception_score_has_its_known_values():
    assert fidelity.inception_score(torch.eye(5).repeat(4000, 1)).value == pytest.approx(5, abs=0.01)
    assert fidelity.inception_score(torch.eye(5)[[2] * 50]).value == pytest.approx(1)
    assert fidelity.inception_score(torch.full((50, 5), 0.2)).value == pytest.approx(1)
    with_zeros = fidelity.inception_score(torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0]] * 4000)).value
    mixed = np.exp((np.log(1 / 0.75) + 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)) / 2)
    assert with_zeros == pytest.approx(mixed, abs=0.01)


def test_precision_recall_and_the_inception_score_agree_with_torch_fidelity():
    pytest.importorskip("torch_fidelity")
    from torch_fidelity import metric_isc, metric_prc

    x, y = clouds()
    theirs = metric_prc.calculate_precision_recall_full(x.double(), y.double(), 3)
    assert fidelity.precision_recall(x, y)[:2] == pytest.approx(theirs)
    theirs = metric_isc.isc_features_to_metric(logits(), 10, shuffle=False)
    ours = fidelity.inception_score(logits().softmax(1)[torch.randperm(600, generator=torch.Generator().manual_seed(0)).argsort()])
    assert ours.value == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours.std == pytest.approx(theirs["inception_score_std"], rel=1e-4)


def test_images_and_their_features_measure_the_same():
    x, real = (255 * noise(200, 3, 32, 32)).to(torch.uint8), pretrained.reference("cifar10_features")
    taken = fidelity.to_features(x)
    assert taken.shape == (200, 192) and torch.allclose(taken, fidelity.to_features(x / 255), atol=1e-5)
    assert fidelity.frechet_distance(x, real).value == pytest.approx(fidelity.frechet_distance(taken, real).value, rel=1e-6)


def test_features_know_their_network_and_those_of_two_are_not_compared():
    faces, things = fidelity.to_features(noise(4, 3, 64, 64), "celeba_features"), pretrained.reference("cifar10_features")[:300]
    assert (faces[:2].network, things.network) == ("celeba_features", "cifar10_features") and type(faces + 0) is torch.Tensor
    for call in (fidelity.frechet_distance, fidelity.kernel_distance, fidelity.precision_recall):
        for given in ((faces, things), (things, faces), (things, things, "celeba_features")):
            with pytest.raises(ValueError, match="two networks cannot be compared"):
                call(*given)
    with pytest.raises(ValueError, match="of celeba_features, but those of cifar10_features"):
        fidelity.frechet_to(things)(faces)


def test_extrapolation_finds_the_distance_of_infinitely_many():
    mean, made = torch.zeros(6), torch.randn(3000, 6, generator=torch.Generator().manual_seed(8))
    real = torch.randn(200_000, 6, generator=torch.Generator().manual_seed(9))
    few = fidelity.frechet_distance(made[:600] + 0.1, real).value
    found = fidelity.frechet_at_infinity(made + 0.1, real)
    truth = fidelity.gaussian_frechet(mean + 0.1, torch.eye(6), mean, torch.eye(6)).item()  # 0.06
    assert abs(found.value - truth) < 0.02 and abs(found.value - truth) < abs(few - truth)
    assert found.sizes[0] == 600 and found.sizes[-1] == 3000 and len(found.values) == 8


def test_the_bootstrap_knows_the_error_of_a_mean():
    sample = torch.randn(500, 1, generator=torch.Generator().manual_seed(3))
    found = fidelity.bootstrap(torch.mean, sample, times=400)
    assert found.value == pytest.approx(sample.mean().item())
    assert found.error == pytest.approx(sample.std().item() / 500**0.5, rel=0.15) and abs(found.bias) < 0.01
    assert found.high - found.value == pytest.approx(1.96 * found.error, rel=1e-3)
    assert found == fidelity.bootstrap(torch.mean, sample, times=400)


def test_a_path_that_stands_still_and_one_that_jumps():
    x = noise(2, 1, 16, 16)
    found = fidelity.path_ssim(x[[0, 0, 0, 1]])
    assert found.shape == (3,) and torch.allclose(found[:2], torch.ones(2), atol=1e-5) and found[2] < 0.5


def test_constant_features():
    x, y = clouds()
    one = x[:1].repeat(50, 1)
    mean, cov = fidelity.moments(y)
    expected = (x[0].double() - mean).square().sum() + cov.trace()  # a covariance of zero: the formula's own value
    assert fidelity.frechet_distance(one, y).value == pytest.approx(expected.item())
    assert fidelity.precision_recall(one, y).recall == 0


X, Y = clouds()
PIXELS = noise(12, 3, 32, 32)


def broken(values: torch.Tensor, value: float = math.nan) -> torch.Tensor:
    """Return a copy whose first number is another one."""
    values = values.clone()
    values.view(-1)[0] = value
    return values


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: fidelity.ssim(noise(2, 1, 16, 16), noise(2, 3, 16, 16)), ShapeError, "same shape"),
        (lambda: fidelity.ssim(noise(2, 1, 10, 11), noise(2, 1, 10, 11)), ShapeError, "sides of 11"),
        (lambda: fidelity.path_ssim(noise(1, 1, 16, 16)), ShapeError, "two or more frames"),
        (lambda: fidelity.frechet_distance(X[:1], Y), ShapeError, "2 or more"),
        (lambda: fidelity.frechet_distance(X, X[:1].repeat(50, 1)), ValueError, "same features"),
        (lambda: fidelity.frechet_distance(noise(300, 5), X), ShapeError, "different networks"),
        (lambda: fidelity.frechet_distance(noise(3, 1, 28, 28), PIXELS), ShapeError, r"must be \(N, 3, 32, 32\)"),
        (lambda: fidelity.frechet_distance(PIXELS, PIXELS[:0]), ShapeError, r"\(0, 3, 32, 32\) came"),
        (lambda: fidelity.frechet_distance(PIXELS.long(), PIXELS), ValueError, "uint8 or floats"),
        (lambda: fidelity.frechet_distance(2 * PIXELS - 1, PIXELS), ValueError, r"\(x \+ 1\) / 2"),
        (lambda: fidelity.frechet_distance(PIXELS, 255 * PIXELS), ValueError, "x / 255"),
        (lambda: fidelity.frechet_distance(broken(PIXELS), PIXELS), ValueError, "1 NaN"),
        (lambda: fidelity.frechet_distance(PIXELS, PIXELS, "vgg"), DataError, "no weights named"),
        (lambda: fidelity.frechet_distance(PIXELS, PIXELS, "celeba_vae"), ValueError, "no feature network"),
        (lambda: fidelity.gaussian_frechet(X[0] / 0, torch.eye(12), X[0], torch.eye(12)), ValueError, "covariance"),
        (lambda: fidelity.frechet_at_infinity(X[:50], Y), ShapeError, "ten a dimension"),
        (lambda: fidelity.precision_recall(X[:3], Y), ShapeError, "4 or more"),
        (lambda: fidelity.kernel_distance(X, Y, subsets=0), ValueError, "subsets is 0"),
        (lambda: fidelity.inception_score(torch.eye(5)), ShapeError, "10 or more"),
        (lambda: fidelity.inception_score(logits()), ValueError, "softmax"),
        (lambda: fidelity.inception_score(broken(torch.eye(12))), ValueError, "NaN"),
        (lambda: fidelity.bootstrap(torch.mean, X, times=1), ValueError, "2 or more"),
        (lambda: fidelity.bootstrap(torch.mean, X[:1]), ShapeError, "two rows"),
        (lambda: fidelity.radial_power(torch.zeros(2, 3, 32, 28)), ShapeError, "square"),
        (lambda: fidelity.radial_power(torch.zeros(3, 32, 32)), ShapeError, "square"),
        (lambda: fidelity.radial_power(torch.zeros(0, 3, 32, 32)), ShapeError, "square"),
        (lambda: fidelity.radial_power(torch.zeros(2, 3, 2, 2)), ShapeError, "square"),
        (lambda: fidelity.radial_power(broken(noise(1, 1, 8, 8))), ValueError, "NaN"),
    ],
)
def test_bad_input_is_told_what_is_wrong(call, error, told):
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("measure", [fidelity.frechet_distance, fidelity.kernel_distance, fidelity.precision_recall])
def test_nan_and_infinity_in_features_are_refused(measure, value):
    for given in ((broken(X, value), Y), (X, broken(Y, value))):
        with pytest.raises(ValueError, match="1 NaN"):
            measure(*given)


@pytest.mark.parametrize("side", [7, 8])
def test_radial_power_is_a_sum_over_waves(side):
    x = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    hann = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(side) / side)
    faded, wanted = (x - x.mean((2, 3), keepdim=True)) * hann * hann[:, None], torch.zeros(side // 2 + 1, dtype=torch.float64)
    for k in range(side):
        for m in range(side):
            turn = torch.exp(-2j * math.pi * (k * torch.arange(side)[:, None] + m * torch.arange(side)) / side)
            ring = round(math.hypot(min(k, side - k), min(m, side - m)))
            wanted[min(ring, side // 2)] += (faded * turn).sum((1, 2, 3)).abs().square().mean() / side**2
    torch.testing.assert_close(fidelity.radial_power(x).double(), wanted, rtol=1e-4, atol=1e-7)


def test_radial_power_ignores_the_mean_colour_and_takes_uint8():
    images = torch.randint(256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    x = images.float() / 255
    torch.testing.assert_close(fidelity.radial_power(x), fidelity.radial_power(images))
    torch.testing.assert_close(fidelity.radial_power(x + 5), fidelity.radial_power(x), rtol=1e-3, atol=1e-5)
    assert fidelity.radial_power(torch.ones(2, 1, 16, 16)).max() < 1e-10
