"""The exercises of notebook 12: cases, right functions, and wrong ones with what a student is told of them."""

import numpy as np
import torch

from exercises import exercise


def double(*shape: int, seed: int) -> torch.Tensor:
    """Return standard normal numbers, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(size: int, seed: int, rank: int | None = None) -> torch.Tensor:
    """Return a covariance (size, size) that is not diagonal, of full or of lower rank."""
    m = double(size, rank or 2 * size, seed=seed)
    return m @ m.T / m.shape[1]


def gaussians(size: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return two means and standard deviations (size,): mean, sigma, mean, sigma."""
    a, b, c, d = double(4, size, seed=seed)
    return a, b.exp(), c, d.exp()


def distance(of_sigmas, means=1.0):
    return lambda m1, s1, m2, s2: means * (m1 - m2).square().sum() + of_sigmas(s1, s2).sum()


frechet = distance(lambda s1, s2: s1**2 + s2**2 - 2 * (s1**2 * s2**2).sqrt())

exercise(
    "12.1",
    "diagonal_frechet",
    right=frechet,
    cases=[gaussians(size, seed) for size, seed in ((1, 0), (4, 1), (7, 2))],
    what="the distance",
    hint="Independent coordinates commute: (a - b)² for each.",
    slips={
        "the distance between the means is missing.": distance(lambda s1, s2: (s1 - s2) ** 2, means=0),
        "you took sigma for a variance and drew its root; it is a standard deviation already.": distance(
            lambda s1, s2: (s1.sqrt() - s2.sqrt()) ** 2
        ),
        "the variances are compared; the Fréchet distance compares standard deviations.": distance(
            lambda s1, s2: (s1**2 - s2**2) ** 2
        ),
        "you return the distance; the squared one is asked for, as in FID.": lambda *given: frechet(*given).sqrt(),
        "you take a mean over the coordinates; squared distances add up.": lambda *given: frechet(*given) / len(given[0]),
    },
)


def root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


exercise(
    "12.2",
    "trace_of_root",
    right=lambda a, b: torch.linalg.svdvals(root(a) @ root(b)).sum(),
    cases=[(covariance(size, seed), covariance(size, seed + 10)) for size, seed in ((2, 1), (5, 2), (9, 3))]
    + [(covariance(6, 5, rank=2), covariance(6, 6))],
    what="the trace",
    hint="Covariances need not commute, and of a singular one some eigenvalues are just below 0.",
    tolerance=1e-3,
    bug={
        "Of two covariances that commute it is right; of others by some per cent wrong. What does eigvalsh assume?": lambda a, b: (
            torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum()
        )
    },
    slips={
        "that is the root of the trace; the trace of the root adds up the roots of the eigenvalues.": lambda a, b: (
            (a @ b).trace().sqrt()
        ),
        "that is the trace of the product; the root is missing.": lambda a, b: (a @ b).trace(),
        "Tr(A B) of the two roots is the trace of the root only if the covariances commute: A B is not the root of Σ₁Σ₂.": lambda a, b: (
            (root(a) @ root(b)).trace()
        ),
        "for a singular covariance it is NaN: rounding puts some eigenvalues just below 0; clamp them first.": lambda a, b: (
            torch.linalg.eigvals(a @ b).real.sqrt().sum()
        ),
        "it is complex; the eigenvalues are real and not negative but for rounding: take their real part, clamp it at 0, then the root.": (
            lambda a, b: torch.linalg.eigvals(a @ b).sqrt().sum()
        ),
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
    what="the estimate",
    slips={
        "each point is compared with itself: the diagonals of k_xx and k_yy do not belong in it.": mmd(0, lambda n: n * n),
        "the diagonals are left out of the sums, but counted in what they are divided by: N (N - 1), not N².": mmd(
            1, lambda n: n * n
        ),
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
    what="the value at infinity",
    hint="It is the intercept of the least-squares line in 1 / N.",
    tolerance=1e-3,
    slips={
        "that is the slope; the value at 1 / N = 0 is the other coefficient.": line(lambda n: 1 / n, 0),
        "that line runs in N, and its intercept is the value at *no* image. The bias is straight in 1 / N.": line(lambda n: n, 1),
        "that is the last of the measured values; all of them are too large, even with the most images.": lambda n, values: values[
            -1
        ],
        "that is the least of the measured values; all of them are too large, even with the most images.": lambda n, values: (
            values.min()
        ),
    },
)


def radii(points, k):
    return torch.cdist(points, points).sort(dim=1).values[:, k]


def inside(points, centres, k):
    """Return the share of points that lie in a ball around one of the centres."""
    return (torch.cdist(points, centres) <= radii(centres, k)).any(1).double().mean()


def coverage(made, real, k):
    return (torch.cdist(real, made) <= radii(real, k)[:, None]).any(1).double().mean()


exercise(
    "12.5",
    "coverage_of",
    right=coverage,
    cases=[
        (0.6 * double(n, 4, seed=seed), double(m, 4, seed=seed + 10), k)
        for n, m, k, seed in ((60, 90, 3, 0), (90, 60, 1, 1), (50, 70, 5, 2))
    ],
    what="the coverage",
    slips={
        "your balls are one neighbour too small: the nearest point to a centre is the centre itself, at distance 0.": lambda made, real, k: (
            coverage(made, real, k - 1)
        ),
        "that is precision: the share of made points in any ball. Count the balls, not the points.": inside,
        "that is recall: its balls are around the made points; these are around the real ones.": lambda made, real, k: inside(
            real, made, k
        ),
        "you divide by the number of made points; it is a share of the real ones' balls.": lambda made, real, k: (
            coverage(made, real, k) * len(real) / len(made)
        ),
        "you ask whether real points lie in their own balls. Every one does.": lambda made, real, k: inside(real, real, k),
    },
)


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Return six pairs (3, 24, 24), the first of them dark."""
    x = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    bright = torch.linspace(0.1, 1, 6)[:, None, None, None]
    return x * bright, (0.8 * x + 0.2 * x.flip(0)).clamp(0, 1) * bright


def ssim(data_range):
    def similarity(x, y):
        from torchmetrics.functional.image import structural_similarity_index_measure

        return structural_similarity_index_measure(x, y, data_range=data_range, reduction="none").reshape(-1)

    return similarity


exercise(
    "12.6",
    "similarity",
    right=ssim(1.0),
    cases=[tuple(part[:count] for part in images()) for count in (1, 3, 6)],
    what="the similarity",
    hint="Tell it the range of the images, which is 1.",
    tolerance=1e-3,
    bug={"The dark pairs have another similarity in a batch with brighter ones. Who tells it the range?": ssim(None)},
    slips={
        "255 is the range of bytes; these images are in [0, 1], and the constants c1, c2 now drown everything.": ssim(255.0),
        "you give one number for the batch; give one for each pair.": lambda x, y: ssim(1.0)(x, y).mean(),
    },
)
