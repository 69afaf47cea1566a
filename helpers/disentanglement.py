"""How well a code keeps known factors apart: codes (N, Z) and factors (N, K) of the same images go in, scores in [0, 1] come out.

Four scores in the estimator settings of Locatello and others (2019): `mig`, `dci`, `sap`, `factorvae_score`; `scores` gives all.
A factor is a column of numbers in which equal numbers are one value; `binned` makes such a column from a continuous one. Codes are
the posterior means of a VAE, or any other numbers. Tensors may be on any device, and NumPy arrays will do; results are on the CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import entropy
from sklearn.base import ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC
from torch import Tensor

Table = Tensor | np.ndarray


def as_table(values: Table, name: str) -> np.ndarray:
    """Return a table (N, columns) as float64. Raises ValueError when it is no table, or holds NaN or infinity."""
    array = np.asarray(values.detach().cpu().double() if isinstance(values, Tensor) else values)  # NumPy has no bfloat16
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} should be a table with one row an image, (N, columns); yours has shape {array.shape}.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        column = int(np.flatnonzero(~np.isfinite(array).all(0))[0])
        raise ValueError(f"{name} holds NaN or infinity, first in column {column}; look at it before you score it.")
    return array


def value_numbers(table: np.ndarray) -> np.ndarray:
    """Return the number of each entry's value within its column, (N, K) int64, counted from 0."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in table.T], axis=1)


def codes_and_values(codes: Table, factors: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (N, Z) float64 and the number of each factor's value (N, K) int64, counted from 0. Raises ValueError."""
    mu, numbers = as_table(codes, "codes"), value_numbers(as_table(factors, "factors"))
    if len(mu) != len(numbers):
        raise ValueError(f"there are {len(mu)} codes but {len(numbers)} rows of factors; both need one row for each image.")
    if mu.shape[1] < 2:
        raise ValueError("a gap needs two latents or more: with one there is no second best to compare it with.")
    for k, count in enumerate(numbers.max(0) + 1):
        if count == 1:
            raise ValueError(f"factor {k} has one value only, so nothing can depend on it; leave its column out.")
        if 4 * count > len(numbers):
            raise ValueError(
                f"factor {k} has {count} values in {len(numbers)} images: it seems continuous. Give its bins instead, "
                "binned(factors, 10), or score more images."
            )
    return mu, numbers


def binned(values: Table, bins: int = 20) -> Tensor:
    """Return the number (N, columns) int64, 0 to bins − 1, of the bin that each value lies in.

    Each column is cut into bins of equal width between its least and its largest value, as np.histogram cuts it; a constant
    column falls into one bin, the last. (With few values a bin, or outliers, scores change: see notebook 11.) Raises ValueError.
    """
    array = as_table(values, "values")
    if bins < 2:
        raise ValueError(f"bins is {bins}; it takes two or more to tell anything apart.")
    cuts = np.linspace(array.min(0), array.max(0), bins + 1)[1:-1].T  # (columns, bins − 1)
    return torch.from_numpy(np.stack([np.digitize(column, at) for column, at in zip(array.T, cuts, strict=True)], axis=1))


class MIG(NamedTuple):
    """score: the mean of per_factor (K,); information (Z, K), in nats, of binned latents and factors; entropy (K,) of factors."""

    score: float
    per_factor: Tensor
    information: Tensor
    entropy: Tensor


def mutual_information(a: Table, b: Table) -> Tensor:
    """Return the mutual information in nats of each column of a (N, Z) with each of b (N, K), (Z, K) float64, by scikit-learn.

    I(a; b) = H(a) + H(b) − H(a, b), of the shares in which values occur: no correction for small N, which biases it upwards
    by about (V_a − 1)(V_b − 1) / 2N for V_a and V_b values (Miller 1955). Raises ValueError. Built in notebook 11.
    """
    left, right = value_numbers(as_table(a, "a")), value_numbers(as_table(b, "b"))
    return torch.tensor([[mutual_info_score(i, j) for j in right.T] for i in left.T], dtype=torch.float64)


def gap(table: Tensor) -> Tensor:
    """Return the best minus the second best entry of each column of a table (Z, K), (K,)."""
    best, second = table.topk(2, dim=0).values
    return best - second


def mig(codes: Table, factors: Table) -> MIG:
    """Return the mutual information gap: how much better the best latent knows a factor than the second best does.

    MIG = mean over k of (I(z_(1); v_k) − I(z_(2); v_k)) / H(v_k)          (Chen, Li, Grosse & Duvenaud 2018, equation 6)

    codes: (N, Z), cut into 20 bins of equal width (Locatello and others 2019, on 10,000 posterior means; the paper itself
    integrates over q(z|x)); factors: (N, K), two values or more each. A constant latent has no information, and if all are
    constant the score is 0. Raises ValueError. Built in notebook 11.
    """
    mu, numbers = codes_and_values(codes, factors)
    information = mutual_information(binned(mu), numbers)
    entropies = torch.tensor([entropy(np.bincount(column)) for column in numbers.T], dtype=torch.float64)
    per_factor = gap(information) / entropies
    return MIG(per_factor.mean().item(), per_factor, information, entropies)


class DCI(NamedTuple):
    """Three scores, and what they are made of: importance (Z, K), per_latent (Z,), per_factor (K,), accuracy (K,)."""

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Tensor
    per_latent: Tensor
    per_factor: Tensor
    accuracy: Tensor


def focus(importance: Tensor) -> tuple[float, Tensor]:
    """Return how far each row of a table (R, C) of weights ≥ 0 is from being spread evenly: the weighted mean, and (R,).

    1 − H(row / its sum) / log C: 1 for one entry, 0 for equal entries, and 0 for an empty row. The mean over rows has their sums
    as weights; it is 0 for an empty table. (Eastwood & Williams 2018, section 2.) Raises ValueError for one column.
    """
    if importance.shape[1] < 2:
        raise ValueError("one latent, or one factor, cannot be spread: DCI needs two or more of each.")
    total = importance.sum(1)
    shares = importance / total.clamp(min=1e-300)[:, None]
    rows = 1 + torch.special.xlogy(shares, shares).sum(1) / np.log(importance.shape[1])
    rows = torch.where(total > 0, rows, 0.0)
    return ((rows * total).sum() / total.sum()).item() if total.sum() > 0 else 0.0, rows


def importances(codes: Table, factors: Table, *, trees: str = "forest", seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the importance (Z, K) of each latent for predicting each factor, and the accuracy (K,) on held-out images.

    trees: "boosted", scikit-learn's GradientBoostingClassifier as it comes (Locatello and others 2019), minutes for a factor of
    40 values; or "forest" (the nonlinear choice of Eastwood & Williams 2018), 20 trees grown by entropy with half a per cent of the
    images, or more, in each leaf, in seconds. Two thirds of the images are trained on, as 10,000 of 15,000 there. Importances of
    a factor sum to 1, or are all 0 where no split helped. Raises ValueError.
    """
    mu, numbers = codes_and_values(codes, factors)
    train, test = split_rows(len(mu), seed)
    leaf = max(2, len(train) // 200)
    forest = RandomForestClassifier(20, criterion="entropy", max_features=None, min_samples_leaf=leaf, random_state=seed)
    kinds = {"forest": forest, "boosted": GradientBoostingClassifier(random_state=seed)}
    if trees not in kinds:
        raise ValueError(f'trees is {trees!r}; it must be "boosted" or "forest".')
    table, accuracy = np.zeros((mu.shape[1], numbers.shape[1])), np.zeros(numbers.shape[1])
    for k, values in enumerate(numbers.T):
        model = fitted(clone(kinds[trees]), mu[train], values[train])
        table[:, k] = np.abs(getattr(model, "feature_importances_", 0.0))
        accuracy[k] = model.score(mu[test], values[test])
    return torch.from_numpy(table), torch.from_numpy(accuracy)


def split_rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of two thirds of `count` images, to train on, and of the others, in a random order."""
    order = np.random.default_rng(seed).permutation(count)
    return order[: 2 * count // 3], order[2 * count // 3 :]


def fitted(model: ClassifierMixin, codes: np.ndarray, values: np.ndarray) -> ClassifierMixin:
    """Return a classifier fitted to codes (N, Z) and values (N,); where there is one value only, one that always says it."""
    return (model if len(np.unique(values)) > 1 else DummyClassifier()).fit(codes, values)


def dci(codes: Table, factors: Table, *, trees: str = "forest", seed: int = 0) -> DCI:
    """Return disentanglement, completeness and informativeness of a code (Eastwood & Williams 2018).

    With P the importance (Z, K) of latents for factors (`importances`, which says what `trees` means):
    disentanglement: 1 − H(row) / log K, the mean over latents with their sums as weights: does a latent serve one factor?
    completeness: 1 − H(column) / log Z, the mean over factors with their sums as weights: is a factor served by one latent?
    informativeness: accuracy of the predictions on held-out images, the mean over factors: can it be read at all? (The paper
    gives the error.)

    codes (N, Z), factors (N, K), Z and K at least 2. A constant latent has importance 0 and no weight. Raises ValueError.
    Built in notebook 11.
    """
    importance, accuracy = importances(codes, factors, trees=trees, seed=seed)
    (disentanglement, per_latent), (completeness, per_factor) = focus(importance), focus(importance.T)
    return DCI(disentanglement, completeness, accuracy.mean().item(), importance, per_latent, per_factor, accuracy)


class SAP(NamedTuple):
    """score: the mean of per_factor (K,); predictability (Z, K), of each factor from each latent alone."""

    score: float
    per_factor: Tensor
    predictability: Tensor


def sap(codes: Table, factors: Table, *, by: str = "svm", seed: int = 0) -> SAP:
    """Return the separated attribute predictability: how much better the best single latent predicts a factor than the second.

    SAP = mean over k of (S_(1)k − S_(2)k)          (Kumar, Sattigeri & Balakrishnan 2018, section 3)

    by: "svm", S is the held-out accuracy of a linear support vector machine on one latent, C = 0.01, classes weighted to balance
    (Locatello and others 2019), which changes with the latent's scale; or "line", S is the squared correlation, the paper's choice
    for factors that are quantities, 0 for a constant latent. Raises ValueError. Built in notebook 11.
    """
    mu, numbers = codes_and_values(codes, factors)
    if by == "line":
        table = squared_correlation(mu, as_table(factors, "factors"))
    elif by == "svm":
        train, test = split_rows(len(mu), seed)
        cells = [[svm_accuracy(z, v, train, test, seed) for v in numbers.T] for z in mu.T]
        table = torch.tensor(cells, dtype=torch.float64)
    else:
        raise ValueError(f'by is {by!r}; it must be "svm" or "line".')
    return SAP(gap(table).mean().item(), gap(table), table)


def squared_correlation(mu: np.ndarray, values: np.ndarray) -> Tensor:
    """Return the squared correlation (Z, K) of columns; 0 for a constant one."""
    a, b = (side - side.mean(0) for side in (mu, values))
    spread = np.outer(np.square(a).sum(0), np.square(b).sum(0))
    return torch.from_numpy(np.where(spread > 1e-24, np.square(a.T @ b) / np.maximum(spread, 1e-300), 0.0))


def svm_accuracy(z: np.ndarray, values: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> float:
    """Return the held-out accuracy with which a linear support vector machine tells values (N,) from one latent (N,)."""
    svm = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=seed)
    return fitted(svm, z[train, None], values[train]).score(z[test, None], values[test])


class FactorVAEScore(NamedTuple):
    """score, on fresh votes; votes (Z, K), the counts that made the majority; active (Z,), the latents that may be named."""

    score: float
    votes: Tensor
    active: Tensor


def factorvae_score(codes: Table, factors: Table, *, seed: int = 0) -> FactorVAEScore:
    """Return how often the latent that varies least tells which factor was held fixed (Kim & Mnih 2018, section 4).

    A vote: choose a factor, and one of its values, at random; of a batch of 64 images that share it, find the latent j with the
    least Var_batch(z_j) / Var_all(z_j). The factor most often seen with j, in 10,000 votes, is its own; the score is the share of
    5,000 fresh votes in which that was the factor held fixed. Latents whose standard deviation over all images is less than
    0.05 are left out; if all are, the score is 0. (Settings of Locatello and others 2019.) Chance is 1/K.

    codes (N, Z), factors (N, K). Batches are drawn, with replacement, from the images that are given, not drawn anew: give
    thousands, so that tens of them share each value. Raises ValueError. Built in notebook 11.
    """
    mu, numbers = codes_and_values(codes, factors)
    spread = mu.std(0, ddof=1)
    active, random = spread >= 0.05, np.random.default_rng(seed)
    votes = np.zeros((2, *mu.shape[1:], numbers.shape[1]), np.int64)
    if active.any():
        scaled = mu[:, active] / spread[active]
        for table, count in zip(votes, (10_000, 5_000), strict=True):
            latent, factor = cast_votes(scaled, numbers, count, random)
            np.add.at(table, (np.flatnonzero(active)[latent], factor), 1)
    right = votes[1][np.arange(len(votes[1])), votes[0].argmax(1)].sum()
    return FactorVAEScore(float(right / max(votes[1].sum(), 1)), torch.from_numpy(votes[0]), torch.from_numpy(active))


def cast_votes(scaled: np.ndarray, numbers: np.ndarray, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return, for `count` batches, the latent that varies least and the factor that was held fixed, (count,) each."""
    orders = numbers.argsort(axis=0, kind="stable").T  # (K, N): images sorted by each factor
    sizes = [np.bincount(column) for column in numbers.T]
    factor, latent = random.integers(numbers.shape[1], size=count), np.empty(count, np.int64)
    for start in range(0, count, 1000):
        some = slice(start, start + 1000)
        rows = random.integers(len(scaled), size=len(factor[some]))  # the image whose value is held fixed
        place = random.random((len(rows), 64))
        pools = np.empty(place.shape, np.int64)
        for k, order in enumerate(orders):
            of_k = factor[some] == k
            value = numbers[rows[of_k], k]
            first, size = (sizes[k].cumsum() - sizes[k])[value], sizes[k][value]
            pools[of_k] = order[first[:, None] + (place[of_k] * size[:, None]).astype(np.int64)]
        latent[some] = scaled[pools].var(axis=1, ddof=1).argmin(1)
    return latent, factor


def scores(codes: Table, factors: Table, *, trees: str = "forest", seed: int = 0, three: DCI | None = None) -> dict[str, float]:
    """Return all scores of a code by name; what each means, and what is raised, is said where it is defined.

    three: what `dci` says of this code, where that is known: its trees take nearly all of the time.
    """
    three = dci(codes, factors, trees=trees, seed=seed) if three is None else three
    return {
        "MIG": mig(codes, factors).score,
        "disentanglement": three.disentanglement,
        "completeness": three.completeness,
        "informativeness": three.informativeness,
        "SAP": sap(codes, factors, seed=seed).score,
        "FactorVAE": factorvae_score(codes, factors, seed=seed).score,
    }
