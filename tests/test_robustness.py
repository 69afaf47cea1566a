"""Perturbations against oracles: linear models whose worst case is known, projections against brute force, and bad input."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from helpers import robustness
from helpers.models import ModelConfig, build, codes, decode, evaluate, posterior, reparameterize
from helpers.objective import kl_between


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(*shape: int, seed: int = 0) -> torch.Tensor:
    """Random images that keep clear of 0 and 1, so that a small budget never meets the border."""
    return 0.3 + 0.4 * torch.rand(shape, generator=seeded(seed))


def linear_model(rows: torch.Tensor) -> nn.Module:
    """An autoencoder of 6 × 6 images whose encoder is z = rows · x and whose decoder is any network."""
    model = build(ModelConfig("ae", "fc", (1, 6, 6), latent=len(rows), widths=(8,)), seed=1).eval()
    model.trunk, model.to_z = nn.Flatten(), nn.Linear(36, len(rows), bias=False)
    with torch.no_grad():
        model.to_z.weight.copy_(rows)
    return model


ROWS = torch.randn(5, 36, generator=seeded(3))
LINEAR = linear_model(ROWS)
VAE = build(ModelConfig("vae", "fc", (1, 8, 8), latent=3, widths=(16,)), seed=2).eval()
CONV = build(ModelConfig("vae", "conv", (2, 8, 8), latent=4, widths=(6, 8)), seed=4).eval()


def test_the_interval_is_scipys():
    values = torch.randn(3, 40, generator=seeded(5)).double()
    found = robustness.mean_interval(values)
    low, high = stats.t.interval(0.95, 39, values.mean(1), stats.sem(values, axis=1))
    assert np.allclose(found.low, low) and np.allclose(found.high, high) and torch.equal(found.mean, values.mean(1))


def test_the_spread_is_the_mean_over_all_pairs():
    points = torch.randn(30, 2, 4, generator=seeded(7)) + 100
    flat = points.flatten(1).double()
    pairs = torch.pdist(flat).square().mean()
    assert robustness.spread(points) == pytest.approx(pairs.item(), rel=1e-6)


def test_noise_on_a_linear_encoder_follows_the_frobenius_norm_exactly():
    x = grey(400, 1, 6, 6)
    found = robustness.noise_stability(LINEAR, x, [0.0, 0.1, 5.0], seeded(8), draws=10)
    assert not found.latent[0].any() and not found.recon[0].any()
    assert torch.allclose(found.latent[2], 2500 * found.latent[1], rtol=1e-3)  # the same noise at every sigma
    assert found.latent[1].mean().item() / 0.01 == pytest.approx(ROWS.square().sum().item(), rel=0.05)
    assert found.latent_spread == pytest.approx(robustness.spread(codes(LINEAR, x)))
    assert torch.allclose(found.relative_recon * found.recon_spread, found.recon)
    once = robustness.noise_stability(LINEAR, x, [0.1], seeded(8), draws=1)  # draws are averaged, not added
    assert once.recon.mean().item() == pytest.approx(found.recon[1].mean().item(), rel=0.2)


@pytest.mark.parametrize("model", [VAE, CONV])
def test_jacobians_are_finite_differences(model):
    x = grey(2, *model.config.shape)
    z, step = codes(model, x), 1e-3
    J_E, J_D = robustness.encoder_jacobian(model, x), robustness.decoder_jacobian(model, z)
    for i in (0, 17, 40):
        nudge = step * nn.functional.one_hot(torch.tensor(i), x[0].numel()).view(x[0].shape)
        slope = (codes(model, x + nudge) - codes(model, x - nudge)) / (2 * step)
        assert torch.allclose(J_E[:, :, i], slope, atol=1e-3)
    for j in range(z.shape[1]):
        nudge = step * nn.functional.one_hot(torch.tensor(j), z.shape[1])
        slope = (decode(model, z + nudge) - decode(model, z - nudge)) / (2 * step)
        assert torch.allclose(J_D[..., j], slope.flatten(1), atol=1e-3)


def test_gains_are_the_norms_of_the_whole_jacobian():
    x = grey(6, 2, 8, 8, seed=10)
    J_E = robustness.encoder_jacobian(CONV, x)
    whole = robustness.decoder_jacobian(CONV, codes(CONV, x)) @ J_E  # (6, 128, 128)
    found = robustness.gains(CONV, x)
    for gain, J in ((found.latent, J_E), (found.recon, whole)):
        assert torch.allclose(gain.total, J.square().sum((1, 2)), rtol=1e-4)
        assert torch.allclose(gain.worst, torch.linalg.matrix_norm(J, 2).square(), rtol=1e-4)


@pytest.mark.parametrize("norm", robustness.NORMS)
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 10.0])
def test_a_projection_is_allowed_and_leaves_allowed_images_alone(epsilon, norm):
    x = torch.rand(40, 1, 2, 3, generator=seeded(11)).double()
    x[:10] = x[:10].round()  # pixels on the border, as images of garments have them
    proposal = x + 2 * torch.randn(x.shape, generator=seeded(12)).double()
    proposal[0] = x[0]
    found = robustness.projected(proposal, x, epsilon, norm)
    assert found.min() >= 0 and found.max() <= 1 and robustness.lengths(found - x, norm).max() <= epsilon + 1e-9
    assert torch.allclose(robustness.projected(found, x, epsilon, norm), found) and torch.equal(found[0], x[0])


def test_a_step_is_shrunk_first_and_clipped_then():
    x, proposal = torch.zeros(1, 1, 1, 2), torch.tensor([[[[-3.0, 4.0]]]])
    assert torch.allclose(robustness.projected(proposal, x, 0.5, "l2"), torch.tensor([[[[0.0, 0.4]]]]))
    assert torch.allclose(robustness.projected(proposal, x, 0.5, "linf"), torch.tensor([[[[0.0, 0.5]]]]))


def test_the_best_l2_attack_on_a_linear_encoder_is_its_top_singular_vector():
    x, epsilon = grey(8, 1, 6, 6), 0.25
    found = robustness.maximum_damage(LINEAR, x, epsilon, seeded(16), steps=100, restarts=1)
    top, vector = torch.linalg.svdvals(ROWS)[0], torch.linalg.svd(ROWS).Vh[0]
    assert torch.allclose(found.distance, (epsilon * top).square().expand(8), rtol=1e-3)
    assert (found.distance <= (epsilon * top).square() * (1 + 1e-5)).all()  # no attack can beat it
    directions = (found.images - x).flatten(1) / epsilon
    assert (directions @ vector).abs().min() > 0.999
    assert torch.allclose(robustness.gains(LINEAR, x).latent.worst, (top**2).expand(8), rtol=1e-4)


def test_the_best_linf_attack_on_one_linear_output_is_the_sign_of_its_row():
    model, x, epsilon = linear_model(ROWS[:1]), grey(8, 1, 6, 6), 0.1
    found = robustness.maximum_damage(model, x, epsilon, seeded(17), norm="linf", steps=20, restarts=1)
    assert torch.allclose(found.distance, (epsilon * ROWS[0].abs().sum()).square().expand(8), rtol=1e-4)
    eta = (found.images - x).flatten(1)
    assert torch.allclose(eta.abs(), torch.full_like(eta, epsilon), atol=1e-6)
    assert ((eta * ROWS[0]).sign().sum(1).abs() == 36).all()


def test_a_targeted_attack_on_a_linear_encoder_finds_the_nearest_code_in_reach():
    x, targets, epsilon = grey(6, 1, 6, 6), grey(6, 1, 6, 6, seed=20), 0.2
    found = robustness.targeted_attack(LINEAR, x, targets, epsilon, seeded(19), steps=200, restarts=1)
    gap = (codes(LINEAR, targets) - codes(LINEAR, x)).double()
    U, s, _ = torch.linalg.svd(ROWS.double(), full_matrices=False)
    for i in range(6):  # least squares in a ball: η = Σ s g / (s² + λ) v, with λ from ‖η‖ = ε by bisection
        g, low, high = U.T @ gap[i], 0.0, 1e6
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (s * g / (s**2 + middle)).norm() > epsilon else (low, middle)
        best = (g - s * (s * g / (s**2 + low))).square().sum()
        assert found.distance[i].item() == pytest.approx(best.item(), rel=1e-2, abs=1e-4)
    assert torch.allclose(found.before.double(), gap.square().sum(1), rtol=1e-4) and (found.distance < found.before).all()


@pytest.mark.parametrize("on", robustness.SPACES)
@pytest.mark.parametrize("norm", robustness.NORMS)
def test_attacks_stay_in_bounds_and_report_what_they_did(norm, on):
    x = torch.rand(7, 1, 8, 8, generator=seeded(21)).round()  # black and white: half of all directions are closed
    epsilon = {"l2": 1.0, "linf": 0.2}[norm]
    found = robustness.maximum_damage(VAE, x, epsilon, seeded(22), norm=norm, on=on, steps=8)
    assert found.images.min() >= 0 and found.images.max() <= 1
    assert torch.allclose(found.size, robustness.lengths(found.images - x, norm)) and found.size.max() <= epsilon + 1e-6
    again = robustness.space_distance(VAE, found.images, x, on).detach()
    assert torch.allclose(found.distance, again, rtol=1e-4, atol=1e-6) and not found.before.any()
    random = robustness.projected(x + epsilon * torch.randn(x.shape, generator=seeded(23)).sign(), x, epsilon, norm)
    assert (found.distance > robustness.space_distance(VAE, random, x, on)).all()
    assert all(parameter.grad is None for parameter in VAE.parameters())


def test_attacks_are_seeded_and_a_budget_of_zero_changes_nothing():
    x = grey(4, 1, 8, 8)
    first, second = (robustness.maximum_damage(VAE, x, 0.3, seeded(24), steps=5) for _ in range(2))
    assert torch.equal(first.images, second.images)
    nothing = robustness.maximum_damage(VAE, x, 0.0, seeded(24), steps=3)
    assert torch.equal(nothing.images, x) and not nothing.distance.any()
    kept = robustness.targeted_attack(VAE, x, x, 0.3, seeded(25), steps=3)
    assert not kept.distance.any()  # it was there already, and the untouched image counts as a candidate


def test_separation_is_symmetric_and_the_kl_of_the_module():
    a, b = grey(6, 1, 8, 8), grey(6, 1, 8, 8, seed=26)
    found = robustness.separation(VAE, a, b)
    here, there = posterior(VAE, a), posterior(VAE, b)
    assert torch.allclose(found.double(), 0.5 * (kl_between(*here, *there) + kl_between(*there, *here)), rtol=1e-5)
    assert torch.allclose(found, robustness.separation(VAE, b, a)) and not robustness.separation(VAE, a, a).any()


def test_the_robust_radius_is_the_median_of_a_known_distance():
    model = build(ModelConfig("vae", "fc", (1, 4, 4), latent=1, widths=(4,)), seed=5).eval()
    model.decoder = nn.Sequential(nn.Linear(1, 16, bias=False), nn.Unflatten(1, (1, 4, 4)))
    with torch.no_grad():  # decode = sigmoid(z e_1): distances are |sigmoid(z) - sigmoid(z')|
        model.decoder[0].weight.zero_()[0] = 1
        model.to_mu.weight.zero_(), model.to_mu.bias.zero_(), model.to_logvar.weight.zero_(), model.to_logvar.bias.zero_()
    x = grey(20, 1, 4, 4)
    found = robustness.robust_radius(model, x, x, seeded(27), draws=400)
    z = torch.randn(2, 400_000, generator=seeded(28))
    assert found.mean().item() == pytest.approx((z[0].sigmoid() - z[1].sigmoid()).abs().median().item(), rel=0.03)


@pytest.mark.parametrize("model", [VAE, CONV])
def test_the_loss_of_images_averages_to_evaluate(model):
    x = grey(60, *model.config.shape)
    found = robustness.image_loss(model, x, seeded(29), draws=50)
    whole = evaluate(model, x)
    assert found.loss.shape == (60,) and torch.allclose(found.loss, found.recon + found.kl, rtol=1e-5)
    assert found.kl.mean().item() == pytest.approx(whole["kl"], rel=1e-4)
    assert found.recon.mean().item() == pytest.approx(whole["recon"], rel=2e-2)
    sampled = model.decoder(reparameterize(*model.encode(x), seeded(30)))
    assert torch.allclose(robustness.noisy_output(model, x, seeded(30)).x_logits, sampled, atol=1e-6)
    plain = robustness.image_loss(LINEAR, grey(5, 1, 6, 6), seeded(30))
    assert not plain.kl.any() and plain.loss.mean().item() == pytest.approx(evaluate(LINEAR, grey(5, 1, 6, 6))["loss"], rel=1e-5)


def test_copies_are_told_from_fresh_draws():
    old, new, fresh = (torch.rand(300, 1, 3, 3, generator=seeded(31 + i)) for i in range(3))
    copies = (old + 0.01 * torch.randn(old.shape, generator=seeded(34))).clamp(0, 1)
    assert robustness.copied_share(copies, old, new) > 0.95
    assert abs(robustness.copied_share(fresh, old, new) - 0.5) < 5 * 0.5 / math.sqrt(300)
    assert robustness.copied_share(fresh, old, old.clone()) == 0.5


@pytest.mark.parametrize("kind", sorted(robustness.CORRUPTIONS))
def test_corruptions_change_images_seededly_and_nothing_at_amount_zero(kind):
    x = torch.rand(5, 3, 12, 12, generator=seeded(35))
    amount = {"shift": 2, "rotation": 20, "occlusion": 4, "blur": 1.0}.get(kind, 0.3)
    first, second = (robustness.corrupted(x, kind, amount, seeded(36)) for _ in range(2))
    assert torch.equal(first, second) and first.shape == x.shape and first.min() >= 0 and first.max() <= 1
    assert ((first - x).abs().flatten(1).amax(1) > 0.05).all()
    assert torch.allclose(robustness.corrupted(x, kind, 0, seeded(36)), x, atol=1e-6)


def test_corruptions_do_what_their_unit_says():
    x = torch.full((200, 1, 20, 20), 0.5)
    assert robustness.corrupted(x, "noise", 0.1, seeded(37)).std().item() == pytest.approx(0.1, rel=0.02)
    black = robustness.corrupted(0 * x, "noise", 0.1, seeded(37))  # clipping leaves it a mean
    assert black.mean().item() == pytest.approx(0.1 / math.sqrt(2 * math.pi), rel=0.02)
    for value in (0, 1):  # one half salt, one half pepper, in all channels at once
        hit = robustness.corrupted(x.expand(-1, 3, -1, -1), "salt and pepper", 0.2, seeded(38)) == value
        assert hit.float().mean().item() == pytest.approx(0.1, rel=0.05) and torch.equal(hit.any(1), hit.all(1))
    ramp = torch.linspace(0, 1, 20).expand(1, 1, 20, 20)
    assert torch.equal(robustness.corrupted(ramp, "shift", 3, seeded(39))[..., 3:], ramp[..., :-3])
    assert robustness.corrupted(ramp, "contrast", 0.5, seeded(39)).std().item() == pytest.approx(0.5 * ramp.std().item(), rel=1e-4)
    hidden = robustness.corrupted(torch.ones(9, 1, 20, 20), "occlusion", 6, seeded(40)) == 0.5
    assert (hidden.flatten(1).sum(1) == 36).all()
    assert len(hidden.any(3).unique(dim=0)) > 3 and len(hidden.any(2).unique(dim=0)) > 3  # at places of their own


def test_corruptions_do_what_their_unit_says_to_every_image_by_itself():
    ramp = torch.linspace(0, 0.5, 21).expand(1, 1, 21, 21)
    assert torch.allclose(robustness.corrupted(ramp, "brightness", 0.3, seeded()), ramp + 0.3)
    two = torch.cat([ramp, ramp + 0.5])
    flat = robustness.corrupted(two, "contrast", 1, seeded())  # each becomes its own mean grey
    assert torch.allclose(flat, torch.tensor([0.25, 0.75]).view(2, 1, 1, 1).expand_as(two))
    assert torch.allclose(robustness.corrupted(ramp, "rotation", 90, seeded()), torch.rot90(ramp, 1, (2, 3)), atol=1e-4)
    dot = torch.zeros(1, 1, 21, 21)
    dot[0, 0, 10, 10] = 1
    blurred, places = robustness.corrupted(dot, "blur", 1.5, seeded())[0, 0], torch.arange(21) - 10.0
    assert (blurred.sum(0) * places.square()).sum().item() == pytest.approx(1.5**2, rel=0.03)  # the variance of the blur
    assert (robustness.corrupted(two, "blur", 40, seeded()) - two.mean((1, 2, 3), keepdim=True)).abs().max() < 0.1
    assert (robustness.corrupted(two, "occlusion", 30, seeded()) == 0.5).all()  # both wider than the image


GOOD, GREY = grey(3, 1, 8, 8), grey(2, 1, 6, 6)
NAN = GOOD.clone()
NAN[0, 0, 0, 0] = torch.nan
CALLS = {
    "noise": lambda x: robustness.noise_stability(VAE, x, [0.1], seeded()),
    "gains": lambda x: robustness.gains(VAE, x),
    "damage": lambda x: robustness.maximum_damage(VAE, x, 0.1, seeded(), steps=1),
    "target": lambda x: robustness.targeted_attack(VAE, GOOD, x, 0.1, seeded(), steps=1),
    "separation": lambda x: robustness.separation(VAE, x, x),
    "radius": lambda x: robustness.robust_radius(VAE, x, x, seeded(), draws=1),
    "loss": lambda x: robustness.image_loss(VAE, x, seeded()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("images", "told"),
    [(NAN, "NaN"), (GOOD + 1, r"\[0, 1\]"), (255 * GOOD, "x / 255"), (GOOD - 1, r"\[0, 1\]"),
     (GOOD[0], r"must be \(N, 1, 8, 8\)"), (GOOD[:0], "1 or more"), (grey(3, 1, 9, 9), r"must be \(N, 1, 8, 8\)")],
)  # fmt: skip
def test_images_that_cannot_be_are_refused(call, images, told):
    with pytest.raises(ValueError, match=told):
        call(images)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: robustness.maximum_damage(VAE, GOOD, 0.1, seeded(), norm="l1"), "one of l2, linf"),
        (lambda: robustness.maximum_damage(VAE, GOOD, 0.1, seeded(), on="pixels"), "one of latent, recon, posterior"),
        (lambda: robustness.maximum_damage(VAE, GOOD, 0.1, seeded(), steps=0), "steps is 0"),
        (lambda: robustness.maximum_damage(VAE, GOOD, 0.1, seeded(), restarts=0), "restarts is 0"),
        (lambda: robustness.maximum_damage(LINEAR, GREY, 0.1, seeded(), on="posterior"), "has no posterior"),
        (lambda: robustness.separation(LINEAR, GREY, GREY), "has no posterior"),
        (lambda: robustness.noise_stability(VAE, GOOD, [], seeded()), "sigmas"),
        (lambda: robustness.noise_stability(VAE, GOOD, [-0.1], seeded()), "sigmas"),
        (lambda: robustness.noise_stability(VAE, GOOD, [math.nan], seeded()), "sigmas"),
        (lambda: robustness.noise_stability(VAE, GOOD, [0.1], seeded(), draws=0), "draws"),
        (lambda: robustness.mean_interval(torch.ones(1)), "2 or more"),
        (lambda: robustness.noise_stability(VAE, GOOD, [0.1, math.inf], seeded()), "sigmas"),
        (lambda: robustness.maximum_damage(VAE, GOOD, -0.1, seeded()), "epsilon is -0.1"),
        (lambda: robustness.maximum_damage(VAE, GOOD, math.nan, seeded()), "epsilon is nan"),
        (lambda: robustness.maximum_damage(VAE, GOOD, "0.1", seeded()), "epsilon is '0.1'"),
        (lambda: robustness.maximum_damage(VAE, GOOD, True, seeded()), "epsilon is True"),
        (lambda: robustness.maximum_damage(linear_model(ROWS * torch.nan), GREY, 0.1, seeded(), steps=1), "score is NaN"),
        (lambda: robustness.targeted_attack(VAE, GOOD, GOOD[:2], 0.1, seeded()), "same shape"),
        (lambda: robustness.spread(torch.ones(1, 4)), "two or more rows"),
        (lambda: robustness.copied_share(GOOD, GOOD, GOOD[:2]), "same shape"),
        (lambda: robustness.copied_share(grey(3, 1, 9, 9), GOOD, GOOD), "same shape"),
        (lambda: robustness.decoder_jacobian(VAE, torch.zeros(3)), r"latent points must be \(N, 3\)"),
        (lambda: robustness.decoder_jacobian(VAE, torch.zeros(2, 5)), r"latent points must be \(N, 3\)"),
        (lambda: robustness.corrupted(GOOD, "rain", 1, seeded()), "one of noise"),
        (lambda: robustness.corrupted(GOOD, "blur", -1, seeded()), "amount is -1"),
        (lambda: robustness.corrupted(GOOD, "contrast", 2, seeded()), "it is a share"),
        (lambda: robustness.image_loss(VAE, GOOD, seeded(), draws=1.5), "draws is 1.5"),
        (lambda: robustness.robust_radius(VAE, GOOD, GOOD, seeded(), draws=True), "draws is True"),
        (lambda: robustness.copied_share(NAN, GOOD, GOOD), "the samples hold 1 NaN"),
        (lambda: robustness.copied_share(GOOD, GOOD, NAN), "held-out images hold 1 NaN"),
    ],
)
def test_requests_that_make_no_sense_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
