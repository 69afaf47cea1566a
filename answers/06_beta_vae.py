"""Solutions to the exercises of notebook 06, with the reason for each."""

import torch

from helpers import objective


def water_filling(eigenvalues, sigma, beta, latents):
    """06.1: the latents go to the largest directions; each keeps min(λ, T) and costs ½ log⁺(λ / T); the rest is lost."""
    ordered, level = eigenvalues.sort(descending=True).values, beta * sigma**2
    best, rest = ordered[:latents], ordered[latents:]
    squares = best.clamp(max=level).sum() + rest.sum()
    return torch.stack([squares, 0.5 * (best / level).clamp(min=1).log().sum()])


def measured_beta(loss, x, x_hat, mu, logvar):
    """06.2: in nats the gradients are (x_hat − x) / B and mu / B; how many times larger are those of the loss? B cancels."""
    x_hat, mu = x_hat.clone().requires_grad_(), mu.clone().requires_grad_()
    to_x_hat, to_mu = torch.autograd.grad(loss(x, x_hat, mu, logvar), (x_hat, mu))
    a = to_x_hat.norm() / (x_hat - x).norm()
    b = to_mu.norm() / mu.norm()
    return (b / a).item()


def cyclical(progress, cycles=4, share=0.5):
    """06.3: where within its cycle is this step? It is the remainder of progress · cycles."""
    inside = progress * cycles % 1
    return min(1.0, inside / share)


def training_and_validation(x, x_hat, mu, logvar):
    """06.4: one function for both, in nats; the weight that 0.00025 on a mean over D pixels really was is written down."""
    beta = 0.00025 * x[0].numel() / 2
    recon = 0.5 * (x - x_hat).square().flatten(1).sum(1)
    loss = (recon + beta * objective.gaussian_kl(mu, logvar)).mean()
    return loss, loss


def count_active(mu, logvar, eps):
    """06.5: an inactive latent's samples have the prior's variance, 1; only the posterior *mean* shows whether it is in use."""
    return (mu.var(0) > 0.01).sum()


def evaluate_sweep(runs, budget):
    """06.6: one row a β, in rising order; differences between neighbours; the least recon that the budget allows."""
    betas = sorted(runs)
    rows = []
    for beta in betas:
        scores = torch.tensor(runs[beta], dtype=torch.float64)  # (n, 2): recon, kl
        mean = scores.mean(0)
        error = scores.std(0) / len(scores) ** 0.5
        rows.append(torch.tensor([beta, mean[0], error[0], mean[1], error[1]]))
    points = torch.stack(rows)  # (B, 5)
    recon, kl = points[:, 1], points[:, 3]
    prices = -(recon[1:] - recon[:-1]) / (kl[1:] - kl[:-1])  # (B − 1,)
    chosen, least = None, float("inf")
    for beta, row in zip(betas, points.tolist(), strict=True):
        if row[3] <= budget and row[1] < least:
            chosen, least = beta, row[1]
    return points, prices, chosen
