"""Solutions to the exercises of notebook 13, with the reason for each."""

import torch


def mean_apart(points):
    """13.1: E|a - b|² = 2 Σ Var; with N - 1 below it is the mean over all pairs of different rows, exactly."""
    return 2 * points.var(0).sum()


def worst_perturbation(J, epsilon):
    """13.2: the first right singular vector, which lives in the space of inputs."""
    return epsilon * torch.linalg.svd(J, full_matrices=False).Vh[0]


def sign_attack(score, x, start, epsilon, steps):
    """13.3: clamping a *step* does not bound the sum of steps; bound the distance from x, and the range of the image."""
    adversary = start
    for _ in range(steps):
        adversary = adversary.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(score(adversary).sum(), adversary)
        adversary = adversary.detach() + epsilon / 4 * gradient.sign()
        adversary = torch.minimum(torch.maximum(adversary, x - epsilon), x + epsilon).clamp(0, 1)
    return adversary.detach()


def relative_move(z, z_tilde):
    """13.4: a squared distance sums over latents; the mean over all entries divided by Z as well, the denominator did not."""
    moved = (z - z_tilde).square().sum(1).mean()
    apart = torch.pdist(z).square().mean()
    return moved / apart


def robust_share(distances, r):
    """13.5: more than half of the draws of each image within r; then the mean over images."""
    return ((distances <= r).double().mean(0) > 0.5).double().mean()
