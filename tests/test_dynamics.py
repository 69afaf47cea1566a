"""Exponents, dimensions, fixed points and noise agree with what is known of the systems; bad input is told what is wrong."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import solve_ivp

from helpers import dynamics
from helpers.models import ModelConfig, build, codes, decode
from helpers.objective import ShapeError


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=rng(seed), dtype=torch.float64)


def near(spectrum: dynamics.Spectrum, wanted, room: float = 0.0) -> bool:
    """Whether all exponents are within five standard errors, and the errors are not idle."""
    off = (spectrum.exponents - torch.as_tensor(wanted, dtype=torch.float64)).abs()
    return bool((off <= 5 * spectrum.errors + room).all())


def test_known_maps_at_known_places():
    assert torch.equal(dynamics.logistic(torch.tensor([0.0, 0.5, 1.0])), torch.tensor([0.0, 1.0, 0.0]))
    assert torch.allclose(dynamics.tent(torch.tensor([0.25, 0.5, 0.75])), torch.tensor([0.5, 1.0, 0.5]))
    fixed = (-0.7 + math.sqrt(0.49 + 5.6)) / 2.8  # 1.4 x² + 0.7 x - 1 = 0
    z = torch.tensor([[fixed, 0.3 * fixed]], dtype=torch.float64)
    assert torch.allclose(dynamics.henon(z), z, atol=1e-12)
    rest = torch.tensor([[math.sqrt(72), math.sqrt(72), 27.0]], dtype=torch.float64)
    assert dynamics.lorenz(rest).abs().max() < 1e-12


def test_runge_kutta_follows_scipys_solution():
    start = np.array([1.0, 2.0, 20.0])
    exact = solve_ivp(lambda t, z: dynamics.lorenz(torch.tensor(z)).numpy(), (0, 1), start, rtol=1e-11, atol=1e-11).y[:, -1]
    ours = dynamics.orbit(dynamics.runge_kutta(dynamics.lorenz, 0.002), torch.tensor(start)[None], 501)[-1, 0]
    assert np.allclose(ours.numpy(), exact, atol=1e-5)


def test_orbit_starts_where_it_is_told():
    found = dynamics.orbit(dynamics.logistic, torch.tensor([[0.2]], dtype=torch.float64), np.int64(3))
    assert found.flatten().tolist() == pytest.approx([0.2, 0.64, 0.9216])
    assert torch.equal(dynamics.orbit(dynamics.logistic, torch.tensor([[0.2]], dtype=torch.float64), 2, skip=1), found[1:])


def test_jacobian_is_the_analytic_one_also_for_one_state_and_for_constant_maps():
    z = uniform(5, 2)
    J = dynamics.jacobian(dynamics.henon, z)
    wanted = torch.stack([torch.tensor([[-2.8 * x, 1.0], [0.3, 0.0]], dtype=torch.float64) for x, _ in z])
    assert torch.allclose(J, wanted) and torch.allclose(dynamics.jacobian(dynamics.henon, z[:1]), wanted[:1])
    assert not dynamics.jacobian(lambda z: torch.ones_like(z), z).any()


@pytest.mark.parametrize(("r", "wanted"), [(4.0, math.log(2)), (2.5, math.log(0.5)), (3.2, 0.5 * math.log(0.16))])
def test_logistic_exponents(r, wanted):
    """r = 2.5: a fixed point with F' = 2 - r; r = 3.2: a cycle of two with (F²)' = 4 + 2 r - r²."""
    found = dynamics.lyapunov_spectrum(lambda x: dynamics.logistic(x, r), 0.1 + 0.8 * uniform(100, 1), 500, skip=300)
    assert near(found, [wanted], 1e-6)


def test_a_matrix_has_the_logs_of_its_eigenvalues_moduli():
    A = torch.tensor([[0.9, 0.5, 0.0], [0.0, 1.1, 0.3], [0.1, 0.0, 0.5]], dtype=torch.float64)
    wanted = torch.linalg.eigvals(A).abs().log().sort(descending=True).values
    # scaled to stay finite: x ← A x / |x| has other exponents, so use few steps of the plain map
    found = dynamics.lyapunov_spectrum(lambda z: z @ A.T, uniform(3, 3), 600, skip=300)
    assert torch.allclose(found.exponents, wanted, atol=5e-3)
    assert torch.allclose(found.exponents.sum(), torch.linalg.det(A).abs().log(), atol=1e-9)
    leading = dynamics.lyapunov_spectrum(lambda z: z @ A.T, uniform(3, 3), 600, skip=300, k=1)
    assert torch.allclose(leading.exponents, found.exponents[:1])


def test_henon_against_the_literature_and_its_determinant():
    found = dynamics.lyapunov_spectrum(dynamics.henon, 0.1 * uniform(150, 2), 800)
    assert near(found, [0.41922, -1.62319]) and found.errors.max() < 0.005
    assert found.exponents.sum().item() == pytest.approx(math.log(0.3), abs=1e-9)


def test_lorenz_against_the_literature_and_its_divergence():
    step, cloud = dynamics.runge_kutta(dynamics.lorenz, 0.02), 2 * torch.randn(500, 3, generator=rng(), dtype=torch.float64)
    settled = dynamics.orbit(step, cloud + torch.tensor([0, 0, 10.0]), 1, skip=1500)[0]  # those near its two foci take long
    found = dynamics.lyapunov_spectrum(step, settled, 300, skip=100, every=5, dt=0.02)
    assert near(found, [0.9056, 0.0, -14.5723], 0.005) and found.errors.max() < 0.02
    assert found.exponents.sum().item() == pytest.approx(-(10 + 1 + 8 / 3), abs=0.02)


@pytest.mark.parametrize(("skip", "every"), [(0, 7), (3, 7), (10, 7), (14, 1)])
def test_every_counted_step_counts_once_wherever_the_skipping_ends(skip, every):
    found = dynamics.lyapunov_spectrum(lambda u: dynamics.tent(u, 1.7), uniform(3, 1), 14, skip=skip, every=every)
    assert found.each.flatten().tolist() == pytest.approx([math.log(1.7)] * 3)


def test_a_lost_direction_is_minus_infinity_and_one_start_has_no_error():
    flat = torch.tensor([0.5, 0.0], dtype=torch.float64)
    found = dynamics.lyapunov_spectrum(lambda z: flat * z, uniform(1, 2), 5, skip=0)
    assert found.exponents.tolist() == [pytest.approx(math.log(0.5)), -math.inf] and found.errors.isnan().all()


@pytest.mark.parametrize("family", ["ae", "vae"])
def test_reconstruction_map_is_decode_then_encode_and_leaves_the_model_alone(family):
    model = build(ModelConfig(family=family, shape=(1, 8, 8), latent=3, widths=(16,)), seed=1)
    z = torch.randn(6, 3, generator=rng())
    step = dynamics.reconstruction_map(model)
    assert torch.allclose(step(z), codes(model, decode(model, z)), atol=1e-5)
    assert torch.allclose(dynamics.reconstruction_map(model, double=False)(z), step(z), atol=1e-5)
    weight = next(model.parameters())
    assert weight.dtype == torch.float32 and weight.requires_grad
    with pytest.raises(ShapeError, match="3 latents"):
        step(torch.zeros(2, 4))


def test_fixed_points_of_henon_are_its_two_with_their_multipliers():
    found = dynamics.fixed_points(dynamics.henon, 4 * uniform(60, 2) - 2)
    x = torch.tensor([(-0.7 - math.sqrt(6.09)) / 2.8, (-0.7 + math.sqrt(6.09)) / 2.8], dtype=torch.float64)
    assert torch.allclose(found.points, torch.stack([x, 0.3 * x], 1), atol=1e-9)
    assert torch.allclose(found.multipliers.prod(1).real, torch.full((2,), -0.3).double()) and not found.stable.any()
    assert found.multipliers.abs()[:, 0].gt(1).all()


def test_fixed_points_index_and_stability():
    def double_well(z):  # gradient descent on x⁴/4 - x²/2 + y²/2: sinks at x = ±1, a saddle at 0
        x, y = z.unbind(-1)
        return torch.stack([x - 0.1 * (x**3 - x), 0.9 * y], -1)

    found = dynamics.fixed_points(double_well, 4 * uniform(80, 2) - 2)
    assert torch.allclose(found.points, torch.tensor([[-1.0, 0], [0, 0], [1, 0]]).double(), atol=1e-8)
    assert found.stable.tolist() == [True, False, True] and found.index.tolist() == [1, -1, 1]
    none = dynamics.fixed_points(lambda z: z + 1, uniform(5, 2))
    assert len(none.points) == 0 and none.jacobians.shape == (0, 2, 2) and none.stable.shape == (0,)


ROOTS = torch.tensor([[1, 0], [-0.5, 0.75**0.5], [-0.5, -(0.75**0.5)]], dtype=torch.float64)


def test_settle_counts_steps_and_those_who_never_arrive():
    found = dynamics.settle(lambda z: z / 2, torch.tensor([[1.0], [0.01], [8.0]]), torch.tensor([[0.0]]), n=5, radius=0.2)
    assert found.sink.tolist() == [0, 0, -1] and found.steps.tolist() == [3, 0, 5]


def test_a_tabulated_map_is_the_map_and_gets_better_with_the_fourth_power():
    def wavy(z):
        return torch.stack([torch.sin(2 * z[:, 0]) + z[:, 1], torch.cos(z[:, 0] * z[:, 1])], 1)

    z = 1.6 * uniform(500, 2) - 0.8
    errors = [(dynamics.tabulated(wavy, (-1, 1, -1, 1), side)(z) - wavy(z)).abs().max().item() for side in (33, 65)]
    assert errors[1] < 1e-4 and errors[1] < errors[0] / 6
    lopsided = dynamics.tabulated(wavy, (-1, 2, 0, 1), 60)(torch.tensor([[1.5, 0.25]], dtype=torch.float64))
    assert torch.allclose(lopsided, wavy(torch.tensor([[1.5, 0.25]]).double()), atol=1e-4)


def test_box_dimensions_of_plain_sets():
    sizes = 2.0 ** -torch.arange(2.0, 7)
    assert dynamics.box_dimension(uniform(60_000, 2), sizes).value == pytest.approx(2, abs=0.02)
    line = torch.stack([uniform(20_000, seed=1), torch.zeros(20_000)], 1)
    assert dynamics.box_dimension(line, sizes).value == pytest.approx(1, abs=1e-6)


def test_box_dimension_of_the_cantor_set():
    digits = torch.randint(2, (40_000, 30), generator=rng()).double()
    points = (2 * digits * 3.0 ** -torch.arange(1, 31).double()).sum(1, keepdim=True)
    found = dynamics.box_dimension(points, 3.0 ** -torch.arange(1, 9).double())
    assert found.counts.tolist() == [2**k for k in range(1, 9)]
    assert found.value == pytest.approx(math.log(2) / math.log(3), abs=1e-6)


def test_box_counts_in_many_dimensions():
    corners = torch.tensor([[float(b) for b in f"{n:05b}"] for n in range(32)])
    assert dynamics.box_counts(corners.repeat(2, 1), [0.5, 2.0, 1e-14]).tolist() == [32, 1, 32]


def test_chaotic_uniform_is_an_orbit_of_the_tent_map():
    u = dynamics.chaotic_uniform(500, (20, 3), rng())
    assert u.shape == (500, 20, 3) and u.dtype == torch.float64
    assert torch.allclose(u[1:], dynamics.tent(u[:-1]), atol=1e-7)
    assert torch.equal(u, dynamics.chaotic_uniform(500, (20, 3), rng())) and u.std(0).min() > 0.2


@pytest.mark.parametrize("step", [0, 1, 40])
def test_chaotic_normal_is_normal_at_every_step(step):
    eps = dynamics.chaotic_normal(41, 20_000, rng(3))[step]
    assert stats.kstest(eps.numpy(), "norm").statistic * 20_000**0.5 < 2.7
    assert eps.abs().max() < 5.7


def test_chaotic_noise_never_dies():
    eps = dynamics.chaotic_normal(20_000, 50, rng(5))
    assert eps.isfinite().all() and eps[-1000:].std(0).min() > 0.8


START = torch.full((2, 2), 0.1)
BAD = [
    (lambda: dynamics.orbit(dynamics.henon, torch.zeros(2), 5), ShapeError, "one state a row"),
    (lambda: dynamics.orbit(dynamics.henon, torch.full((1, 2), math.nan), 5), ValueError, "NaN"),
    (lambda: dynamics.orbit(dynamics.henon, torch.full((1, 2), 9.0), 50), ValueError, "left for infinity"),
    (lambda: dynamics.orbit(dynamics.henon, START, 0), ValueError, "n is 0"),
    (lambda: dynamics.orbit(dynamics.henon, START, 2.5), ValueError, "whole number"),
    (lambda: dynamics.runge_kutta(dynamics.lorenz, 0.0), ValueError, "dt is 0.0"),
    (lambda: dynamics.lyapunov_spectrum(dynamics.henon, START, 10, every=3), ValueError, "multiple"),
    (lambda: dynamics.lyapunov_spectrum(dynamics.henon, START, 10, k=3), ValueError, "2 dimensions"),
    (lambda: dynamics.lyapunov_spectrum(dynamics.henon, START, 10, dt=math.nan), ValueError, "dt"),
    (lambda: dynamics.lyapunov_spectrum(dynamics.henon, START + 9, 50), ValueError, "left for infinity"),
    (lambda: dynamics.fixed_points(dynamics.henon, START, reach=0), ValueError, "reach is 0"),
    (lambda: dynamics.tabulated(dynamics.henon, (1, -1, 0, 1), 20), ValueError, "left < right"),
    (lambda: dynamics.tabulated(dynamics.henon, (0, 1, 0, 1), 3), ValueError, "side is 3"),
    (lambda: dynamics.settle(dynamics.henon, START, torch.zeros(1, 3), n=5, radius=1.0), ShapeError, "same number"),
    (lambda: dynamics.settle(dynamics.henon, START, ROOTS, n=5, radius=2.0), ValueError, "half the least distance"),
    (lambda: dynamics.box_dimension(uniform(100, 2), [0.5, 0.25, 0.01]), ValueError, "too many"),
    (lambda: dynamics.box_dimension(uniform(100, 2), [0.5, 0.25]), ValueError, "three or more"),
    (lambda: dynamics.box_counts(uniform(100, 2), [0.5, -1]), ValueError, "positive"),
    (lambda: dynamics.chaotic_normal(0, 3, rng()), ValueError, "n is 0"),
    (lambda: dynamics.chaotic_normal(3, (2, 0), rng()), ValueError, "a size is 0"),
]


@pytest.mark.parametrize(("call", "error", "told"), BAD)
def test_bad_input_is_told_what_is_wrong(call, error, told):
    with pytest.raises(error, match=told):
        call()


def test_the_error_of_a_spectrum_is_the_standard_error_over_the_starts():
    found = dynamics.lyapunov_spectrum(dynamics.logistic, uniform(16, 1), 50)
    assert found.errors.item() == pytest.approx(np.std(found.each[:, 0].numpy(), ddof=1) / 4)
    assert found.exponents.item() == pytest.approx(found.each.mean().item())
