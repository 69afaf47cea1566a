"""The checks of notebook 12's exercises; each compares an answer with an oracle and says what is wrong with it."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch

from exercises import StillThere, Wrong, close, exercise, returned
from helpers import fidelity


def double(*shape: int, seed: int) -> torch.Tensor:
    """Return standard normal numbers, float64."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(size: int, seed: int, rank: int | None = None) -> torch.Tensor:
    """Return a covariance (size, size) that is not diagonal, of full or of lower rank."""
    m = double(size, rank or 2 * size, seed=seed)
    return m @ m.T / m.shape[1]


@exercise("12.1", "diagonal_frechet")
def diagonal(answer) -> None:
    """Against the distance between the same Gaussians as matrices."""
    for size, seed in ((1, 0), (4, 1), (7, 2)):
        mu1, mu2 = double(size, seed=seed), double(size, seed=seed + 10)
        s1, s2 = double(size, seed=seed + 20).exp(), double(size, seed=seed + 30).exp()
        wanted = fidelity.gaussian_frechet(mu1, s1.square().diag(), mu2, s2.square().diag())
        found = returned(answer, mu1, s1, mu2, s2, like=wanted, what="the distance")
        if close(found, wanted):
            continue
        means, told = (mu1 - mu2).square().sum(), "for one coordinate " if size == 1 else f"for {size} coordinates "
        if close(found, wanted - means):
            raise Wrong(told + "the distance between the means is missing.")
        if close(found, means + (s1.sqrt() - s2.sqrt()).square().sum()):
            raise Wrong(told + "you took sigma for a variance and drew its root; it is a standard deviation already.")
        if close(found, means + (s1.square() - s2.square()).square().sum()):
            raise Wrong(told + "the variances are compared; the Fréchet distance compares standard deviations.")
        if close(found, wanted.sqrt()):
            raise Wrong(told + "you return the distance; the squared one is asked for, as in FID.")
        if close(found * size, wanted):
            raise Wrong(told + "you take a mean over the coordinates; squared distances add up.")
        raise Wrong(
            told + f"yours is {found.item():.4g}, not {wanted.item():.4g}. Independent coordinates commute: (a - b)² for each."
        )


@exercise("12.2", "trace_of_root")
def traced(answer) -> None:
    """Against SciPy's matrix square root, on covariances that do not commute, and on singular ones."""
    for size, seed in ((2, 1), (5, 2), (9, 3)):
        cov1, cov2 = covariance(size, seed), covariance(size, seed + 10)
        wanted = torch.tensor(np.trace(scipy.linalg.sqrtm((cov1 @ cov2).numpy())).real)
        found = returned(answer, cov1, cov2, like=wanted, what="the trace")
        if close(found, torch.linalg.eigvalsh(cov1 @ cov2).clamp(min=0).sqrt().sum(), 1e-7):
            raise StillThere(
                "Of two covariances that commute it is right; of others by some per cent wrong. What does eigvalsh assume?"
            )
        if close(found, (cov1 @ cov2).trace().sqrt()):
            raise Wrong("that is the root of the trace; the trace of the root adds up the roots of the eigenvalues.")
        if close(found, (cov1 @ cov2).trace()):
            raise Wrong("that is the trace of the product; the root is missing.")
        if close(found, (fidelity.root(cov1) @ fidelity.root(cov2)).trace(), 1e-7):
            raise Wrong(
                "Tr(A B) of the two roots is the trace of the root only if the covariances commute: A B is not the root of Σ₁Σ₂."
            )
        if not close(found, wanted):
            raise Wrong(f"for {size} features yours is {found.item():.5g}, not {wanted.item():.5g}, which is SciPy's sqrtm.")
    flat, full = covariance(6, 5, rank=2), covariance(6, 6)
    wanted = torch.linalg.svdvals(fidelity.root(full) @ fidelity.root(flat)).sum()
    if not close(returned(answer, flat, full, like=wanted, what="the trace for a singular covariance"), wanted, 1e-3):
        raise Wrong(
            "right for covariances of full rank, wrong for a singular one: few pictures make one. Mind eigenvalues just below 0."
        )


@exercise("12.3", "unbiased_mmd")
def unbiased(answer) -> None:
    """Against the helper, on crowds of different sizes."""
    for n, m, seed in ((6, 6, 0), (12, 7, 1), (5, 40, 2)):
        x, y = double(n, 3, seed=seed), double(m, 3, seed=seed + 10) + 0.5
        k_xx, k_yy, k_xy = fidelity.cubic_kernel(x, x), fidelity.cubic_kernel(y, y), fidelity.cubic_kernel(x, y)
        wanted = fidelity.kernel_mmd(x, y)
        found = returned(answer, k_xx, k_yy, k_xy, like=wanted, what="the estimate")
        if close(found, wanted):
            continue
        told = f"for {n} and {m} points "
        if close(found, k_xx.mean() + k_yy.mean() - 2 * k_xy.mean()):
            raise Wrong(told + "each point is compared with itself: the diagonals of k_xx and k_yy do not belong in it.")
        inside = [(k.sum() - k.trace()) / k.numel() for k in (k_xx, k_yy)]
        if close(found, sum(inside) - 2 * k_xy.mean()):
            raise Wrong(
                told + "the diagonals are left out of the sums, but counted in what they are divided by: N (N - 1), not N²."
            )
        if close(found, wanted + k_xy.mean()):
            raise Wrong(told + "the pairs across count once; (a - b)² has a 2 in the middle.")
        k = min(n, m)
        if n != m and close(found, wanted + 2 * k_xy.mean() - 2 * (k_xy.sum() - k_xy[:k, :k].trace()) / (k_xy.numel() - k)):
            raise Wrong(told + "the diagonal of k_xy was left out, too. It holds no point twice: all its pairs are pairs.")
        raise Wrong(told + f"yours is {found.item():.5g}, not {wanted.item():.5g}.")


@exercise("12.4", "at_infinity")
def infinite(answer) -> None:
    """Against NumPy's polynomial fit, on points off the line."""
    for seed, count in ((0, 5), (1, 8)):
        sizes = torch.tensor([250.0, 400, 500, 800, 1000, 2000, 3000, 5000])[:count].double()
        values = 12 + 3000 / sizes + 0.3 * double(count, seed=seed)
        wanted = torch.tensor(np.polyfit((1 / sizes).numpy(), values.numpy(), 1)[1])
        found = returned(answer, sizes, values, like=wanted, what="the value at infinity")
        if close(found, wanted, 1e-3):
            continue
        if close(found, torch.tensor(np.polyfit((1 / sizes).numpy(), values.numpy(), 1)[0]), 1e-3):
            raise Wrong("that is the slope; the value at 1 / N = 0 is the other coefficient.")
        if close(found, torch.tensor(np.polyfit(sizes.numpy(), values.numpy(), 1)[1]), 1e-3):
            raise Wrong("that line runs in N, and its intercept is the value at *no* picture. The bias is straight in 1 / N.")
        if close(found, values[-1]) or close(found, values.min()):
            raise Wrong(
                "that is the last, or the least, of the measured values; all of them are too large, even with the most pictures."
            )
        raise Wrong(
            f"yours is {found.item():.5g}, not {wanted.item():.5g}, which is the intercept of the least-squares line in 1 / N."
        )


@exercise("12.5", "coverage_of")
def covered(answer) -> None:
    """Against the definition, on crowds of different sizes."""
    for n, m, k, seed in ((60, 90, 3, 0), (90, 60, 1, 1), (50, 70, 5, 2)):
        made, real = 0.6 * double(n, 4, seed=seed), double(m, 4, seed=seed + 10)
        apart = torch.cdist(real, made)

        def share(k: int, apart: torch.Tensor = apart, real: torch.Tensor = real) -> torch.Tensor:
            """Return the share of balls, to the k-th other real point, that hold a made one."""
            return (apart <= fidelity.ball_radii(real, k)[:, None]).any(1).double().mean()

        wanted, known = share(k), fidelity.precision_recall(made, real, k=k)
        found = returned(answer, made, real, k, like=wanted, what="the coverage")
        if close(found, wanted):
            continue
        told = f"for {n} made and {m} real points, k = {k}: "
        if close(found, share(k - 1) if k > 1 else torch.zeros(())):
            raise Wrong(
                told + "your balls are one neighbour too small: the nearest point to a centre is the centre itself, at distance 0."
            )
        if close(found, known.precision):
            raise Wrong(told + "that is precision: the share of made points in any ball. Count the balls, not the points.")
        if close(found, known.recall):
            raise Wrong(told + "that is recall: its balls are around the made points; these are around the real ones.")
        if close(found, m * wanted / n):
            raise Wrong(told + "you divide by the number of made points; it is a share of the real ones' balls.")
        if close(found, fidelity.share_inside(real, real, fidelity.ball_radii(real, k))):
            raise Wrong(told + "you ask whether real points lie in their own balls. Every one does.")
        raise Wrong(told + f"yours is {found.item():.4f}, not {wanted.item():.4f}.")


@exercise("12.6", "similarity")
def alike(answer) -> None:
    """Against torchmetrics with the range told, alone and in company."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    x = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    y = (0.8 * x + 0.2 * x.flip(0)).clamp(0, 1)
    x, y = x * torch.linspace(0.1, 1, 6)[:, None, None, None], y * torch.linspace(0.1, 1, 6)[:, None, None, None]
    wanted = structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
    for count in (1, 3, 6):
        found = returned(answer, x[:count], y[:count], like=wanted[:count], what="the similarity")
        guessed = structural_similarity_index_measure(x[:count], y[:count], reduction="none").reshape(-1)
        if close(found, guessed, 1e-6) and not close(guessed, wanted[:count], 1e-3):
            raise StillThere(
                f"In a batch of {count} the dark pairs have another similarity than among brighter ones. Who tells it the range?"
            )
        if close(found, structural_similarity_index_measure(x[:count], y[:count], data_range=255.0, reduction="none"), 1e-6):
            raise Wrong("255 is the range of bytes; these pictures are in [0, 1], and the constants c1, c2 now drown everything.")
        if not close(found, wanted[:count], 1e-3) and not close(found, fidelity.ssim(x[:count], y[:count]), 1e-3):
            raise Wrong(
                f"in a batch of {count} the first pair has {found[0].item():.4f}; with the range told it is {wanted[0].item():.4f}."
            )
