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
