"""Typical wrong solutions of the exercises of notebook 13."""

import torch

from helpers.robustness import projected


def stepping(mend):
    def sign_attack(score, x, start, epsilon, steps):
        adversary = start
        for _ in range(steps):
            adversary = adversary.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(score(adversary).sum(), adversary)
            adversary = mend(adversary.detach() + epsilon / 4 * gradient.sign(), x, epsilon)
        return adversary.detach()

    return sign_attack


def projected_once(score, x, start, epsilon, steps):
    loose = stepping(lambda proposal, x, epsilon: proposal)(score, x, start, epsilon, steps)
    return projected(loose, x, epsilon, "linf")


SLIPS = [
    ("13.1", lambda points: 2 * points.var(0, correction=0).sum(), "distance to itself"),
    ("13.1", lambda points: points.var(0).sum(), "exactly half"),
    ("13.1", lambda points: 2 * points.var(0).mean(), "averaged over the latents"),
    ("13.1", lambda points: torch.pdist(points).mean(), "mean of its square"),
    ("13.2", lambda J, epsilon: torch.linalg.svd(J).Vh[0], "its length is"),
    ("13.2", lambda J, epsilon: epsilon * torch.linalg.svd(J).Vh[-1], "moves the output least"),
    ("13.2", lambda J, epsilon: epsilon * torch.linalg.svd(J, full_matrices=False).Vh[-1], "moves the output least"),
    ("13.2", lambda J, epsilon: epsilon * J.sum(0) / J.sum(0).norm(), "is possible"),
    ("13.3", stepping(lambda p, x, e: p.clamp(0, 1)), "bound the way from x"),
    ("13.3", stepping(lambda p, x, e: torch.minimum(torch.maximum(p, x - e), x + e)), "outside [0, 1]"),
    ("13.3", lambda score, x, start, epsilon, steps: x, "nothing was changed"),
    ("13.3", projected_once, "after every step"),
    ("13.4", lambda z, w: (z - w).square().sum() / torch.pdist(z).square().mean(), "summed over the pictures"),
    ("13.4", lambda z, w: (z - w).square().sum(1).mean() / torch.cdist(z, z).square().mean(), "distance to itself"),
    ("13.5", lambda distances, r: (distances <= r).double().mean(), "share of all draws"),
    ("13.5", lambda distances, r: (distances.mean(0) <= r).double().mean(), "the median"),
    ("13.5", lambda distances, r: (distances.median(1).values <= r).double().mean(), "wrong axis"),
    ("13.5", lambda distances, r: (distances.median(0).values > r).double().mean(), "*not* robust"),
]
