"""Similarity and Fréchet distance against independent implementations and known answers."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from skimage.metrics import structural_similarity
from torch.utils.flop_counter import FlopCounterMode
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


@pytest.mark.parametrize("scale, told", [((255, 0), "x / 255"), ((2, -1), r"\(x \+ 1\) / 2"), ((math.nan, 0), "NaN")])
def test_ssim_refuses_values_that_are_no_images(scale, told):
    x = noise(2, 1, 16, 16)
    for pair in ((x, scale[0] * x + scale[1]), (scale[0] * x + scale[1], x)):
        with pytest.raises(ValueError, match=told):
            fidelity.ssim(*pair)


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


# Metrics of features, against torchmetrics and torch-fidelity given the same features, and against known answers


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


def test_the_quick_route_agrees_with_the_careful_one():
    x, y = clouds()
    assert fidelity.frechet_to(y)(x) == pytest.approx(fidelity.frechet_distance(x, y).value, rel=1e-7)


def test_the_kernel_distance_agrees_with_torchmetrics_on_the_same_subsets():
    x, y = (part[:300] for part in clouds())
    assert fidelity.kernel_mmd(x, y).item() == pytest.approx(poly_mmd(y.double(), x.double()).item(), rel=1e-9)
    whole = fidelity.kernel_distance(x, y, subsets=3)  # a subset that is the whole set, in another order
    assert whole.value == pytest.approx(fidelity.kernel_mmd(x, y).item(), rel=1e-9) and whole.std == pytest.approx(0, abs=1e-12)


def test_the_kernel_distance_by_sums_over_pairs():
    x, y = (part[:6, :3].double() for part in clouds())
    k = lambda a, b: (float(a @ b) / 3 + 1) ** 3  # noqa: E731
    within = [sum(k(s[i], s[j]) for i in range(6) for j in range(6) if i != j) / 30 for s in (x, y)]
    across = sum(k(a, b) for a in x for b in y) / 36
    assert fidelity.kernel_mmd(x, y).item() == pytest.approx(sum(within) - 2 * across)


def test_the_kernel_distance_is_unbiased_and_the_frechet_distance_is_not():
    draws = torch.randn(400, 2, 30, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    kernel = torch.stack([fidelity.kernel_mmd(x, y) for x, y in draws])
    assert kernel.mean().abs() < 4 * kernel.std() / 20
    assert min(fidelity.gaussian_frechet(*fidelity.moments(x), *fidelity.moments(y)).item() for x, y in draws[:20]) > 0.1


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


def test_features_metrics_agree_with_torch_fidelity():
    pytest.importorskip("torch_fidelity")
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    x, y = clouds()
    theirs = metric_fid.fid_statistics_to_metric(*map(metric_fid.fid_features_to_statistics, (x, y)), False)
    assert fidelity.frechet_distance(x, y).value == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    parts, cubic = (x[:300].double().numpy(), y.double().numpy()), {"degree": 3, "gamma": None, "coef0": 1}
    theirs = metric_kid.kernel_mmd(*parts, kid_kernel="poly", **{f"kid_kernel_poly_{key}": value for key, value in cubic.items()})
    assert fidelity.kernel_mmd(x[:300], y).item() == pytest.approx(theirs, rel=1e-9)
    theirs = metric_prc.calculate_precision_recall_full(x.double(), y.double(), 3)
    assert fidelity.precision_recall(x, y)[:2] == pytest.approx(theirs)
    theirs = metric_isc.isc_features_to_metric(logits(), 10, shuffle=False)
    ours = fidelity.inception_score(logits().softmax(1)[torch.randperm(600, generator=torch.Generator().manual_seed(0)).argsort()])
    assert ours.value == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours.std == pytest.approx(theirs["inception_score_std"], rel=1e-4)


def test_the_reference_that_ships_stands_for_the_real_pictures():
    real = pretrained.reference("cifar10_features")
    assert fidelity.frechet_distance(real).value == pytest.approx(0, abs=1e-6)
    with pytest.warns(fidelity.FewImagesWarning):
        assert fidelity.frechet_distance(noise(20, 3, 32, 32)).value > 50


def test_pictures_and_their_features_measure_the_same():
    x = (255 * noise(200, 3, 32, 32)).to(torch.uint8)
    taken = fidelity.to_features(x)
    assert taken.shape == (200, 192)
    assert fidelity.frechet_distance(x).value == pytest.approx(fidelity.frechet_distance(taken).value, rel=1e-6)
    of_images, of_probabilities = (fidelity.inception_score(given).value for given in (x, fidelity.class_probabilities(x)))
    assert of_images == pytest.approx(of_probabilities)


def test_features_know_their_network_and_those_of_two_are_not_compared():
    faces, things = fidelity.to_features(noise(4, 3, 64, 64), "celeba_features"), pretrained.reference("cifar10_features")[:300]
    assert faces.shape[1] == things.shape[1] == 192 and (faces[:2].network, things.network) == (
        "celeba_features",
        "cifar10_features",
    )
    assert type(faces + 0) is torch.Tensor and fidelity.kernel_distance(faces[:3], None, "celeba_features").value > 0
    for call in (fidelity.frechet_distance, fidelity.kernel_distance, fidelity.precision_recall):
        for given in ((faces,), (faces, things), (things, faces), (things, things, "celeba_features")):
            with pytest.raises(ValueError, match="two networks cannot be compared"):
                call(*given)
    with pytest.raises(ValueError, match="of celeba_features, but those of cifar10_features"):
        fidelity.frechet_to(things)(faces)
    with pytest.raises(ValueError, match="no feature network"):
        fidelity.frechet_distance(noise(3, 3, 64, 64), features="celeba_vae")


def test_extrapolation_finds_the_distance_of_infinitely_many():
    mean, made = torch.zeros(6), torch.randn(3000, 6, generator=torch.Generator().manual_seed(8))
    real = torch.randn(200_000, 6, generator=torch.Generator().manual_seed(9))
    few = fidelity.frechet_distance(made[:600] + 0.1, real).value
    found = fidelity.frechet_at_infinity(made + 0.1, real)
    truth = fidelity.gaussian_frechet(mean + 0.1, torch.eye(6), mean, torch.eye(6)).item()  # 0.06
    assert abs(found.value - truth) < 0.02 and abs(found.value - truth) < abs(few - truth)
    assert found.sizes[0] == 600 and found.sizes[-1] == 3000 and len(found.values) == 8
    with pytest.raises(ShapeError, match="ten a dimension"):
        fidelity.frechet_at_infinity(made[:50], real)


def test_the_bootstrap_knows_the_error_of_a_mean():
    sample = torch.randn(500, 1, generator=torch.Generator().manual_seed(3))
    found = fidelity.bootstrap(lambda rows: rows.mean(), sample, times=400)
    assert found.value == pytest.approx(sample.mean().item())
    assert found.error == pytest.approx(sample.std().item() / 500**0.5, rel=0.15) and abs(found.bias) < 0.01
    assert found.high - found.value == pytest.approx(1.96 * found.error, rel=1e-3)
    assert found == fidelity.bootstrap(lambda rows: rows.mean(), sample, times=400)
    for rows, times in ((sample, 1), (sample[:1], 9)):
        with pytest.raises(ValueError, match="2 or more|two rows"):
            fidelity.bootstrap(lambda rows: rows.mean(), rows, times=times)


def test_the_bootstrap_interval_of_a_frechet_distance_covers_what_fresh_samples_give():
    real, noise_ = torch.randn(4000, 5, generator=torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2)
    distance = fidelity.frechet_to(real)
    fresh = torch.tensor([distance(0.3 + torch.randn(300, 5, generator=noise_)) for _ in range(200)])
    errors = [fidelity.bootstrap(distance, 0.3 + torch.randn(300, 5, generator=noise_), times=40, seed=i).error for i in range(20)]
    assert np.mean(errors) == pytest.approx(fresh.std().item(), rel=0.2)


def test_a_path_that_stands_still_and_one_that_jumps():
    x = noise(2, 1, 16, 16)
    found = fidelity.path_ssim(x[[0, 0, 0, 1]])
    assert found.shape == (3,) and torch.allclose(found[:2], torch.ones(2), atol=1e-5) and found[2] < 0.5
    with pytest.raises(ShapeError, match="two or more frames"):
        fidelity.path_ssim(x[:1])


# Bad input


def test_fewer_pictures_than_dimensions_are_warned_of():
    x, y = clouds()
    with pytest.warns(fidelity.FewImagesWarning, match="far too large"):
        assert fidelity.frechet_distance(x[:8], y).value > fidelity.frechet_distance(x, y).value
    with pytest.raises(ShapeError, match="2 or more"):
        fidelity.frechet_distance(x[:1], y)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(value):
    x, y = clouds()
    x[3, 2] = value
    for measure in (fidelity.frechet_distance, fidelity.kernel_distance, fidelity.precision_recall):
        with pytest.raises(ValueError, match="1 NaN"):
            measure(x, y)
    images = noise(3, 3, 32, 32)
    images[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match="1 NaN"):
        fidelity.frechet_distance(images)
    with pytest.raises(ValueError, match="NaN"):
        fidelity.inception_score(x)
    with pytest.raises(ValueError, match="covariance"):
        fidelity.gaussian_frechet(torch.full((2,), value), torch.eye(2), torch.zeros(2), torch.eye(2))


@pytest.mark.parametrize("images, hint", [(noise(3, 3, 32, 32) * 2 - 1, r"\(x \+ 1\) / 2"), (255 * noise(3, 3, 32, 32), "x / 255")])
def test_pictures_outside_the_range_are_refused_with_a_remedy(images, hint):
    with pytest.raises(ValueError, match=hint):
        fidelity.frechet_distance(images)
    with pytest.raises(ValueError, match=hint):
        fidelity.inception_score(images)


def test_other_bad_pictures_are_refused():
    with pytest.raises(ShapeError, match=r"must be \(N, 3, 32, 32\)"):
        fidelity.frechet_distance(noise(3, 1, 28, 28))
    with pytest.raises(ValueError, match="uint8 or floats"):
        fidelity.frechet_distance(torch.ones(3, 3, 32, 32, dtype=torch.int64))
    with pytest.raises(DataError, match="no weights named"):
        fidelity.frechet_distance(noise(3, 3, 32, 32), features="vgg")
    with pytest.raises(ShapeError, match="different networks"):
        fidelity.frechet_distance(noise(300, 5), features="cifar10_features")


def test_constant_features():
    x, y = clouds()
    one = x[:1].repeat(50, 1)
    with pytest.raises(ValueError, match="same features"):
        fidelity.frechet_distance(x, one)
    mean, cov = fidelity.moments(y)
    expected = (x[0].double() - mean).square().sum() + cov.trace()  # a covariance of zero: the formula's own value
    assert fidelity.frechet_distance(one, y).value == pytest.approx(expected.item())
    assert fidelity.precision_recall(one, y).recall == 0
    assert np.isfinite(fidelity.kernel_distance(one, y, subsets=2).value)


def test_bad_numbers_are_refused():
    x, y = clouds()
    with pytest.raises(ShapeError, match="4 or more"):
        fidelity.precision_recall(x[:3], y)
    with pytest.raises(ValueError, match="subsets is 0"):
        fidelity.kernel_distance(x, y, subsets=0)
    with pytest.raises(ShapeError, match="ten images"):
        fidelity.inception_score(torch.eye(5))
    with pytest.raises(ValueError, match="softmax"):
        fidelity.inception_score(logits())
    with pytest.raises(ValueError, match="no classes"):
        fidelity.inception_score(noise(20, 3, 64, 64), "celeba_features")


def test_the_work_grows_with_the_number_of_pictures_and_never_with_its_square():
    def work(task, *given) -> int:  # in convolutions and products of matrices: the same on any machine
        with FlopCounterMode(display=False) as counter:
            task(*given)
        return counter.get_total_flops()

    part = (255 * noise(3, 3, 64, 64)).to(torch.uint8)
    one, three = (work(fidelity.to_features, part[:n], "celeba_features") for n in (1, 3))
    assert three == 3 * one and one < 250e6  # each image passes the network once; 10,000 of them in about a minute on a laptop
    points, dimensions = noise(10_000, 192), 192
    taken = work(fidelity.frechet_distance, points, points[:3000] + 0.1)
    assert 2 * 13_000 * dimensions**2 <= taken < 2.2 * 13_000 * dimensions**2  # two covariances, and little else


@pytest.mark.parametrize("side", [10, 11])
def test_ssim_needs_one_whole_window(side):
    x = noise(2, 1, side, side)
    if side == 11:
        assert torch.allclose(fidelity.ssim(x, x), torch.ones(2))
    else:
        with pytest.raises(ShapeError, match="11 or more"):
            fidelity.ssim(x, x)


def test_no_pictures_are_told_as_such():
    for call in (fidelity.to_features, fidelity.class_probabilities, fidelity.frechet_distance):
        with pytest.raises(ShapeError, match=r"\(0, 3, 32, 32\) came"):
            call(torch.zeros(0, 3, 32, 32))


def hann(side: int) -> torch.Tensor:
    """The periodic Hann window on both axes, from its formula."""
    one = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(side) / side)
    return one * one[:, None]


@pytest.mark.parametrize("side", [4, 7, 28, 32])
def test_radial_power_adds_up_to_the_squared_values_by_parseval(side):
    x = torch.rand(6, 3, side, side, generator=torch.Generator().manual_seed(1))
    faded = (x - x.mean((2, 3), keepdim=True)) * hann(side)
    found = fidelity.radial_power(x)
    assert found.shape == (side // 2 + 1,) and (found >= 0).all()
    torch.testing.assert_close(found.sum(), faded.square().sum((1, 2, 3)).mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("across", "down"), [(5, 0), (0, 11), (6, 8)])
def test_radial_power_finds_a_wave_at_its_frequency(across, down):
    u = torch.arange(32) / 32
    wave = torch.cos(2 * math.pi * (across * u + down * u[:, None]))[None, None]
    found, at = fidelity.radial_power(wave), round(math.hypot(across, down))
    assert found.argmax() == at
    assert found[at - 2 : at + 3].sum() > 0.99 * found.sum()  # the window spreads it by one wave on either axis


def test_radial_power_of_one_picture_is_a_plain_sum_over_waves():
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    faded, wanted = ((x - x.mean()) * hann(8))[0, 0], torch.zeros(5, dtype=torch.float64)
    for k in range(8):
        for m in range(8):
            turn = torch.exp(-2j * math.pi * (k * torch.arange(8)[:, None] + m * torch.arange(8)) / 8)
            r = math.hypot(min(k, 8 - k), min(m, 8 - m))
            wanted[min(round(r), 4)] += (faded * turn).sum().abs() ** 2 / 64
    torch.testing.assert_close(fidelity.radial_power(x).double(), wanted, rtol=1e-4, atol=1e-7)


def test_radial_power_does_not_see_the_mean_colour_and_takes_uint8():
    images = torch.randint(256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    x = images.float() / 255
    torch.testing.assert_close(fidelity.radial_power(x), fidelity.radial_power(images))
    torch.testing.assert_close(fidelity.radial_power(x + 5), fidelity.radial_power(x), rtol=1e-3, atol=1e-5)
    assert fidelity.radial_power(torch.ones(2, 1, 16, 16)).max() < 1e-10


def test_radial_power_refuses_what_it_cannot_measure():
    for shape in [(2, 3, 32, 28), (3, 32, 32), (0, 3, 32, 32), (2, 3, 2, 2)]:
        with pytest.raises(ShapeError):
            fidelity.radial_power(torch.zeros(shape))
    with pytest.raises(ValueError):
        fidelity.radial_power(torch.full((1, 1, 8, 8), float("nan")))
