"""Solutions to the exercises of notebook 05, with the reason for each."""

import math

import torch
from torch.distributions import Normal


def kl_between(mu1, logvar1, mu2, logvar2):
    """05.1: log of the ratio of variances, plus variance and squared shift over the second, minus one; halved, summed."""
    reach = (logvar1.exp() + (mu1 - mu2) ** 2) / logvar2.exp()  # (B, Z)
    return 0.5 * (logvar2 - logvar1 + reach - 1).sum(1)


def posterior_samples(mu, logvar, eps):
    """05.2: broadcasting adds the axis K; exp(logvar / 2) is the standard deviation."""
    return mu + torch.exp(0.5 * logvar) * eps


def hidden_beta(pixels, latents, scale):
    """05.3: in nats a squared error counts half: scale · mean = (2 · scale / D) · nats; the mean of KL is 1/Z of its sum."""
    return (1 / latents) / (2 * scale / pixels)


def sample_and_kl(mu, log_sigma, eps):
    """05.4: the head is log σ, so σ² = exp(2 · log σ), log σ² = 2 · log σ. (The course's own heads are log σ², to avoid this.)"""
    z = mu + torch.exp(log_sigma) * eps
    kl = 0.5 * (mu**2 + torch.exp(2 * log_sigma) - 1 - 2 * log_sigma).sum(1)
    return z, kl


def equal_share_ticks(n):
    """05.5: the middles of n equal shares are (i + ½) / n; 0 and 1 are never touched."""
    return Normal(0.0, 1.0).icdf((torch.arange(n) + 0.5) / n)


def train_epoch(model, optimizer, images, order, generator, batch=32):
    """05.6: one step a batch; the root mean squared error is the best σ, and its gradient there is 0; means weighted by images."""
    recon_sum = kl_sum = 0.0
    for which in order.split(batch):
        x = images[which].float() / 255
        mu, logvar = model.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator)
        square = (x - model.decode(z)).square().flatten(1)  # (B, P)
        sigma = square.mean().sqrt()
        pixels = square.shape[1]
        recon = square.sum(1) / (2 * sigma**2) + pixels * (sigma.log() + 0.5 * math.log(2 * math.pi))
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        optimizer.zero_grad()
        (recon + kl).mean().backward()
        optimizer.step()
        recon_sum += recon.sum().item()
        kl_sum += kl.sum().item()
    return recon_sum / len(order), kl_sum / len(order)
