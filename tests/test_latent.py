"""Picks have the distribution they promise; the glitch measure counts planted glitches; paths agree with SciPy's rotations."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp
from sklearn.linear_model import LinearRegression

from helpers import latent, models, objective
from helpers.objective import ShapeError
from helpers.pretrained import Codes


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_box_picks_fill_the_box_evenly():
    codes = torch.tensor([[0.0, -2.0], [1.0, 2.0], [0.5, 0.0]])
    picks = latent.box_samples(codes, 20_000, rng())
    assert picks[:, 0].min() >= 0 and picks[:, 0].max() <= 1 and picks[:, 1].min() >= -2 and picks[:, 1].max() <= 2
    assert torch.allclose(picks.mean(0), torch.tensor([0.5, 0.0]), atol=0.03)
    assert torch.allclose(picks.var(0), torch.tensor([1 / 12, 16 / 12]), rtol=0.05)


def test_gaussian_picks_have_the_codes_moments():
    codes = torch.randn(5_000, 3, generator=rng()) @ torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0.5, 0.1]]) + 4
    picks = latent.gaussian_samples(codes, 50_000, rng(1))
    assert torch.allclose(picks.mean(0), codes.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(picks.T), torch.cov(codes.T), atol=0.1)


def test_nearest_distance_is_the_root_mean_square_to_the_nearest():
    reference = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    images = torch.stack([torch.full((1, 4, 4), v) for v in (0.0, 0.1, 0.7)])
    assert torch.allclose(latent.nearest_distance(images, reference), torch.tensor([0.0, 0.1, 0.3]), atol=1e-3)
    assert torch.allclose(latent.nearest_distance((255 * reference).byte(), reference), torch.zeros(2), atol=1e-3)


def test_glitch_rate_counts_planted_glitches():
    reference = torch.rand(50, 1, 6, 6, generator=rng())
    faithful = (reference + 0.02 * torch.randn(50, 1, 6, 6, generator=rng(1))).clamp(0, 1)
    line = latent.glitch_line(faithful, reference)
    assert latent.glitch_rate(faithful, reference, line) == pytest.approx(0.06, abs=0.021)  # 5 % of 50, to the image
    mixed = torch.cat([reference[:30], 1 - reference[:10]])
    assert latent.glitch_rate(mixed, reference, line) == pytest.approx(0.25)


def test_paths_put_the_steps_first_and_keep_the_type():
    a, b = torch.randn(2, 7, 5, generator=rng())
    assert torch.equal(latent.lerp(a, b, 0), a) and torch.equal(latent.lerp(a, b, 1), b)
    assert torch.allclose(latent.lerp(a, b, 1.5), torch.lerp(a, b, 1.5), atol=1e-6)
    for path in (latent.lerp, latent.slerp):
        whole = path(a, b, torch.linspace(0, 1, 4))
        assert whole.shape == (4, 7, 5) and whole.dtype == torch.float32
        assert torch.allclose(whole[1], path(a, b, 1 / 3), atol=1e-6)
        assert torch.allclose(whole[:, 2], path(a[2], b[2], [0, 1 / 3, 2 / 3, 1]), atol=1e-6)
        assert path(a.double(), b.double(), 0.5).dtype == torch.float64


@pytest.mark.parametrize("size", [2, 3, 64])
def test_slerp_is_scipys_on_the_unit_sphere(size):
    a, b = torch.nn.functional.normalize(torch.randn(2, size, generator=rng(size), dtype=torch.float64), dim=1)
    t = np.linspace(0, 1, 9)
    assert np.allclose(latent.slerp(a, b, t), geometric_slerp(a.numpy(), b.numpy(), t), atol=1e-12)


def test_slerp_turns_evenly_and_its_radius_goes_evenly():
    a, b = 3 * torch.randn(2, 40, 6, generator=rng(), dtype=torch.float64)
    t = torch.linspace(0, 1, 6, dtype=torch.float64)
    path = latent.slerp(a, b, t)
    assert torch.allclose(latent.angle(a.expand(6, 40, 6), path), t[:, None] * latent.angle(a, b), atol=1e-7)
    assert torch.allclose(path.norm(dim=2), latent.lerp(a.norm(dim=1), b.norm(dim=1), t), atol=1e-12)
    assert torch.allclose(path[0], a) and torch.allclose(path[-1], b)


def test_slerp_of_a_point_and_itself_stays_there_and_tiny_angles_are_lines():
    a = torch.tensor([3.0, 4.0])
    assert torch.allclose(latent.slerp(a, a, [0, 0.5, 1]), a.expand(3, 2))
    assert torch.allclose(latent.slerp(a, 2 * a, 0.5), 1.5 * a)
    for tiny in (1e-12, 1e-8, 1e-6, 1e-4):
        b = torch.tensor([1.0, tiny], dtype=torch.float64)
        assert torch.allclose(latent.slerp(b.new_tensor([1.0, 0.0]), b, 0.3), b.new_tensor([1.0, 0.3 * tiny]), rtol=1e-7, atol=1e-8)


def test_angles_keep_their_digits_at_both_ends():
    one = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for omega in (0.0, 1e-9, 0.5, math.pi / 2, math.pi - 1e-9, math.pi):
        other = 7 * torch.tensor([math.cos(omega), math.sin(omega)], dtype=torch.float64)
        assert latent.angle(one, other).item() == pytest.approx(omega, abs=1e-15, rel=1e-12)


def test_a_corner_grid_is_bilinear():
    corners, side = torch.randn(4, 3, generator=rng()), 5
    grid = latent.corner_grid(corners, side).unflatten(0, (side, side))
    assert torch.allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], corners)
    wanted = torch.nn.functional.interpolate(corners.T.reshape(1, 3, 2, 2), size=(side, side), mode="bilinear", align_corners=True)
    assert torch.allclose(grid, wanted[0].permute(1, 2, 0), atol=1e-6)


def test_temperature_and_shell_have_the_promised_radii():
    hot = latent.tempered_samples(20_000, 4, 1.5, rng())
    assert torch.allclose(torch.cov(hot.T), 2.25 * torch.eye(4), atol=0.1) and hot.mean(0).abs().max() < 0.05
    shell = latent.shell_samples(20_000, 4, 3.0, rng())
    assert torch.allclose(shell.norm(dim=1), torch.full((20_000,), 3.0), atol=1e-5)
    assert torch.allclose(shell.T @ shell / 20_000, 9 / 4 * torch.eye(4), atol=0.06)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, None, "hot", True])
def test_an_impossible_temperature_radius_or_width_is_refused(bad):
    with pytest.raises(ValueError, match="temperature.*finite number above 0"):
        latent.tempered_samples(5, 3, bad, rng())
    with pytest.raises(ValueError, match="radius"):
        latent.shell_samples(5, 3, bad, rng())
    with pytest.raises(ValueError, match="widths"):
        latent.neighbour_samples(torch.zeros(3), torch.zeros(3), 5, bad, rng())


def test_aggregate_picks_have_the_mixtures_moments():
    mu, logvar = 2 * torch.randn(50, 3, generator=rng()), torch.randn(50, 3, generator=rng(1))
    z = latent.aggregate_samples(mu, logvar, 100_000, rng(2))
    wanted = torch.cov(mu.T, correction=0) + torch.diag(logvar.exp().mean(0))  # law of total covariance
    assert torch.allclose(z.mean(0), mu.mean(0), atol=0.05) and torch.allclose(torch.cov(z.T), wanted, atol=0.15)


def test_neighbours_are_the_posterior_made_wider():
    mu, logvar = torch.tensor([1.0, -2.0]), torch.tensor([0.0, -2.0])
    z = latent.neighbour_samples(mu, logvar, 50_000, 3.0, rng())
    assert torch.allclose(z.mean(0), mu, atol=0.05) and torch.allclose(z.std(0), 3 * torch.exp(logvar / 2), rtol=0.02)


def test_a_mixture_finds_planted_clusters_and_draws_from_them():
    centres = torch.tensor([[0.0, 6.0], [6.0, 0.0], [-6.0, -6.0]])
    which = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 6_000, replacement=True, generator=rng())
    codes = centres[which] + torch.randn(6_000, 2, generator=rng(1)) @ torch.tensor([[1.0, 0.5], [0.0, 0.5]])
    mixture = latent.fit_mixture(codes, 3)
    order = mixture.weights.argsort(descending=True)
    assert torch.allclose(mixture.weights[order], torch.tensor([0.5, 0.3, 0.2]), atol=0.03)
    assert torch.allclose(mixture.means[order], centres, atol=0.15)
    z = latent.mixture_samples(mixture, 40_000, rng(2))
    assert torch.allclose(z.mean(0), codes.mean(0), atol=0.15)
    assert torch.allclose(torch.cov(z.T), torch.cov(codes.T), rtol=0.05, atol=0.3)
    assert torch.allclose(torch.cdist(z, centres).min(0).values, torch.zeros(3), atol=0.2)


def some_codes(n: int = 400) -> Codes:
    """Return codes in four dimensions whose first says Smiling, and whose second says Bald; nobody is both Bald and Young."""
    mu = torch.randn(n, 4, generator=rng())
    attributes = torch.stack([mu[:, 0] > 0, mu[:, 1] > 1, mu[:, 1] < 0], 1)
    return Codes(mu, torch.zeros(n, 4), None, (), attributes, ("Smiling", "Bald", "Young"))


def test_members_have_what_was_wanted():
    known = some_codes()
    found = latent.members(known, {"Smiling": True, "Bald": False})
    assert torch.equal(found, (known.mu[:, 0] > 0) & (known.mu[:, 1] <= 1))


def test_a_region_of_an_attribute_has_its_members_moments():
    known = some_codes(4_000)
    z = latent.attribute_samples(known, {"Smiling": True}, 50_000, rng(1))
    group = known.mu[known.attributes[:, 0]]
    assert torch.allclose(z.mean(0), group.mean(0), atol=0.03) and torch.allclose(torch.cov(z.T), torch.cov(group.T), atol=0.05)
    few = Codes(known.mu, None, None, (), torch.arange(4_000)[:, None] < 12, ("Smiling",))  # 12 members, 4 dimensions
    z, crowd = latent.attribute_samples(few, {"Smiling": True}, 100_000, rng(1)), few.mu[:12]
    assert torch.allclose(torch.cov(z.T), 0.75 * torch.cov(crowd.T) + 0.25 * torch.cov(few.mu.T), atol=0.03)


def test_a_difference_vector_is_the_difference_of_means_for_codes_and_for_bytes():
    images = torch.randint(0, 256, (30, 3, 4, 4), generator=rng()).to(torch.uint8)
    has = torch.arange(30) % 3 == 0
    found = latent.attribute_direction(images, has)
    assert torch.allclose(found, (images[has].double().mean(0) - images[~has].double().mean(0)).float() / 255, atol=1e-6)


def test_partial_directions_are_scikit_learns_and_free_of_what_goes_along():
    attributes = torch.rand(3_000, 3, generator=rng()) < 0.4
    attributes[:, 1] |= attributes[:, 0] & (torch.rand(3_000, generator=rng(1)) < 0.7)  # 1 goes along with 0
    effects = torch.randn(3, 5, generator=rng(2))
    points = attributes.float() @ effects + 0.1 * torch.randn(3_000, 5, generator=rng(3)) + 4
    found = latent.partial_directions(points, attributes)
    assert np.allclose(found.T, LinearRegression().fit(attributes.numpy(), points.numpy()).coef_, atol=1e-4)
    assert torch.allclose(found, effects, atol=0.05)
    crowds = attributes[attributes[:, 0]].float().mean(0) - attributes[~attributes[:, 0]].float().mean(0)
    assert torch.allclose(crowds @ found, latent.attribute_direction(points, attributes[:, 0]), atol=1e-4)  # exact bookkeeping


def test_orthogonal_directions_are_at_right_angles_in_the_metric_and_changed_by_the_others_only():
    d, others = torch.randn(8, generator=rng(), dtype=torch.float64), torch.randn(3, 8, generator=rng(1), dtype=torch.float64)
    root = torch.randn(8, 8, generator=rng(2), dtype=torch.float64)
    for covariance in (None, root @ root.T + 0.1 * torch.eye(8)):
        v = latent.orthogonal_to(d, others, covariance)
        metric = torch.eye(8).double() if covariance is None else torch.linalg.inv(covariance)
        assert torch.allclose(others @ metric @ v, torch.zeros(3).double(), atol=1e-9)
        assert torch.linalg.matrix_rank(torch.cat([others, (d - v)[None]])) == 3
        assert torch.allclose(latent.orthogonal_to(v, others, covariance), v)  # nothing more to take out
        assert torch.allclose(latent.orthogonal_to(d, torch.cat([others, 2 * others[:1]]), covariance), v)
    assert torch.allclose(latent.orthogonal_to(d, others, 3 * torch.eye(8)), latent.orthogonal_to(d, others))
    assert torch.equal(latent.orthogonal_to(d, others[:0]), d)


def test_two_codes_suffice_and_so_do_float64_and_fewer_codes_than_latents():
    two = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    picks = latent.gaussian_samples(two, 20_000, rng())
    assert torch.allclose(picks.mean(0), torch.ones(2), atol=0.03) and picks[:, 0].var() == pytest.approx(2, rel=0.05)
    assert latent.gaussian_samples(two.double(), 5, rng()).dtype == torch.float64
    few = 1000 * torch.randn(20, 64, generator=rng())  # in float32 its covariance has negative eigenvalues
    picks = latent.gaussian_samples(few, 20_000, rng(1)) - few.mean(0)
    across = torch.linalg.svd((few - few.mean(0)).double()).Vh[19:].float()  # where the codes do not vary
    assert (picks @ across.T).abs().max() < 5 and (torch.cov(picks.T) - torch.cov(few.T)).norm() < 0.1 * torch.cov(few.T).norm()


@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.tensor, float])
def test_numbers_of_every_library_are_numbers(kind):
    assert torch.equal(latent.tempered_samples(3, 2, kind(0.5), rng()), 0.5 * latent.prior_samples(3, 2, rng()))


ONE, NAN, EYE = torch.tensor([[1.0, 2, 3], [3, 2, 1]]), torch.tensor([[1.0, math.nan, 3], [3, 2, 1]]), torch.eye(4)
KNOWN = some_codes()
LONELY = Codes(KNOWN.mu[:3], None, None, (), torch.tensor([[True], [False], [False]]), ("Smiling",))
HAS = torch.rand(50, 2, generator=rng()) < 0.5
POINTS, CERTAIN = torch.randn(50, 2, generator=rng()), torch.ones(50, 1).bool()


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: latent.gaussian_samples(ONE[0], 5, rng()), ShapeError, r"\(N, Z\)"),
        (lambda: latent.gaussian_samples(ONE[:1], 5, rng()), ValueError, "two or more codes"),
        (lambda: latent.gaussian_samples(NAN, 5, rng()), ValueError, "two or more codes"),
        (lambda: latent.lerp(ONE, ONE[0], 0.5), ShapeError, "same shape"),
        (lambda: latent.lerp(ONE, NAN, 0.5), ValueError, "NaN or infinity"),
        (lambda: latent.lerp(ONE, ONE, math.inf), ValueError, "finite number"),
        (lambda: latent.slerp(ONE, NAN, 0.5), ValueError, "NaN or infinity"),
        (lambda: latent.slerp(ONE, -2 * ONE, 0.5), ValueError, "opposite"),
        (lambda: latent.slerp(ONE, torch.stack([ONE[1], -ONE[1]]), 0.5), ValueError, "opposite"),  # one bad pair is enough
        (lambda: latent.angle(ONE, torch.stack([ONE[0], 0 * ONE[0]])), ValueError, "origin"),
        (lambda: latent.angle(torch.stack([ONE[0], 0 * ONE[0]]), ONE), ValueError, "origin"),
        (lambda: latent.corner_grid(torch.ones(3, 2), 4), ShapeError, "four corners"),
        (lambda: latent.corner_grid(torch.ones(4), 4), ShapeError, "four corners"),
        (lambda: latent.corner_grid(torch.ones(4, 2), 1), ShapeError, "side of 2 or more"),
        (lambda: latent.aggregate_samples(torch.zeros(4, 2), torch.zeros(4, 3), 5, rng()), ShapeError, "same shape"),
        (lambda: latent.aggregate_samples(torch.zeros(0, 2), torch.zeros(0, 2), 5, rng()), ShapeError, r"\(N, Z\)"),
        (lambda: latent.aggregate_samples(NAN, ONE, 5, rng()), ValueError, "NaN"),
        (lambda: latent.fit_mixture(POINTS[:7], 0), ValueError, "components cannot be fitted"),
        (lambda: latent.fit_mixture(POINTS[:7], 4), ValueError, "components cannot be fitted"),
        (lambda: latent.fit_mixture(NAN, 1), ValueError, "NaN"),
        (lambda: latent.fit_mixture(POINTS[0], 1), ShapeError, r"\(N, Z\)"),
        (lambda: latent.members(KNOWN, {"Smilling": True}), ValueError, "no attribute 'Smilling'.*Smiling, Bald, Young"),
        (lambda: latent.members(KNOWN, {"Bald": True, "Young": True}), ValueError, "Bald and Young: this region has no members"),
        (lambda: latent.members(KNOWN, {}), ValueError, "no attribute was asked for"),
        (lambda: latent.members(Codes(KNOWN.mu, None, None), {"Smiling": True}), ValueError, "nothing is known"),
        (lambda: latent.attribute_samples(LONELY, {"Smiling": True}, 5, rng()), ValueError, "one member only"),
        (lambda: latent.attribute_direction(POINTS, CERTAIN[:, 0]), ValueError, "all of the 50"),
        (lambda: latent.attribute_direction(POINTS, ~CERTAIN[:, 0]), ValueError, "none of the 50"),
        (lambda: latent.attribute_direction(POINTS, HAS[:5, 0]), ShapeError, "bool"),
        (lambda: latent.attribute_direction(POINTS, torch.arange(50)), ShapeError, "bool"),
        (lambda: latent.partial_directions(POINTS, torch.cat([HAS, ~HAS[:, :1]], 1)), ValueError, "constant, or follows"),
        (lambda: latent.partial_directions(POINTS, torch.cat([HAS, CERTAIN], 1)), ValueError, "constant, or follows"),
        (lambda: latent.partial_directions(POINTS, HAS[:40]), ShapeError, "of the same images"),
        (lambda: latent.orthogonal_to(EYE[0] - 3 * EYE[1], EYE[:2]), ValueError, "nothing is left"),
        (lambda: latent.orthogonal_to(EYE[0], EYE[1]), ShapeError, "are needed"),
        (lambda: latent.orthogonal_to(EYE[0], EYE[1:, :3]), ShapeError, "are needed"),
        (lambda: latent.orthogonal_to(EYE[0], EYE[1:], torch.eye(3)), ShapeError, "covariance"),
        (lambda: latent.orthogonal_to(EYE[0], EYE[1:], -EYE), ValueError, "not positive definite"),
    ],
)
def test_bad_input_is_told_what_is_wrong(call, error, told):
    with pytest.raises(error, match=told):
        call()


@pytest.mark.parametrize("network", ["fc", "conv"])
def test_calibrated_latents_have_mean_0_and_second_moment_1_and_decode_to_the_same(network):
    model = models.build(models.ModelConfig("vae", network, (1, 8, 8), latent=3, widths=(6, 6)), seed=0)
    with torch.no_grad():
        model.to_mu.weight.mul_(20)
        model.to_mu.bias.copy_(torch.tensor([1.0, -2.0, 0.0]))
        model.to_logvar.bias.copy_(torch.tensor([0.5, -3.0, 1.0]))
    images = torch.rand(200, 1, 8, 8, generator=rng())
    (mu, logvar), before = models.posterior(model, images), models.reconstruct(model, images)
    shift, scale = latent.calibrate(model, mu, logvar)
    new_mu, new_logvar = models.posterior(model, images)
    assert torch.allclose(models.reconstruct(model, images), before, atol=1e-5)
    assert torch.allclose(new_mu, (mu - shift) / scale, atol=1e-4)
    assert torch.allclose(new_logvar, logvar - 2 * scale.log(), atol=1e-4)
    assert torch.allclose(new_mu.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose((new_mu**2 + new_logvar.exp()).mean(0), torch.ones(3), atol=1e-4)
    gain = objective.gaussian_kl(mu, logvar).mean() - objective.gaussian_kl(new_mu, new_logvar).mean()
    assert gain.item() == pytest.approx(0.5 * (shift**2 + scale**2 - 1 - 2 * scale.log()).sum().item(), rel=1e-4) and gain > 0
