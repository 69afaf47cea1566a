"""Typical wrong solutions of the exercises of notebook 12."""

import numpy as np
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from helpers import fidelity


def mmd_with(diagonal, divide, times=2):
    def estimate(k_xx, k_yy, k_xy):
        within = sum((k.sum() - diagonal * k.trace()) / divide(len(k)) for k in (k_xx, k_yy))
        return within - times * k_xy.mean()

    return estimate


def line(u, which):
    return lambda sizes, values: np.polyfit(u(sizes).numpy(), values.numpy(), 1)[which]


def recall_with(points, centres):
    def recall(made, real, k=3):
        chosen = {"made": made, "real": real}
        return fidelity.share_inside(chosen[points], chosen[centres], fidelity.ball_radii(chosen[centres], k))

    return recall


def coverage_with(neighbour, over):
    def coverage(made, real, k=3):
        radii = torch.cdist(real, real).sort(dim=1).values[:, k + neighbour]
        return (torch.cdist(real, made) <= radii[:, None]).any(1).double().sum() / len({"made": made, "real": real}[over])

    return coverage


def ssim_of_bytes(x, y):
    return structural_similarity_index_measure(x, y, data_range=255.0, reduction="none").reshape(-1)


def distance(variances):
    return lambda m1, s1, m2, s2: (m1 - m2).square().sum() + variances(s1, s2).sum()


SLIPS = [
    ("12.1", lambda m1, s1, m2, s2: (s1 - s2).square().sum(), "means is missing"),
    ("12.1", distance(lambda s1, s2: (s1.sqrt() - s2.sqrt()).square()), "standard deviation already"),
    ("12.1", distance(lambda s1, s2: (s1**2 - s2**2).square()), "variances are compared"),
    ("12.1", lambda *given: distance(lambda s1, s2: (s1 - s2).square())(*given).sqrt(), "squared one"),
    ("12.1", lambda m1, s1, m2, s2: ((m1 - m2).square() + (s1 - s2).square()).mean(), "add up"),
    ("12.2", lambda a, b: (a @ b).trace().sqrt(), "root of the trace"),
    ("12.2", lambda a, b: (a @ b).trace(), "root is missing"),
    ("12.2", lambda a, b: (fidelity.root(a) @ fidelity.root(b)).trace(), "only if the covariances commute"),
    ("12.2", lambda a, b: torch.linalg.eigvals(a @ b).real.sqrt().sum(), "NaN"),
    ("12.3", mmd_with(0, lambda n: n * n), "compared with itself"),
    ("12.3", mmd_with(1, lambda n: n * n), "divided by"),
    ("12.3", mmd_with(1, lambda n: n * (n - 1), times=1), "2 in the middle"),
    ("12.4", line(lambda n: 1 / n, 0), "that is the slope"),
    ("12.4", line(lambda n: n, 1), "straight in 1 / N"),
    ("12.4", lambda sizes, values: values[-1], "too large"),
    ("12.5", coverage_with(-1, "real"), "one neighbour too small"),
    ("12.5", coverage_with(0, "made"), "divide by the number of made"),
    ("12.5", recall_with("made", "real"), "that is precision"),
    ("12.5", recall_with("real", "made"), "that is recall"),
    ("12.5", recall_with("real", "real"), "their own balls"),
    ("12.6", ssim_of_bytes, "range of bytes"),
]
