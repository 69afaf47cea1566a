"""Picks have the distribution they promise; the glitch measure counts planted glitches; paths agree with SciPy's rotations."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp

from helpers import latent
from helpers.objective import ShapeError


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


# ---- paths


def test_lerp_is_torchs_and_exact_at_its_ends():
    a, b = torch.randn(2, 7, 5, generator=rng())
    for t in (0.0, 0.3, 1.0, 1.5):
        assert torch.allclose(latent.lerp(a, b, t), torch.lerp(a, b, t), atol=1e-6)
    assert torch.equal(latent.lerp(a, b, 0), a) and torch.equal(latent.lerp(a, b, 1), b)


def test_paths_put_the_steps_first_and_keep_the_type():
    a, b = torch.randn(2, 7, 5, generator=rng())
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


@pytest.mark.parametrize("path", [latent.lerp, latent.slerp])
def test_a_path_says_what_is_wrong_with_its_ends(path):
    with pytest.raises(ShapeError, match="same shape"):
        path(torch.ones(3, 2), torch.ones(2), 0.5)
    for bad in (math.nan, math.inf):
        with pytest.raises(latent.PathError, match="NaN or infinity"):
            path(torch.ones(2), torch.tensor([1.0, bad]), 0.5)
        with pytest.raises(latent.PathError, match="finite number"):
            path(torch.ones(2), torch.ones(2), bad)


def test_slerp_refuses_what_has_no_arc():
    a = torch.randn(8, generator=rng())
    with pytest.raises(latent.PathError, match="opposite"):
        latent.slerp(a, -2 * a, 0.5)
    with pytest.raises(latent.PathError, match="origin"):
        latent.slerp(a, 0 * a, 0.5)
    with pytest.raises(latent.PathError, match="opposite"):  # one bad pair in a batch is enough
        latent.slerp(torch.stack([a, a]), torch.stack([a.flip(0), -a]), 0.5)
    assert torch.allclose(latent.lerp(a, -a, 0.5), 0 * a)


def test_a_corner_grid_is_bilinear():
    corners, side = torch.randn(4, 3, generator=rng()), 5
    grid = latent.corner_grid(corners, side).unflatten(0, (side, side))
    assert torch.allclose(grid[[0, 0, -1, -1], [0, -1, 0, -1]], corners)
    wanted = torch.nn.functional.interpolate(corners.T.reshape(1, 3, 2, 2), size=(side, side), mode="bilinear", align_corners=True)
    assert torch.allclose(grid, wanted[0].permute(1, 2, 0), atol=1e-6)


def test_a_spherical_corner_grid_stays_on_the_sphere():
    corners = torch.nn.functional.normalize(torch.randn(4, 6, generator=rng()), dim=1)
    grid = latent.corner_grid(corners, 7, latent.slerp)
    assert torch.allclose(grid.norm(dim=1), torch.ones(49)) and torch.allclose(grid[[0, 6, 42, 48]], corners, atol=1e-6)


@pytest.mark.parametrize(("corners", "side"), [(torch.ones(3, 2), 4), (torch.ones(4), 4), (torch.ones(4, 2), 1)])
def test_a_corner_grid_needs_four_corners_and_a_side(corners, side):
    with pytest.raises(ShapeError):
        latent.corner_grid(corners, side)
