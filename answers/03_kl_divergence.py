"""Solutions to the exercises of notebook 03, with the reason for each."""

import math

import torch
from torch.distributions import Independent, Normal


def divergence_in_bits(q, p):
    """03.1: leave out what never happens; the logarithm to base 2 makes it bits; q / 0 is inf, and so is its logarithm."""
    happens = q > 0
    return (q[happens] * torch.log2(q[happens] / p[happens])).sum()


def covering_gaussian(weights, means, sigmas):
    """03.2: forward matches moments; a mixture's variance is the mean of the variances plus the variance of the means."""
    mean = (weights * means).sum()
    variance = (weights * (sigmas**2 + (means - mean) ** 2)).sum()
    return torch.stack([mean, variance.sqrt()])


def kl_gradients(mu, logvar, beta):
    """03.3: the derivatives of ½ (mu² + exp(logvar) − 1 − logvar); expm1 keeps the digits near 0."""
    return beta * torch.stack([mu, 0.5 * torch.expm1(logvar)])


def estimated_kl(mu, logvar, log_prior, eps):
    """03.4: sample the posterior, average log q − log p over the samples; the error of a mean is the deviation over √K."""
    sigma = torch.exp(0.5 * logvar)
    z = mu + sigma * eps  # (K, Z)
    ratio = Independent(Normal(mu, sigma), 1).log_prob(z) - log_prior(z)  # (K,)
    return torch.stack([ratio.mean(), ratio.std() / math.sqrt(len(ratio))])


def kl_per_image(mu, logvar):
    """03.5: divergences of independent coordinates add up; the mean over Z latents divides the KL by Z."""
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def table_of_checks(mu, logvar, eps):
    """03.6: three routes to one number; each integral has a grid of its own, and log densities add up over the latents."""
    sigma = torch.exp(0.5 * logvar)

    def log_q(z):
        return -0.5 * ((z - mu) / sigma) ** 2 - 0.5 * logvar - 0.5 * math.log(2 * math.pi)

    def log_p(z):
        return -0.5 * z**2 - 0.5 * math.log(2 * math.pi)

    closed = 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum()

    steps = torch.linspace(-10, 10, 20_001, dtype=mu.dtype)[:, None]  # (20001, 1)
    z = mu + sigma * steps  # (20001, Z)
    integrand = log_q(z).exp() * (log_q(z) - log_p(z))
    integral = torch.trapezoid(integrand, z, dim=0).sum()

    z = mu + sigma * eps  # (K, Z)
    ratio = (log_q(z) - log_p(z)).sum(1)  # (K,)
    error = ratio.std() / math.sqrt(len(ratio))
    return torch.stack([closed, integral, ratio.mean(), error])
