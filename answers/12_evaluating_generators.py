"""Solutions to the exercises of notebook 12, with the reason for each."""

import torch
from torchmetrics.functional.image import structural_similarity_index_measure as torchmetrics_ssim


def diagonal_frechet(mu1, sigma1, mu2, sigma2):
    """12.1: independent coordinates commute, and in each the trace is a² + b² − 2ab."""
    return (mu1 - mu2).square().sum() + (sigma1 - sigma2).square().sum()


def trace_of_root(cov1, cov2):
    """12.2: eigvalsh reads one triangle and takes the other for its mirror image, but a product of covariances is not symmetric.

    The eigenvalues of cov1^½ cov2 cov1^½ are the same, and that matrix is symmetric.
    """
    values, vectors = torch.linalg.eigh(cov1)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()


def unbiased_mmd(k_xx, k_yy, k_xy):
    """12.3: E k(x, x') is about two independent points, so no point is compared with itself; across, all pairs are independent."""

    def over_pairs(k):
        return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    return over_pairs(k_xx) + over_pairs(k_yy) - 2 * k_xy.mean()


def at_infinity(sizes, values):
    """12.4: a line in 1 / N; its value at 1 / N = 0."""
    u = 1 / sizes
    slope = ((u - u.mean()) * (values - values.mean())).sum() / (u - u.mean()).square().sum()
    return values.mean() - slope * u.mean()


def coverage_of(made, real, k=3):
    """12.5: balls around the real, to their k-th *other* point (the nearest is the centre itself); which of them hold a sample?

    Bland samples in the middle lie in many balls, but there are many more in which they do not lie.
    """
    radii = torch.cdist(real, real).sort(dim=1).values[:, k]
    return (torch.cdist(real, made) <= radii[:, None]).any(1).double().mean()


def similarity(x, y):
    """12.6: the range belongs to the kind of image, not to the batch."""
    return torchmetrics_ssim(x, y, data_range=1.0, reduction="none").reshape(-1)
