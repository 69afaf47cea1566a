"""The exercises of notebook 12: cases, right functions, and wrong ones with what a student is told of them."""

import numpy as np
import torch

from exercises import exercise, normal, rng


def gaussians(size: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return two means and standard deviations (size,): mean, sigma, mean, sigma."""
    a, b, c, d = normal(4, size, seed=seed)
    return a, b.exp(), c, d.exp()


@exercise(
    "12.1",
    cases=[gaussians(1, 0), gaussians(4, 1), gaussians(7, 2)],
    hint="In each coordinate, what is left of the trace of numbers?",
    slips={
        "the distance between the means is missing.": {"means": 0},
        "sigma is a standard deviation already; you drew its root.": {"power": 0.5},
        "the variances are compared; compare standard deviations.": {"power": 2},
        "you return the distance; the squared one is asked for, as in FID.": lambda *given: diagonal_frechet(*given).sqrt(),
        "you take a mean over the coordinates; squared distances add up.": lambda *given: diagonal_frechet(*given) / len(given[0]),
    },
)
def diagonal_frechet(m1, s1, m2, s2, means=1, power=1):
    return (means * (m1 - m2) ** 2 + (s1**power - s2**power) ** 2).sum()


def covariance(size: int, seed: int, rank: int | None = None) -> torch.Tensor:
    """Return a covariance (size, size) that is not diagonal, of full or of lower rank."""
    m = normal(size, rank or 2 * size, seed=seed)
    return m @ m.T / m.shape[1]


def root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


@exercise(
    "12.2",
    right=lambda a, b: torch.linalg.eigvals((a @ b).float()).real.clamp(min=0).sqrt().sum(),
    cases=[(covariance(n, n), covariance(n, n + 10)) for n in (2, 5, 9)] + [(covariance(6, 5, rank=2), covariance(6, 6))],
    hint="Covariances need not commute, and of a singular one some eigenvalues are just below 0.",
    tolerance=1e-3,
    bug={
        "It is right only if the covariances commute. What does eigvalsh assume?": lambda a, b: (
            torch.linalg.eigvalsh(a @ b).relu().sqrt().sum()
        )
    },
    slips={
        "that is the root of the trace; add up the roots of the eigenvalues.": lambda a, b: (a @ b).trace().sqrt(),
        "that is the trace of the product; the root is missing.": lambda a, b: (a @ b).trace(),
        "the product of the roots is the root of Σ₁Σ₂ only if the covariances commute.": lambda a, b: (root(a) @ root(b)).trace(),
        "NaN for a singular covariance: clamp eigenvalues at 0.": lambda a, b: torch.linalg.eigvals(a @ b).real.sqrt().sum(),
        "complex: clamp the eigenvalues' real parts at 0, then take roots.": lambda a, b: torch.linalg.eigvals(a @ b).sqrt().sum(),
    },
)
def trace_of_root(a, b):
    return torch.linalg.svdvals(root(a) @ root(b)).sum()


def kernels(n: int, m: int, seed: int, shift: float = 0.5) -> tuple[torch.Tensor, ...]:
    """Return the kernel matrices within two sets of different sizes, and across."""
    x, y = normal(n, 3, seed=seed), normal(m, 3, seed=seed + 10) + shift
    return tuple((a @ b.T / 3 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))


def without_diagonal(k):
    n = min(k.shape)
    return (k.sum() - k[:n, :n].trace()) / (k.numel() - n)


@exercise(
    "12.3",
    cases=[kernels(6, 6, 0), kernels(12, 7, 1), kernels(5, 40, 2), kernels(20, 20, 3, 0.0)],
    slips={
        "each point is compared with itself: leave out the diagonals of k_xx and k_yy.": {"diagonal": 0, "less": 0},
        "you leave out the diagonals, but divide by N²; divide by N (N - 1).": {"less": 0},
        "the pairs across count once; (a - b)² has a 2 in the middle.": {"twice": 1},
        "an unbiased estimate may be negative: do not clamp it.": lambda *given: unbiased_mmd(*given).clamp(min=0),
        "an unbiased estimate may be negative: take no absolute value.": lambda *given: unbiased_mmd(*given).abs(),
        "the diagonal of k_xy was left out, too. It holds no point twice: all its pairs are pairs.": {"across": without_diagonal},
    },
)
def unbiased_mmd(k_xx, k_yy, k_xy, diagonal=1, less=1, twice=2, across=torch.mean):
    within = sum((k.sum() - diagonal * k.trace()) / (len(k) * (len(k) - less)) for k in (k_xx, k_yy))
    return within - twice * across(k_xy)


def measured(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sizes and distances that lie off the line by some noise."""
    sizes = torch.tensor([250.0, 400, 500, 800, 1000, 2000, 3000, 5000])[:count].double()
    return sizes, 12 + 3000 / sizes + 0.3 * normal(count, seed=seed)


@exercise(
    "12.4",
    cases=[measured(5, 0), measured(8, 1)],
    hint="It is the intercept of the least-squares line in 1 / N.",
    tolerance=1e-3,
    slips={
        "that is the slope; the value at 1 / N = 0 is the other coefficient.": {"which": 0},
        "that line runs in N, and its intercept is at *no* image. The bias is straight in 1 / N.": {"power": 1},
        "that is the last of the measured values; all of them are too large.": lambda sizes, values: values[-1],
    },
)
def at_infinity(sizes, values, power=-1, which=1):
    return np.polyfit(sizes**power, values, 1)[which]


def radii(points, k):
    return torch.cdist(points, points).sort(dim=1).values[:, k]


def inside(points, centres, k):
    """Return the share of points that lie in a ball around one of the centres."""
    return (torch.cdist(points, centres) <= radii(centres, k)).any(1).double().mean()


def sets(n: int, m: int, k: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return made (n, 4) and real points (m, 4), and k."""
    return 0.6 * normal(n, 4, seed=k), normal(m, 4, seed=k + 10), k


@exercise(
    "12.5",
    cases=[sets(60, 90, 3), sets(90, 60, 1), sets(50, 70, 5)],
    slips={
        "your balls are one neighbour too small: the nearest point is the centre itself.": {"less": 1},
        "that is precision, the share of made points in any ball. Count the balls.": inside,
        "that is recall, with balls around the made points.": lambda made, real, k: inside(real, made, k),
        "you divide by the number of made points, not of balls.": lambda a, b, k: coverage_of(a, b, k) * len(b) / len(a),
        "every ball counts in yours: are they too large, or do you ask for real points?": lambda a, b, k: inside(b, b, k),
    },
)
def coverage_of(made, real, k, less=0):
    return (torch.cdist(real, made) <= radii(real, k - less)[:, None]).any(1).double().mean()


bright = torch.linspace(0.1, 1, 6)[:, None, None, None]
x = torch.rand(6, 3, 24, 24, generator=rng(0)).cumsum(-1) / 24
x, y = bright * x, bright * (x * torch.linspace(1, 0.5, 24) + 0.1 * x.flip(0))


@exercise(
    "12.6",
    cases=[(x[:count], y[:count]) for count in (1, 3, 6)],
    hint="Who tells it the range of the images?",
    tolerance=1e-3,
    bug={"The dark pairs have another similarity in a batch with brighter ones. Who tells it the range?": {"data_range": None}},
    slips={
        "yours is nearly 1 for every pair. 255 is the range of bytes; these images are in [0, 1].": {"data_range": 255.0},
        "you give one number for the batch; give one for each pair.": lambda x, y: similarity(x, y).mean(),
    },
)
def similarity(x, y, data_range=1.0):
    from torchmetrics.functional.image import structural_similarity_index_measure

    return structural_similarity_index_measure(x, y, data_range=data_range, reduction="none").reshape(-1)
