"""The exercises of notebook 12: cases, right functions, and wrong ones with what a student is told of them."""

from functools import partial

import numpy as np
import torch

from exercises import exercise


def double(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussians(size: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return two means and standard deviations (size,): mean, sigma, mean, sigma."""
    a, b, c, d = double(4, size, seed=seed)
    return a, b.exp(), c, d.exp()


def distance(of_sigmas, means=1.0):
    return lambda m1, s1, m2, s2: means * (m1 - m2).square().sum() + of_sigmas(s1, s2).sum()


frechet = distance(lambda a, b: a**2 + b**2 - 2 * (a**2 * b**2).sqrt())

exercise(
    "12.1",
    "diagonal_frechet",
    right=frechet,
    cases=[gaussians(1, 0), gaussians(4, 1), gaussians(7, 2)],
    hint="Independent coordinates commute: (a - b)² for each.",
    slips={
        "the distance between the means is missing.": distance(lambda a, b: (a - b) ** 2, means=0),
        "sigma is a standard deviation already; you drew its root.": distance(lambda a, b: (a.sqrt() - b.sqrt()) ** 2),
        "the variances are compared; compare standard deviations.": distance(lambda a, b: (a**2 - b**2) ** 2),
        "you return the distance; the squared one is asked for, as in FID.": lambda *given: frechet(*given).sqrt(),
        "you take a mean over the coordinates; squared distances add up.": lambda *given: frechet(*given) / len(given[0]),
    },
)


def covariance(size: int, seed: int, rank: int | None = None) -> torch.Tensor:
    """Return a covariance (size, size) that is not diagonal, of full or of lower rank."""
    m = double(size, rank or 2 * size, seed=seed)
    return m @ m.T / m.shape[1]


def root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


exercise(
    "12.2",
    "trace_of_root",
    right=(
        lambda a, b: torch.linalg.svdvals(root(a) @ root(b)).sum(),
        lambda a, b: torch.linalg.eigvals((a @ b).float()).real.clamp(min=0).sqrt().sum(),
    ),
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


def cubic(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernels(n: int, m: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return the kernel matrices within two sets of different sizes, and across."""
    x, y = double(n, 3, seed=seed), double(m, 3, seed=seed + 10) + 0.5
    return cubic(x, x), cubic(y, y), cubic(x, y)


def mmd(diagonal=1, divide=lambda n: n * (n - 1), across=lambda k: 2 * k.mean()):
    def estimate(k_xx, k_yy, k_xy):
        return sum((k.sum() - diagonal * k.trace()) / divide(len(k)) for k in (k_xx, k_yy)) - across(k_xy)

    return estimate


def without_diagonal(k):
    n = min(k.shape)
    return 2 * (k.sum() - k[:n, :n].trace()) / (k.numel() - n)


exercise(
    "12.3",
    "unbiased_mmd",
    right=mmd(),
    cases=[kernels(6, 6, 0), kernels(12, 7, 1), kernels(5, 40, 2)],
    slips={
        "each point is compared with itself: leave out the diagonals of k_xx and k_yy.": mmd(0, lambda n: n * n),
        "you leave out the diagonals, but divide by N²; divide by N (N - 1).": mmd(1, lambda n: n * n),
        "the pairs across count once; (a - b)² has a 2 in the middle.": mmd(across=torch.mean),
        "the diagonal of k_xy was left out, too. It holds no point twice: all its pairs are pairs.": mmd(across=without_diagonal),
    },
)


def line(u, which):
    return lambda sizes, values: np.polyfit(u(sizes), values, 1)[which]


def measured(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sizes and distances that lie off the line by some noise."""
    sizes = torch.tensor([250.0, 400, 500, 800, 1000, 2000, 3000, 5000])[:count].double()
    return sizes, 12 + 3000 / sizes + 0.3 * double(count, seed=seed)


exercise(
    "12.4",
    "at_infinity",
    right=line(lambda n: 1 / n, 1),
    cases=[measured(5, 0), measured(8, 1)],
    hint="It is the intercept of the least-squares line in 1 / N.",
    tolerance=1e-3,
    slips={
        "that is the slope; the value at 1 / N = 0 is the other coefficient.": line(lambda n: 1 / n, 0),
        "that line runs in N, and its intercept is at *no* image. The bias is straight in 1 / N.": line(lambda n: n, 1),
        "that is the last of the measured values; all of them are too large.": lambda sizes, values: values[-1],
        "that is the least of the measured values; all of them are too large.": lambda sizes, values: values.min(),
    },
)


def radii(points, k):
    return torch.cdist(points, points).sort(dim=1).values[:, k]


def inside(points, centres, k):
    """Return the share of points that lie in a ball around one of the centres."""
    return (torch.cdist(points, centres) <= radii(centres, k)).any(1).double().mean()


def coverage(made, real, k, less=0):
    return (torch.cdist(real, made) <= radii(real, k - less)[:, None]).any(1).double().mean()


def sets(n: int, m: int, k: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return made (n, 4) and real points (m, 4), and k."""
    return 0.6 * double(n, 4, seed=k), double(m, 4, seed=k + 10), k


exercise(
    "12.5",
    "coverage_of",
    right=coverage,
    cases=[sets(60, 90, 3), sets(90, 60, 1), sets(50, 70, 5)],
    slips={
        "your balls are one neighbour too small: the nearest point is the centre itself.": partial(coverage, less=1),
        "that is precision, the share of made points in any ball. Count the balls.": inside,
        "that is recall, with balls around the made points.": lambda made, real, k: inside(real, made, k),
        "you divide by the number of made points, not of balls.": lambda *given: coverage(*given) * len(given[1]) / len(given[0]),
        "you ask whether real points lie in their own balls. Every one does.": lambda made, real, k: inside(real, real, k),
    },
)

bright = torch.linspace(0.1, 1, 6)[:, None, None, None]
x = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
x, y = bright * x, bright * (0.8 * x + 0.2 * x.flip(0))


def ssim(data_range):
    def similarity(x, y):
        from torchmetrics.functional.image import structural_similarity_index_measure

        return structural_similarity_index_measure(x, y, data_range=data_range, reduction="none").reshape(-1)

    return similarity


exercise(
    "12.6",
    "similarity",
    right=ssim(1.0),
    cases=[(x[:count], y[:count]) for count in (1, 3, 6)],
    hint="Tell it the range of the images, which is 1.",
    tolerance=1e-3,
    bug={"The dark pairs have another similarity in a batch with brighter ones. Who tells it the range?": ssim(None)},
    slips={
        "255 is the range of bytes; these images are in [0, 1].": ssim(255.0),
        "you give one number for the batch; give one for each pair.": lambda x, y: ssim(1.0)(x, y).mean(),
    },
)
