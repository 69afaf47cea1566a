"""Disentanglement scores against scikit-learn, brute force from the definitions, and codes whose scores are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import mutual_info_score

from helpers import disentanglement as dis

SMALL = (4, 5, 6)  # values of three factors: few enough for every estimator to be quick


def factors_of(n: int = 3000, sizes=SMALL, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(size, (n,), generator=generator) for size in sizes], 1).float()


def noise(n: int, columns: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed))


def rotated(codes: torch.Tensor, angle: float) -> torch.Tensor:
    """Standardised codes with the first two rotated by an angle."""
    codes = (codes - codes.mean(0)) / codes.std(0)
    a, b = codes[:, 0].clone(), codes[:, 1].clone()
    codes[:, 0], codes[:, 1] = math.cos(angle) * a - math.sin(angle) * b, math.sin(angle) * a + math.cos(angle) * b
    return codes


def test_mutual_information_is_scikit_learns():
    a, b = factors_of(500), torch.cat([factors_of(500, (7, 3), 5), factors_of(500)[:, :1]], 1)
    found = dis.mutual_information(a, b)
    wanted = [[mutual_info_score(i, j) for j in b.T.numpy()] for i in a.T.numpy()]
    assert np.allclose(found, wanted, atol=1e-12)
    assert math.isclose(found[0, 2].item(), scipy_entropy(np.bincount(a[:, 0].long())), rel_tol=1e-9)


def test_bins_are_numpys_histogram():
    values = torch.cat([noise(1000, 3), torch.zeros(1000, 1)], 1)
    bins = dis.binned(values, 20)
    for column in range(3):
        assert np.array_equal(np.bincount(bins[:, column], minlength=20), np.histogram(values[:, column], 20)[0])
    assert bins.min() == 0 and bins.max() == 19 and len(bins[:, 3].unique()) == 1
    assert dis.binned(values, 2)[:, 0].unique().tolist() == [0, 1]
    assert dis.binned(torch.tensor([[1.0], [1.0 + 2**-52]], dtype=torch.float64), 20).shape == (2, 1)  # narrower than numpy bins


def brute_mig(codes: np.ndarray, factors: np.ndarray, bins: int = 20) -> float:
    """The reference implementation's way: digitize by histogram edges, scikit-learn's mutual information, sort."""
    digits = np.stack([np.digitize(c, np.histogram(c, bins)[1][:-1]) for c in codes.T])
    table = np.array([[mutual_info_score(v, d) for v in factors.T] for d in digits])
    entropies = np.array([mutual_info_score(v, v) for v in factors.T])
    ordered = np.sort(table, axis=0)[::-1]
    return float(np.mean((ordered[0] - ordered[1]) / entropies))


@pytest.mark.parametrize("seed", range(4))
def test_mig_is_the_brute_force_one(seed):
    factors = factors_of(2000, seed=seed)
    codes = factors @ noise(3, 5, seed) + 0.3 * noise(2000, 5, seed + 10)
    assert math.isclose(dis.mig(codes, factors).score, brute_mig(codes.numpy(), factors.numpy()), abs_tol=1e-10)


def brute_focus(table: np.ndarray) -> tuple[float, list[float]]:
    rows = [1 - scipy_entropy(row, base=len(row)) if row.sum() else 0.0 for row in table]
    return float(np.average(rows, weights=table.sum(1))), rows


def test_disentanglement_and_completeness_follow_from_the_importances():
    table = torch.rand(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    table[2] = 0
    for given in (table, table.T):
        found, rows = dis.focus(given.contiguous())
        wanted, wanted_rows = brute_focus(given.numpy())
        assert math.isclose(found, wanted, abs_tol=1e-10) and np.allclose(rows, wanted_rows, atol=1e-10)
    assert dis.focus(torch.eye(3).double())[0] == 1 and abs(dis.focus(torch.ones(3, 3).double())[0]) < 1e-12
    assert dis.focus(torch.zeros(3, 3).double())[0] == 0


def brute_vote(codes: np.ndarray, factors: np.ndarray, votes: int, seed: int, batch: int = 64) -> float:
    """The FactorVAE score vote by vote, in a loop, with another random generator."""
    random = np.random.RandomState(seed)
    spread = codes.var(0, ddof=1)
    active = np.flatnonzero(np.sqrt(spread) >= 0.05)
    table = np.zeros((2, codes.shape[1], factors.shape[1]), int)
    for half in (0, 1):
        for _ in range(votes):
            k = random.randint(factors.shape[1])
            pool = np.flatnonzero(factors[:, k] == factors[random.randint(len(factors)), k])
            chosen = codes[random.choice(pool, batch)][:, active]
            table[half, active[np.argmin(chosen.var(0, ddof=1) / spread[active])], k] += 1
    winner = table[0].argmax(1)
    return table[1][np.arange(len(winner)), winner].sum() / table[1].sum()


@pytest.mark.parametrize("mixing", [0.0, 0.5, 1.0])
def test_the_factorvae_score_is_the_brute_force_one(mixing):
    factors = factors_of(1500)
    codes = torch.cat([factors + mixing * factors.roll(1, 1) + 0.5 * noise(1500, 3), 0.01 * noise(1500, 1)], 1)
    wanted = brute_vote(codes.numpy(), factors.numpy(), 2000, 3)
    found = dis.factorvae_score(codes, factors)
    assert abs(found.score - wanted) < 5 * (0.25 / 2000) ** 0.5
    assert found.active.tolist() == [True, True, True, False] and found.votes.sum() == 10_000 and found.votes[3].sum() == 0


def test_sap_by_the_line_is_the_squared_correlation():
    factors, codes = factors_of(800), noise(800, 4)
    codes = codes + 0.4 * torch.cat([factors, factors[:, :1]], 1)
    found = dis.sap(codes, factors, by="line")
    wanted = np.corrcoef(codes.T, factors.T)[:4, 4:] ** 2
    assert np.allclose(found.predictability, wanted, atol=1e-6)
    ordered = np.sort(wanted, axis=0)
    assert math.isclose(found.score, (ordered[-1] - ordered[-2]).mean(), abs_tol=1e-6)


def test_sap_by_the_machine_tells_two_values_apart_and_names_a_majority_at_least():
    factors = torch.cat([factors_of(2000, (2, 2)), (torch.arange(2000) % 10 == 0).float()[:, None]], 1)
    found = dis.sap(torch.cat([factors, torch.zeros(2000, 1)], 1), factors)
    assert found.predictability.diagonal().min() == 1
    assert (found.predictability[3, :2] - 0.5).abs().max() < 0.06
    assert 0.4 < found.per_factor[0] < 0.6


def test_a_perfect_code_gets_a_perfect_score():
    factors = factors_of()
    found = dis.scores(torch.cat([factors, noise(3000, 2)], 1), factors)
    for name in ("MIG", "disentanglement", "completeness", "informativeness", "FactorVAE"):
        assert found[name] > 0.97, name
    assert dis.sap(factors, factors, by="line").score > 0.99
    assert found["SAP"] < 0.85  # the second best still guesses one of four, five or six


def test_noise_gets_nothing():
    factors = factors_of(6000)
    codes = noise(6000, 5)
    assert dis.mig(codes, factors).score < 0.01 and dis.sap(codes, factors).score < 0.03
    three = dis.dci(codes, factors)
    assert three.disentanglement < 0.05 and three.completeness < 0.05
    assert abs(three.informativeness - (1 / 4 + 1 / 5 + 1 / 6) / 3) < 0.04
    assert abs(dis.factorvae_score(codes, factors).score - 1 / 3) < 0.05  # chance


@pytest.mark.parametrize("score", ["MIG", "disentanglement", "completeness", "FactorVAE"])
def test_a_turn_of_an_eighth_costs_every_score(score):
    factors = factors_of(4000, (6, 6))
    straight, tilted = (dis.scores(rotated(factors, angle), factors)[score] for angle in (0.0, math.pi / 4))
    assert straight > 0.97 and tilted < 0.75
    quarter = dis.scores(rotated(factors, math.pi / 2), factors)[score]
    assert abs(quarter - straight) < 0.02


def test_a_constant_latent_counts_for_nothing_and_constant_codes_score_nothing():
    factors = factors_of(1200)
    with_silent = torch.cat([factors, torch.full((1200, 1), 7.0)], 1)
    found = dis.scores(with_silent, factors)
    assert all(found[name] > 0.97 for name in ("MIG", "disentanglement", "completeness", "informativeness", "FactorVAE"))
    assert dis.dci(with_silent, factors).importance[3].sum() == 0
    dead = torch.ones(1200, 3)
    silent = dis.scores(dead, factors)
    assert all(abs(silent[name]) < 1e-9 for name in ("MIG", "disentanglement", "completeness", "SAP", "FactorVAE"))
    assert silent["informativeness"] < 0.35 and dis.sap(dead, factors, by="line").score == 0
    assert dis.factorvae_score(dead, factors).active.sum() == 0


def test_results_are_the_same_for_the_same_seed_and_for_arrays():
    factors = factors_of(900)
    codes = factors @ noise(3, 4) + noise(900, 4)
    found = dis.scores(codes, factors, seed=3)
    assert found == dis.scores(codes.numpy(), factors.numpy(), seed=3, three=dis.dci(codes, factors, seed=3))
    votes = [dis.factorvae_score(codes, factors, seed=seed).votes for seed in (3, 3, 4)]
    assert torch.equal(votes[0], votes[1]) and not torch.equal(votes[0], votes[2])
    coarse = codes.bfloat16()  # what a model gives under autocast
    assert dis.mig(coarse, factors).score == dis.mig(coarse.float(), factors).score


@pytest.mark.parametrize("trees", ["forest", "boosted"])
def test_a_value_that_only_the_held_out_images_have_is_survived(trees):
    rare = torch.zeros(60, 1)
    rare[dis.split_rows(60, 0)[1][0]] = 1
    found = dis.dci(noise(60, 2), torch.cat([rare, factors_of(60, (2,))], 1), trees=trees)
    assert found.importance[:, 0].sum() == 0 and found.accuracy[0] == 19 / 20


EVERY = pytest.mark.parametrize("score", [dis.mig, dis.dci, dis.sap, dis.factorvae_score, dis.scores])


@EVERY
@pytest.mark.parametrize(
    ("codes", "factors", "words"),
    [
        (torch.full((100, 3), math.nan), factors_of(100), "codes holds NaN or infinity, first in column 0"),
        (torch.tensor([[0.0, math.inf, 0.0]] * 100), factors_of(100), "column 1"),
        (noise(100, 3), factors_of(100) / 0, "factors holds NaN or infinity"),
        (noise(99, 3), factors_of(100), "99 codes but 100 rows"),
        (noise(100, 3)[:, 0], factors_of(100), r"\(N, columns\)"),
        (noise(100, 3), factors_of(100)[:, 0], r"\(N, columns\)"),
        (torch.zeros(0, 3), torch.zeros(0, 3), r"\(N, columns\)"),
        (noise(100, 1), factors_of(100), "two latents or more"),
        (noise(100, 3), torch.cat([factors_of(100), torch.ones(100, 1)], 1), "factor 3 has one value"),
        (noise(100, 3), noise(100, 3), "seems continuous"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_reason(score, codes, factors, words):
    with pytest.raises(ValueError, match=words):
        score(codes, factors)


def test_settings_that_make_no_sense_are_refused():
    codes, factors = noise(100, 3), factors_of(100)
    for call in (
        lambda: dis.binned(codes, 1),
        lambda: dis.dci(codes, factors, trees="oak"),
        lambda: dis.sap(codes, factors, by="eye"),
        lambda: dis.dci(codes, factors[:, :1]),
        lambda: dis.mutual_information(codes, factors[:50]),
    ):
        with pytest.raises(ValueError):
            call()
